"""Oriented boxes held against each other: the smallest upright one around points, and how far two overlap."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from autoseg3d_core.geometry.boxes import box_axes


def smallest_box(xyz: Float[np.ndarray, "points 3"], up: Float[np.ndarray, "3"]) -> Float[np.ndarray, "10"]:
    """Return the oriented box around all points that covers the least ground; `up` is a unit vector."""
    side = np.eye(3)[np.argmin(np.abs(up))]
    east = np.cross(side, up) / np.linalg.norm(np.cross(side, up))
    frame = np.column_stack([east, np.cross(up, east), up])
    middle = xyz.mean(axis=0, dtype=np.float64)
    own = (xyz - middle) @ frame
    center, size, degrees = cv2.minAreaRect(own[:, :2].astype(np.float32))
    turn = np.radians(degrees + (90 if size[1] > size[0] else 0))
    low, high = own[:, 2].min(), own[:, 2].max()
    axes = frame @ Rotation.from_euler("z", turn).as_matrix()
    place = middle + frame @ (*center, (low + high) / 2)
    return np.concatenate([place, [max(size), min(size), high - low], Rotation.from_matrix(axes).as_quat()])


def oriented_iou(
    first: Float[np.ndarray, "boxes 10"], second: Float[np.ndarray, "boxes 10"]
) -> Float[np.ndarray, " boxes"]:
    """Return the volume overlap of each pair of boxes that stand on one vertical: intersection over union."""
    axes = box_axes(first)
    pairs = zip(first, second, axes, box_axes(second), strict=True)
    return np.array([_pair_iou(*pair) for pair in pairs])


def _pair_iou(first: np.ndarray, second: np.ndarray, axes: np.ndarray, other: np.ndarray) -> float:
    offset = (second[:3] - first[:3]) @ axes
    turn = np.degrees(np.arctan2(other[:, 0] @ axes[:, 1], other[:, 0] @ axes[:, 0]))
    _, corners = cv2.rotatedRectangleIntersection(
        ((0.0, 0.0), tuple(map(float, first[3:5])), 0.0),
        (tuple(map(float, offset[:2])), tuple(map(float, second[3:5])), float(turn)),
    )
    ground = 0.0 if corners is None else cv2.contourArea(cv2.convexHull(corners))
    top = min(first[5] / 2, offset[2] + second[5] / 2)
    bottom = max(-first[5] / 2, offset[2] - second[5] / 2)
    shared = ground * max(0.0, top - bottom)
    union = first[3:6].prod() + second[3:6].prod() - shared
    return float(shared / union) if union > 0 else 0.0
