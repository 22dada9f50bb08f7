"""Whether depth edges lie on colour edges, or would if the depth image were shifted or scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from autoseg3d_core.structures import Frame

WIDTH = 320
SCALES = np.array([0.85, 0.88, 0.91, 0.94, 0.97, 1.0, 1.03, 1.06, 1.1, 1.14, 1.18])
ACROSS = np.arange(-16, 17, 2)
DOWN = np.arange(-8, 9, 4)
"""Scales of the depth image about its middle and shifts (pixels of `WIDTH`) that are tried."""
NEAR_SCALE, NEAR_SHIFT = 0.031, 4
"""What counts as where it is: simulated and real sensors are off by a little."""
JUMP, FLAT = 0.08, 0.03
"""Shares of the depth: a jump between two surfaces, and what one surface keeps within."""
EDGES_PER_FRAME = 700


@dataclass(frozen=True)
class Fit:
    """How strong colour's edges are under depth's: where depth is, at its best, and from how many edges.

    `off_px` is how far the best lies from where depth is, at the image's side, in pixels of `WIDTH` columns.
    """

    here: float
    best: float
    off_px: float
    edges: int


def edge_fit(frames: Sequence[Frame]) -> Fit:
    """Return the fit over all frames."""
    total = np.zeros((len(SCALES), len(DOWN), len(ACROSS)))
    count = np.zeros_like(total)
    for frame in frames:
        strength, depth_edges = _color_edges(frame), _depth_edges(frame)
        _add(total, count, strength, depth_edges)
    fit = total / np.maximum(count, 1)
    best = np.unravel_index(int(fit.argmax()), fit.shape)
    near = (np.abs(SCALES - 1) < NEAR_SCALE)[:, None, None] & (np.abs(ACROSS) <= NEAR_SHIFT)[None, None, :]
    near = near & (np.abs(DOWN) <= NEAR_SHIFT)[None, :, None]
    off = abs(SCALES[best[0]] - 1) * WIDTH / 2 + max(abs(ACROSS[best[2]]), abs(DOWN[best[1]]))
    return Fit(float(fit[near].max()), float(fit.max()), float(off), int(count.max()))


def _add(total: np.ndarray, count: np.ndarray, strength: np.ndarray, edges: np.ndarray) -> None:
    rows, columns = np.nonzero(edges)
    every = max(1, len(rows) // EDGES_PER_FRAME)
    rows, columns = rows[::every], columns[::every]
    height, width = strength.shape
    for i, scale in enumerate(SCALES):
        scaled_rows = np.round((rows - height / 2) * scale + height / 2).astype(int)
        scaled_columns = np.round((columns - width / 2) * scale + width / 2).astype(int)
        y = scaled_rows[:, None, None] + DOWN[None, :, None]
        x = scaled_columns[:, None, None] + ACROSS
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        values = strength[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
        total[i] += np.where(inside, values, 0).sum(axis=0)
        count[i] += inside.sum(axis=0)


def _color_edges(frame: Frame) -> Float32[np.ndarray, "rows columns"]:
    """Return the strength of colour's edges, about 1 on the average of each place's surroundings."""
    height, width = frame.depth.shape
    image = cv2.resize(frame.rgb, (WIDTH, round(height * WIDTH / width)), interpolation=cv2.INTER_AREA)
    across = cv2.Sobel(image.astype(np.float32), cv2.CV_32F, 1, 0)
    down = cv2.Sobel(image.astype(np.float32), cv2.CV_32F, 0, 1)
    strength = cv2.GaussianBlur(np.sqrt(np.hypot(across, down).max(axis=2)), (0, 0), 1.0)
    return strength / (cv2.blur(strength, (61, 61)) + 3)


def _depth_edges(frame: Frame) -> Bool[np.ndarray, "rows columns"]:
    """Return the near side of depth's jumps, also of those with a narrow hole between."""
    height, width = frame.depth.shape
    depth = cv2.resize(
        frame.depth, (WIDTH, round(height * WIDTH / width)), interpolation=cv2.INTER_NEAREST_EXACT
    )
    kernel = np.ones((3, 3), np.uint8)
    far = cv2.dilate(depth, kernel)
    near = cv2.erode(np.where(depth > 0, depth, np.float32(1e6)), kernel)
    jump = (depth > 0) & (far - near > JUMP * near) & (depth - near < FLAT * near)
    beside_hole = cv2.dilate((depth == 0).astype(np.uint8), kernel) > 0
    far = cv2.dilate(depth, np.ones((9, 9), np.uint8))
    edges = jump | ((depth > 0) & beside_hole & (far - depth > JUMP * depth))
    edges[:4] = edges[-4:] = False
    edges[:, :4] = edges[:, -4:] = False
    return edges
