"""How the decoder knows places: what queries and points are told of theirs, and where boxes start from.

`Published` is that of ESAM: queries are told nothing, points their coordinates, and a box starts as a cube of
1 m at the mean of the fragment's points. `Extent` tells both their place as waves of several lengths, queries
the size of their fragment too, and a box starts as the fragment's own: that is learned in far fewer steps.
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
    """What is told of places; the channel counts are those of what queries and points are told."""

    query_channels: int
    point_channels: int

    def of_queries(
        self, centers: Float[Tensor, "queries 3"], sizes: Float[Tensor, "queries 3"]
    ) -> Float[Tensor, "queries query_channels"]:
        """Return what queries are told of their fragments' places."""
        ...

    def of_points(self, xyz: Float[Tensor, "points 3"]) -> Float[Tensor, "points point_channels"]:
        """Return what points are told of their places."""
        ...

    def boxes(
        self,
        raw: Float[Tensor, "queries 6"],
        centers: Float[Tensor, "queries 3"],
        sizes: Float[Tensor, "queries 3"],
    ) -> Float[Tensor, "queries 6"]:
        """Return boxes by their corners from what the box head says: a shift, and logarithms of sizes."""
        ...


class Published:
    """Points know their coordinates, and nobody else anything."""

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
    """Everything knows its place, and boxes start from the fragments' own."""

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
        """Return boxes that are the fragments' own where the head says nothing."""
        sizes = sizes + LEAST_SIZE_M
        return _corners(centers + raw[:, :3] * sizes, raw[:, 3:].exp() * sizes)


PLACEMENTS: dict[str, Placement] = {"published": Published(), "extent": Extent()}


def _corners(
    center: Float[Tensor, "queries 3"], size: Float[Tensor, "queries 3"]
) -> Float[Tensor, "queries 6"]:
    return torch.cat([center - size / 2, center + size / 2], dim=1)
