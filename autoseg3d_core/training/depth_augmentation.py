"""What depth sensors do wrong, at random: noise, steps, smeared edges, holes, a shift, no depth at all.

Every function takes and returns one depth image (m, 0 unknown) and draws from the generator that it is given.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Float32

from autoseg3d_core.simulation.sensor_noise import noisy_depth, with_edge_holes

Depth = Float32[np.ndarray, "height width"]
NONE_CHANCE = 0.05
CHANGE_CHANCE = 0.3


def worsened_depth(depth: Depth, rng: np.random.Generator) -> Depth:
    """Return depth as a worse sensor would have measured it, or none at all."""
    if rng.random() < NONE_CHANCE:
        return np.zeros_like(depth)
    depth = depth * np.where(depth > 0, np.float32(rng.uniform(0.75, 1.3)), np.float32(0))
    for change in _CHANGES:
        if rng.random() < CHANGE_CHANCE:
            depth = change(depth, rng)
    return depth


def _noise(depth: Depth, rng: np.random.Generator) -> Depth:
    return noisy_depth(depth, rng.uniform(0.0005, 0.008), rng.choice([0.0, 0.001, 0.004]), rng)


def _smeared(depth: Depth, rng: np.random.Generator) -> Depth:
    """Return depth whose near things have grown or shrunk, as matching windows make them."""
    size = int(rng.integers(2, 6))
    kernel = np.ones((size, size), np.uint8)
    kind = rng.random()
    if kind < 0.4:
        return np.where(depth > 0, -cv2.dilate(-np.where(depth > 0, depth, 99), kernel), 0).astype(np.float32)
    if kind < 0.6:
        return np.where(depth > 0, cv2.dilate(depth, kernel), 0).astype(np.float32)
    return cv2.medianBlur(depth, 5 if size > 3 else 3)


def _edge_holes(depth: Depth, rng: np.random.Generator) -> Depth:
    return with_edge_holes(depth, rng)


def _shifted(depth: Depth, rng: np.random.Generator) -> Depth:
    rows, columns = rng.normal(0, 1.0, 2)
    matrix = np.array([[1, 0, columns], [0, 1, rows]], np.float32)
    return cv2.warpAffine(depth, matrix, depth.shape[::-1], flags=cv2.INTER_NEAREST, borderValue=0)


def _patches(depth: Depth, rng: np.random.Generator) -> Depth:
    """Return depth with holes of some size, as on bare, shiny or dark surfaces."""
    height, width = depth.shape
    side = int(rng.integers(3, 24))
    coarse = rng.random((height // side + 2, width // side + 2), dtype=np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.where(smooth < rng.uniform(0.05, 0.35), np.float32(0), depth)


def _shadows(depth: Depth, rng: np.random.Generator) -> Depth:
    """Return depth with holes on one side of what is near, as a projector beside the camera makes."""
    shift = int(rng.integers(2, 9)) * (1 if rng.random() < 0.5 else -1)
    beside = np.roll(depth, shift, axis=1)
    return np.where((beside > 0) & (beside < depth * np.float32(0.93)), np.float32(0), depth)


def _short(depth: Depth, rng: np.random.Generator) -> Depth:
    return np.where(depth > rng.uniform(2.0, 6.0), np.float32(0), depth)


_CHANGES: tuple[Callable[[Depth, np.random.Generator], Depth], ...] = (
    _noise,
    _smeared,
    _edge_holes,
    _shadows,
    _patches,
    _shifted,
    _short,
)
