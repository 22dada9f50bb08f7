"""What a network should say of one frame: the true objects, point by point and fragment by fragment."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from autoseg3d_core.geometry.groups import group_size

NO_LABEL = -1
MAJORITY = 0.5
"""A fragment lies in the object that owns more than this share of its points."""


@dataclass(frozen=True, eq=False)
class FrameTargets:
    """The true objects of a frame, a row each, and the row that each point of its cloud belongs to (-1 none).

    `ids` are those of the sequence; `boxes` are of the complete objects, in the coordinates of the cloud.
    """

    point_object: Int64[Tensor, " points"]
    ids: Int64[Tensor, " objects"]
    labels: Int64[Tensor, " objects"]
    boxes: Float[Tensor, "objects 6"]

    def __len__(self) -> int:
        return len(self.ids)

    def masks(self, rows: Int64[Tensor, " points"] | None = None) -> Bool[Tensor, "objects points"]:
        """Return the mask of each object over all points, or over some."""
        owner = self.point_object if rows is None else self.point_object[rows]
        return owner[None] == torch.arange(len(self), device=owner.device)[:, None]

    def shares(
        self, fragment: Int64[Tensor, " points"], fragments: int
    ) -> Float[Tensor, "objects fragments"]:
        """Return the share of each fragment's points that each object owns."""
        objects = len(self)
        cell = (self.point_object + 1) * (fragments + 1) + fragment + 1
        counts = torch.bincount(cell, minlength=(objects + 1) * (fragments + 1))
        held = counts.view(objects + 1, fragments + 1)[1:, 1:]
        return held / group_size(fragment, fragments).clamp(min=1)


def fragment_objects(shares: Float[Tensor, "objects fragments"]) -> Int64[Tensor, " fragments"]:
    """Return the row of the object that each fragment lies in, -1 for none."""
    if len(shares) == 0:
        return torch.full((shares.shape[1],), -1, dtype=torch.int64, device=shares.device)
    most, row = shares.max(dim=0)
    return torch.where(most > MAJORITY, row, -1)
