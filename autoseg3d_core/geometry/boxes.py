"""Axis-aligned boxes `(xmin, ymin, zmin, xmax, ymax, zmax)` in the world frame, in metres."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def box_volume(boxes: Float[Tensor, "boxes 6"]) -> Float[Tensor, " boxes"]:
    """Return the volumes in cubic metres; a box with a negative side has none."""
    return (boxes[:, 3:] - boxes[:, :3]).clamp(min=0).prod(dim=1)


def box_iou_3d(
    first: Float[Tensor, "rows 6"], second: Float[Tensor, "columns 6"]
) -> Float[Tensor, "rows columns"]:
    """Return the volume overlap of every pair: intersection over union, 0 where both are empty."""
    low = torch.maximum(first[:, None, :3], second[None, :, :3])
    high = torch.minimum(first[:, None, 3:], second[None, :, 3:])
    intersection = (high - low).clamp(min=0).prod(dim=2)
    union = box_volume(first)[:, None] + box_volume(second)[None] - intersection
    return torch.where(union > 0, intersection / union.clamp(min=1e-12), 0.0)
