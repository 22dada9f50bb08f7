"""Boxes in the world, in metres: axis-aligned, and oriented (upright, but turned about the vertical).

What the numbers of each mean is said in `structures`.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float64
from scipy.spatial.transform import Rotation
from torch import Tensor

CORNERS = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)], float) - 0.5
"""The corners of a box of size 1 around its centre: bit 2 - k of a corner's index says its side of axis k."""
EDGES = tuple((a, a | bit) for a in range(8) for bit in (1, 2, 4) if not a & bit)
"""The two corners of each of a box's twelve edges."""


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


def standing_boxes(boxes: Float[Tensor, "boxes 6"]) -> Float[Tensor, "boxes 10"]:
    """Return axis-aligned boxes as oriented ones that are not turned, where z is the vertical."""
    turn = boxes.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(len(boxes), 4)
    return torch.cat([(boxes[:, :3] + boxes[:, 3:]) / 2, boxes[:, 3:] - boxes[:, :3], turn], dim=1)


def moved_boxes(
    boxes: Float[Tensor, "boxes 6"], moves: Float64[Tensor, "boxes 4 4"]
) -> Float[Tensor, "boxes 6"]:
    """Return axis-aligned boxes around them after a rigid move of each."""
    middle, half = (boxes[:, :3] + boxes[:, 3:]) / 2, (boxes[:, 3:] - boxes[:, :3]) / 2
    center = moved_points(middle, moves)
    reach = (moves[:, :3, :3].abs() @ half.double()[:, :, None])[:, :, 0].to(boxes.dtype)
    return torch.cat([center - reach, center + reach], dim=1)


def moved_points(
    xyz: Float[Tensor, "points 3"], moves: Float64[Tensor, "points 4 4"]
) -> Float[Tensor, "points 3"]:
    """Return each point after its own rigid move."""
    turned = (moves[:, :3, :3] @ xyz.double()[:, :, None])[:, :, 0]
    return (turned + moves[:, :3, 3]).to(xyz.dtype)


def moved_oriented_boxes(
    oriented: Float[Tensor, "boxes 10"], moves: Float64[Tensor, "boxes 4 4"]
) -> Float[Tensor, "boxes 10"]:
    """Return oriented boxes after a rigid move of each."""
    if len(oriented) == 0:
        return oriented
    turns = Rotation.from_matrix(moves[:, :3, :3].cpu().numpy()) * Rotation.from_quat(
        oriented[:, 6:].double().cpu().numpy()
    )
    quaternions = torch.from_numpy(turns.as_quat()).to(oriented)
    return torch.cat([moved_points(oriented[:, :3], moves), oriented[:, 3:6], quaternions], dim=1)


def box_axes(oriented: Float[np.ndarray, "boxes 10"]) -> Float[np.ndarray, "boxes 3 3"]:
    """Return the rotation from each oriented box's own axes, which are its columns, to the world."""
    if len(oriented) == 0:
        return np.zeros((0, 3, 3))
    return Rotation.from_quat(oriented[:, 6:]).as_matrix()


def box_corners(oriented: Float[np.ndarray, "boxes 10"]) -> Float[np.ndarray, "boxes 8 3"]:
    """Return the corners of oriented boxes in the world, in the order of `CORNERS`."""
    own = CORNERS * oriented[:, None, 3:6]  # (boxes, 8, 3)
    return oriented[:, None, :3] + own @ box_axes(oriented).transpose(0, 2, 1)
