"""What the place, shape and colour of two fragments say of whether they are one object, before any learning.

Every column is the same for (i, j) and (j, i), and none changes when the scene is turned about the vertical
or moved along the floor: parts of furniture that was never seen meet as those of any other do.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from autoseg3d_core.geometry.boxes import box_iou_3d, box_volume
from autoseg3d_core.geometry.groups import group_mean, group_size
from autoseg3d_core.geometry.voxels import cells_of, pack
from autoseg3d_core.sparse.keys import distinct

CELLS_M = (0.05, 0.1, 0.2)
"""Fragments meet where they have points in one cell of such a grid."""
PADDING_M = 0.02
"""A box is so much larger on each side, so that a flat one has a volume."""
EDGE_CHANNELS = 37


@torch.no_grad()
def fragment_edges(
    xyz: Float[Tensor, "points 3"],
    rgb: Float[Tensor, "points 3"],
    fragment: Int64[Tensor, " points"],
    count: int,
) -> Float[Tensor, "fragments fragments channels"]:
    """Return the columns of every pair of `count` fragments; points of fragment -1 are ignored."""
    held = (fragment >= 0).nonzero()[:, 0]
    xyz, rgb, fragment = xyz[held], rgb[held], fragment[held]
    parts = [
        *_meetings(xyz, fragment, count),
        *_places(xyz, fragment, count),
        *_shapes(xyz, fragment, count),
        *_colours(rgb, fragment, count),
    ]
    return torch.stack(parts, dim=2).to(xyz.dtype)


def _meetings(xyz: Tensor, fragment: Tensor, count: int) -> list[Tensor]:
    """Return the share of the smaller and of the larger fragment's cells in which both have points."""
    columns = []
    for size in CELLS_M:
        shared, cells = xyz.new_zeros(count, count), xyz.new_zeros(count)
        for shift in (0.0, size / 2):  # what one grid parts the other does not
            voxels = distinct(pack(cells_of(xyz + shift, size)))
            there = xyz.new_zeros(len(voxels.shortest), count)
            there[voxels.index, fragment] = 1
            shared, cells = shared + there.T @ there, cells + there.sum(dim=0)
        smaller, larger = _pairwise(cells)
        columns += [(shared / smaller.clamp(min=1)).sqrt(), (shared / larger.clamp(min=1)).sqrt()]
    return columns


def _places(xyz: Tensor, fragment: Tensor, count: int) -> list[Tensor]:
    """Return distances, gaps and overlaps of the fragments' boxes, and the size of a box around both."""
    low, high = _span(xyz, fragment, count)
    center = group_mean(xyz, fragment, count)
    apart = (center[:, None] - center[None]).abs()
    gap = (torch.maximum(low[:, None], low[None]) - torch.minimum(high[:, None], high[None])).clamp(min=0)
    around_low, around_high = torch.minimum(low[:, None], low[None]), torch.maximum(high[:, None], high[None])
    around = around_high - around_low
    boxes = torch.cat([low - PADDING_M, high + PADDING_M], dim=1)
    smaller, larger = _pairwise(box_volume(boxes))
    iou = box_iou_3d(boxes, boxes)
    common = iou * (smaller + larger) / (1 + iou)
    return [
        apart[..., :2].norm(dim=2),
        apart[..., 2],
        gap[..., :2].norm(dim=2),
        gap[..., 2],
        iou,
        common / smaller.clamp(min=1e-9),
        around[..., :2].norm(dim=2),
        around[..., 2],
        around_low[..., 2],
        around_high[..., 2],
    ]


def _shapes(xyz: Tensor, fragment: Tensor, count: int) -> list[Tensor]:
    """Return how large and flat the fragments are, how they are turned, and how far each lies off the other's
    plane."""
    center = group_mean(xyz, fragment, count)
    off = xyz - center[fragment]
    spread = group_mean((off[:, :, None] * off[:, None]).flatten(1), fragment, count).view(count, 3, 3)
    variance, axes = torch.linalg.eigh(spread.double())
    deviation = variance.clamp(min=0).sqrt().to(xyz.dtype)  # ascending
    normal, longest = axes[..., 0].to(xyz.dtype), axes[..., 2].to(xyz.dtype)
    flatness = deviation[:, 0] / deviation[:, 1].clamp(min=1e-3)
    length = deviation[:, 1] / deviation[:, 2].clamp(min=1e-3)
    between = center[None] - center[:, None]
    beside = (normal[:, None] * between).sum(dim=2).abs()  # how far j lies off the plane of i
    columns = [(normal @ normal.T).abs(), (longest @ longest.T).abs(), *_ordered(beside, beside.T)]
    sizes = group_size(fragment, count).to(xyz.dtype)
    for values in (
        flatness.clamp(max=2),
        length,
        deviation[:, 2],
        deviation[:, 1],
        normal[:, 2].abs(),
        (sizes + 1).log() / 5,
    ):
        columns += _pairwise(values)
    return columns


def _colours(rgb: Tensor, fragment: Tensor, count: int) -> list[Tensor]:
    """Return how much the fragments differ in colour, in lightness and in how mottled they are."""
    mean = group_mean(rgb, fragment, count)
    deviation = (group_mean(rgb.square(), fragment, count) - mean.square()).clamp(min=0).sqrt().mean(dim=1)
    light = mean.mean(dim=1)
    tint = mean / light.clamp(min=0.05)[:, None]
    return [
        torch.cdist(mean, mean),
        (light[:, None] - light[None]).abs(),
        torch.cdist(tint, tint),
        *_pairwise(deviation),
    ]


def _span(xyz: Tensor, fragment: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the lowest and highest coordinates of each fragment; zeros for an empty one."""
    index, nothing = fragment[:, None].expand(-1, 3), xyz.new_zeros(count, 3)
    low = nothing.scatter_reduce(0, index, xyz, "amin", include_self=False)
    return low, nothing.scatter_reduce(0, index, xyz, "amax", include_self=False)


def _pairwise(values: Float[Tensor, " fragments"]) -> list[Tensor]:
    """Return the smaller and the larger value of every pair."""
    return _ordered(values[:, None].expand(-1, len(values)), values[None].expand(len(values), -1))


def _ordered(first: Tensor, second: Tensor) -> list[Tensor]:
    return [torch.minimum(first, second), torch.maximum(first, second)]
