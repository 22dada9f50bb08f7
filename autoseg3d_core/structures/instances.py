"""The objects of one frame, and a network's predictions before they are selected."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from autoseg3d_core.structures.rows import Rows
from autoseg3d_core.structures.sentinels import NOBODY


@dataclass(frozen=True, eq=False)
class Prediction:
    """A network's predictions for one frame, a row per query; masks are soft, over the cloud's points.

    `scene_boxes` are those of the complete objects, in the scene frame.
    """

    class_logits: Float[Tensor, "queries classes_and_background"]
    mask_logits: Float[Tensor, "queries points"]
    scene_boxes: Float[Tensor, "queries 6"]
    queries: Float[Tensor, "queries channels"]


@dataclass(frozen=True, eq=False)
class FrameInstances(Rows):
    """The objects as seen in one frame, a row each; masks are over the points of its cloud.

    `world_boxes` and `centroids` are those of the masks' points, in the world. `description` is what the
    model itself says of each, and only the model knows what that means.
    """

    masks: Bool[Tensor, "instances points"]
    scores: Float[Tensor, " instances"]
    labels: Int64[Tensor, " instances"]
    world_boxes: Float[Tensor, "instances 6"]
    centroids: Float[Tensor, "instances 3"]
    description: Rows

    @cached_property
    def owner(self) -> Int64[Tensor, " points"]:
        """The instance that each point belongs to, or `NOBODY`; the highest score wins an overlap."""
        instances, points = self.masks.shape
        if instances == 0:
            return torch.full((points,), NOBODY, dtype=torch.int64, device=self.masks.device)
        order = torch.argsort(self.scores, descending=True, stable=True)
        rank = torch.arange(instances, 0, -1, dtype=torch.int16, device=order.device)
        best = (self.masks[order] * rank[:, None]).amax(dim=0).long()  # (points,), 0 where uncovered
        return torch.where(best > 0, order[instances - best.clamp(min=1)], NOBODY)
