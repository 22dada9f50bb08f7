"""Labels of a small image put onto a large one, so that they end where depth does."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32, Int32

SPREAD = np.float32(0.03)
"""Inverse depths (1/m) that differ by more are surely of different surfaces."""
DEPTH_WEIGHT = np.float32(3.0)
"""How many small pixels farther away a label may be taken from, if depth says so."""


def enlarged(
    labels: Int32[np.ndarray, "rows columns"],
    inverse_depth: Float32[np.ndarray, "rows columns"],
    depth: Float32[np.ndarray, "height width"],
) -> Int32[np.ndarray, "height width"]:
    """Return labels at the size of a depth image (m, 0 unknown): at borders that of the pixel alike in depth.

    Elsewhere, and where depth is unknown, a pixel gets the label nearest to it. `inverse_depth` (1/m, 0
    unknown) is that of the small image.
    """
    size = depth.shape[::-1]
    large = cv2.resize(labels.astype(np.float32), size, interpolation=cv2.INTER_NEAREST).astype(np.int32)
    (row, v), (column, u) = (_places(large.shape[i], labels.shape[i]) for i in (0, 1))
    mixed = _differ(labels)
    at_border = mixed.take(row, axis=0).take(column, axis=1) & (depth > 0)
    rows, columns = np.divmod(np.flatnonzero(at_border), depth.shape[1])
    inverse, row, column, v, u = 1 / depth[rows, columns], row[rows], column[columns], v[rows], u[columns]
    best, cost = large[rows, columns], np.full(len(rows), np.inf, np.float32)
    for down in (0, 1):
        for right in (0, 1):
            there = inverse_depth[row + down, column + right]
            unlike = np.where(there > 0, np.minimum(np.abs(there - inverse) / SPREAD, 1), np.float32(0.5))
            now = np.abs(v - down) + np.abs(u - right) + DEPTH_WEIGHT * unlike
            better = now < cost
            best = np.where(better, labels[row + down, column + right], best)
            cost = np.where(better, now, cost)
    large[rows, columns] = best
    return large


def _places(large: int, small: int) -> tuple[np.ndarray, np.ndarray]:
    """Return between which two places of a small axis each of a large one lies, and how far along."""
    place = ((np.arange(large) + 0.5) * (small / large) - 0.5).clip(0, small - 1)
    first = np.minimum(place.astype(np.int64), max(small - 2, 0))
    return first, (place - first).astype(np.float32)


def _differ(labels: Int32[np.ndarray, "rows columns"]) -> np.ndarray:
    """Return whether each pixel and its three neighbours to the right and below differ in label."""
    out = np.zeros(labels.shape, bool)
    corner = labels[:-1, :-1]
    out[:-1, :-1] = (corner != labels[:-1, 1:]) | (corner != labels[1:, :-1]) | (corner != labels[1:, 1:])
    return out
