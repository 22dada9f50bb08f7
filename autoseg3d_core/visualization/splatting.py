"""Points onto a picture: the nearest point of every pixel, and shade where depth steps back."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, Int64

SHADE = 0.9
"""How dark a pixel gets per step back behind its neighbours."""
DEEPEST_SHADE = 0.65
EMPTY = -1


def nearest_points(
    at: Float[np.ndarray, "points 2"],
    away: Float[np.ndarray, " points"],
    size: int,
    shape: tuple[int, int],
) -> Int64[np.ndarray, "height width"]:
    """Return the index of the point seen at each pixel, -1 where none; a point is a square of `size`.

    `at` is column and row, `away` the distance from the viewer. The nearest point covers the others; gaps
    narrower than two points are closed.
    """
    order = np.argsort(-away, kind="stable")  # far first, so that the nearest is written last
    column, row = np.floor(at[order]).astype(np.int64).T
    inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
    nobody = np.float32(len(away))
    rank: np.ndarray = np.full(shape, nobody, np.float32)  # 0 is the nearest of all; exact up to 2^24 points
    rank[row[inside], column[inside]] = (len(away) - 1 - np.arange(len(away)))[inside]
    rank = cv2.erode(rank, np.ones((size, size), np.uint8), borderValue=(float(nobody),))
    seen = (rank < nobody).astype(np.uint8)
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * size + 1, 2 * size + 1))
    closed = cv2.morphologyEx(seen, cv2.MORPH_CLOSE, around, borderValue=(0,))
    filled = cv2.erode(rank, around, borderValue=(float(nobody),))
    rank = np.where((closed > seen) & (filled < nobody), filled, rank)
    nearest_first = np.append(order[::-1], EMPTY)  # rank of nobody reads the last entry
    return nearest_first[rank.astype(np.int64)]


def depth_shade(
    depth: Float[np.ndarray, "height width"], unit: float, radius: int
) -> Float[np.ndarray, "height width"]:
    """Return a factor per pixel, below 1 where its neighbours lie nearer; `depth` is infinite where empty.

    `unit` is the step in depth that counts as a full step, `radius` how far off the neighbours are looked at.
    """
    known = np.where(np.isfinite(depth), depth, np.float32(1e6)).astype(np.float32)
    behind = np.zeros(depth.shape, np.float32)
    for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        shift = np.array([[1, 0, right * radius], [0, 1, down * radius]], np.float32)
        neighbor = cv2.warpAffine(
            known, shift, depth.shape[::-1], flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
        )
        behind += np.clip((known - neighbor) / np.float32(unit), 0, 1) / 4
    return np.where(np.isfinite(depth), np.maximum(np.exp(-SHADE * behind), DEEPEST_SHADE), 1.0)
