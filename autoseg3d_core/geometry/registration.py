"""Depth seen by one camera -> depth on the pixel grid of another."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32, Float64

from autoseg3d_core.structures import CameraIntrinsics


def registered(
    depth: Float32[np.ndarray, "rows columns"],
    depth_camera: CameraIntrinsics,
    camera: CameraIntrinsics,
    camera_from_depth: Float64[np.ndarray, "4 4"] | None = None,
) -> Float32[np.ndarray, "height width"]:
    """Return depth (metres, 0 unknown) as another camera sees it, of that camera's size.

    `depth_camera` is of the depth image's size. Without `camera_from_depth` both see from one place in one
    direction, and each pixel takes the nearest reading. With it each reading is moved and drawn as a patch
    of the size that it has on the other camera; the nearest one is seen.
    """
    if camera_from_depth is None or np.allclose(camera_from_depth, np.eye(4), atol=1e-9):
        return _looked_up(depth, depth_camera, camera)
    return _drawn(depth, depth_camera, camera, camera_from_depth)


def _looked_up(depth: np.ndarray, source: CameraIntrinsics, target: CameraIntrinsics) -> np.ndarray:
    columns = _nearest(np.arange(target.width), target.cx, target.fx, source.cx, source.fx)
    rows = _nearest(np.arange(target.height), target.cy, target.fy, source.cy, source.fy)
    seen = np.zeros((target.height, target.width), np.float32)
    in_rows = (rows >= 0) & (rows < depth.shape[0])
    in_columns = (columns >= 0) & (columns < depth.shape[1])
    seen[np.ix_(in_rows, in_columns)] = depth[np.ix_(rows[in_rows], columns[in_columns])]
    return seen


def _nearest(at: np.ndarray, center: float, focal: float, own_center: float, own_focal: float) -> np.ndarray:
    """Return the pixels along one axis of a camera that see what those of another see."""
    return np.floor((at - center) / focal * own_focal + own_center + 0.5).astype(np.int64)


def _drawn(
    depth: np.ndarray, source: CameraIntrinsics, target: CameraIntrinsics, target_from_source: np.ndarray
) -> np.ndarray:
    across = max(1, math.ceil(target.fx / source.fx - 1e-6))
    down = max(1, math.ceil(target.fy / source.fy - 1e-6))
    rows, columns = np.nonzero(depth > 0)
    z = depth[rows, columns].astype(np.float64)
    # Each reading stands for a patch of the surface: as many points as it has pixels on the other camera.
    places = [((i + 0.5) / across - 0.5, (j + 0.5) / down - 0.5) for i in range(across) for j in range(down)]
    pixels, depths = [], []
    for right, low in places:
        x = (columns + right - source.cx) / source.fx * z
        y = (rows + low - source.cy) / source.fy * z
        moved = np.stack([x, y, z], axis=1) @ target_from_source[:3, :3].T + target_from_source[:3, 3]
        moved = moved[moved[:, 2] > 0]
        u = np.floor(moved[:, 0] / moved[:, 2] * target.fx + target.cx + 0.5).astype(np.int64)
        v = np.floor(moved[:, 1] / moved[:, 2] * target.fy + target.cy + 0.5).astype(np.int64)
        inside = (u >= 0) & (u < target.width) & (v >= 0) & (v < target.height)
        pixels.append(v[inside] * target.width + u[inside])
        depths.append(moved[inside, 2])
    pixel, seen = np.concatenate(pixels), np.concatenate(depths)
    order = np.argsort(-seen, kind="stable")  # the nearest is written last
    image = np.zeros(target.height * target.width, np.float32)
    image[pixel[order]] = seen[order]
    return image.reshape(target.height, target.width)
