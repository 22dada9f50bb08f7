"""Surface cues of one depth image: smooth inverse depth, normals, steps and concave creases.

All of it rests on inverse depth: a plane is linear in it, so that smoothing and differences leave planes
as they are, and the noise of a structured-light or stereo sensor has the same size everywhere in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from autoseg3d_core.structures import CameraIntrinsics

SPREAD = 0.02
"""Inverse depths (1/m) that differ by more do not smooth each other."""


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Inverse depth (1/m, 0 unknown), unit normals towards the camera, and points in its frame (m)."""

    inverse_depth: Float32[np.ndarray, "height width"]
    known: Bool[np.ndarray, "height width"]
    normals: Float32[np.ndarray, "height width 3"]
    points: Float32[np.ndarray, "height width 3"]


def surfaces_of(
    depth: Float32[np.ndarray, "height width"], camera: CameraIntrinsics, window: int
) -> Surfaces:
    """Return the surfaces of a depth image (m, 0 unknown); `window` is the size of a fit in pixels."""
    known = depth > 0
    inverse = np.divide(1.0, depth, out=np.zeros_like(depth), where=known)
    filled = fill_holes(inverse, known)
    smooth = cv2.bilateralFilter(filled, window, SPREAD, window / 2, borderType=cv2.BORDER_REPLICATE)
    across, down = slopes_of(smooth, window)
    column = (np.arange(camera.width, dtype=np.float32) - np.float32(camera.cx))[None]
    row = (np.arange(camera.height, dtype=np.float32) - np.float32(camera.cy))[:, None]
    # A plane n.X = c seen at pixel (u, v) has 1/z = (nx u' + ny v' + nz) / c with u' = (u - cx) / fx.
    normals = np.dstack([across * camera.fx, down * camera.fy, smooth - column * across - row * down])
    normals *= -1 / np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-9)
    z = np.divide(1.0, smooth, out=np.zeros_like(smooth), where=smooth > 0)
    points = np.dstack([column / np.float32(camera.fx) * z, row / np.float32(camera.fy) * z, z])
    return Surfaces(smooth, known | (filled > 0), normals.astype(np.float32), points)


def steps(surfaces: Surfaces) -> Float32[np.ndarray, "height width"]:
    """Return how far inverse depth (1/m) jumps at each pixel, beyond what a slanted plane explains."""
    w = surfaces.inverse_depth
    across, down = np.zeros_like(w), np.zeros_like(w)
    across[:, 1:-1] = np.abs(w[:, 2:] - 2 * w[:, 1:-1] + w[:, :-2])
    down[1:-1] = np.abs(w[2:] - 2 * w[1:-1] + w[:-2])
    return np.maximum(across, down)


def concavity(surfaces: Surfaces, reach: int) -> Float32[np.ndarray, "height width"]:
    """Return how concave the surface is at each pixel: about the sine of the bend, 0 where convex.

    Two points on either side with normals n and positions p bend inwards when (n1 - n2).(p1 - p2) < 0
    (Stein et al., Object Partitioning using Local Convexity, 2014).
    """
    total = np.zeros_like(surfaces.inverse_depth)
    for axis in (0, 1):
        length = total.shape[axis] - 2 * reach
        if length <= 0:
            continue
        first, second = slice(0, length), slice(2 * reach, 2 * reach + length)
        pick = (lambda s: (s,)) if axis == 0 else (lambda s: (slice(None), s))
        turn = surfaces.normals[pick(first)] - surfaces.normals[pick(second)]
        way = surfaces.points[pick(first)] - surfaces.points[pick(second)]
        length_of_way = np.sqrt(np.einsum("ijk,ijk->ij", way, way)) + 1e-6
        bend = -np.einsum("ijk,ijk->ij", turn, way) / length_of_way
        middle = total[pick(slice(reach, reach + length))]
        np.maximum(middle, bend, out=middle)
    return total


def fill_holes(inverse: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return inverse depth with small holes filled from around them."""
    weight = cv2.boxFilter(known.astype(np.float32), -1, (5, 5), normalize=False)
    total = cv2.boxFilter(inverse, -1, (5, 5), normalize=False)
    around = np.divide(total, weight, out=np.zeros_like(total), where=weight >= 5)
    return np.where(known, inverse, around)


def slopes_of(values: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the slopes per pixel of the plane fitted to each window by least squares."""
    half = window // 2
    offsets = np.arange(-half, half + 1, dtype=np.float32)
    slope = offsets / (offsets @ offsets)
    mean = np.full(len(offsets), 1 / len(offsets), np.float32)
    beyond = np.pad(values, half, mode="reflect", reflect_type="odd")  # so that planes go on past the border
    inner = np.s_[half : half + values.shape[0], half : half + values.shape[1]]
    across = cv2.sepFilter2D(beyond, -1, slope, mean)[inner]
    down = cv2.sepFilter2D(beyond, -1, mean, slope)[inner]
    return across, down
