"""Axis-aligned boxes `(xmin, ymin, zmin, xmax, ymax, zmax)` in the world frame, in metres."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
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


def boxes_of_groups(
    xyz: Float[Tensor, "points 3"], group: Int64[Tensor, " points"], count: int, deviations: float = 3.0
) -> Float[Tensor, "groups 6"]:
    """Return the box of each group of points, leaving out what lies far from the rest of its group.

    A point counts along an axis when it is within `deviations` standard deviations of its group's
    mean there, so that a few flying pixels do not stretch the box. Groups -1 are ignored; an empty
    group gets a box of zeros.
    """
    kept = group >= 0
    xyz, group = xyz[kept], group[kept]
    size = torch.zeros(count, dtype=xyz.dtype, device=xyz.device)
    size.index_add_(0, group, torch.ones_like(group, dtype=xyz.dtype))
    total = torch.zeros(count, 3, dtype=xyz.dtype, device=xyz.device)
    mean = total.index_add(0, group, xyz) / size.clamp(min=1)[:, None]
    off = xyz - mean[group]
    variance = total.index_add(0, group, off * off) / size.clamp(min=1)[:, None]
    reach = deviations * variance.sqrt()
    off = torch.maximum(torch.minimum(off, reach[group]), -reach[group])
    index = group[:, None].expand(-1, 3)
    low = total.scatter_reduce(0, index, off, "amin")
    high = total.scatter_reduce(0, index, off, "amax")
    return torch.cat([mean + low, mean + high], dim=1)


def union_of_boxes(
    first: Float[Tensor, "boxes 6"], second: Float[Tensor, "boxes 6"]
) -> Float[Tensor, "boxes 6"]:
    """Return, row by row, the smallest box that holds both."""
    low = torch.minimum(first[:, :3], second[:, :3])
    return torch.cat([low, torch.maximum(first[:, 3:], second[:, 3:])], dim=1)
