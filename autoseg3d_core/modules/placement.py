"""Positional encodings of the decoder's queries and points, and the boxes that its box head refines.

`Published` is that of ESAM: queries have no encoding, points have their coordinates, and a box starts as a
cube of 1 m at the mean of the fragment's points. `Extent` encodes both positions as sine waves of several
lengths, for queries the size of their fragment too, and a box starts as that of the fragment: it needs far
fewer training steps.
"""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

WAVES_M = (8.0, 4.0, 2.0, 1.0)
LEAST_SIZE_M = 0.05
"""Added to a fragment's size, so that a flat one can grow into a box."""


@runtime_checkable
class Placement(Protocol):
    """Positional encodings; the channel counts are those of the encodings of queries and of points."""

    query_channels: int
    point_channels: int

    def of_queries(
        self, centers: Float[Tensor, "queries 3"], sizes: Float[Tensor, "queries 3"]
    ) -> Float[Tensor, "queries query_channels"]:
        """Return the positional encodings of queries, from their fragments."""
        ...

    def of_points(self, xyz: Float[Tensor, "points 3"]) -> Float[Tensor, "points point_channels"]:
        """Return the positional encodings of points."""
        ...

    def boxes(
        self,
        raw: Float[Tensor, "queries 6"],
        centers: Float[Tensor, "queries 3"],
        sizes: Float[Tensor, "queries 3"],
    ) -> Float[Tensor, "queries 6"]:
        """Return boxes by their corners from the output of the box head: a shift, and logarithms of sizes."""
        ...


class Published:
    """Points are encoded by their coordinates, queries not at all."""

    query_channels = 0
    point_channels = 3

    def of_queries(self, centers: Tensor, sizes: Tensor) -> Tensor:
        """Return nothing."""
        return centers[:, :0]

    def of_points(self, xyz: Tensor) -> Tensor:
        """Return the coordinates."""
        return xyz

    def boxes(self, raw: Tensor, centers: Tensor, sizes: Tensor) -> Tensor:
        """Return boxes about the fragments' centres, whatever the fragments' size."""
        return _corners(centers + raw[:, :3], raw[:, 3:].exp())


class Extent:
    """Queries and points are encoded by position, and boxes start from those of the fragments."""

    query_channels = 6 * len(WAVES_M) + 6
    point_channels = 6 * len(WAVES_M) + 3

    def of_queries(self, centers: Tensor, sizes: Tensor) -> Tensor:
        """Return the place as coordinates and waves, and the size."""
        return torch.cat([self.of_points(centers), sizes], dim=1)

    def of_points(self, xyz: Tensor) -> Tensor:
        """Return the place as coordinates and waves."""
        turns = (2 * math.pi / xyz.new_tensor(WAVES_M))[:, None] * xyz[:, None]  # (points, waves, 3)
        return torch.cat([xyz, turns.sin().flatten(1), turns.cos().flatten(1)], dim=1)

    def boxes(self, raw: Tensor, centers: Tensor, sizes: Tensor) -> Tensor:
        """Return boxes, which are those of the fragments where the output of the head is zero."""
        sizes = sizes + LEAST_SIZE_M
        return _corners(centers + raw[:, :3] * sizes, raw[:, 3:].exp() * sizes)


PLACEMENTS: dict[str, Placement] = {"published": Published(), "extent": Extent()}


def _corners(
    center: Float[Tensor, "queries 3"], size: Float[Tensor, "queries 3"]
) -> Float[Tensor, "queries 6"]:
    return torch.cat([center - size / 2, center + size / 2], dim=1)
