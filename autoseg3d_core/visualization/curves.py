"""Curves over the steps of a training run, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from autoseg3d_core.visualization.captions import FONT
from autoseg3d_core.visualization.palette import colors_of

PANEL = (220, 360)
MARGIN = 28
PER_ROW = 3
SMOOTH = 9
"""A curve with more values than four times this is shown with its running mean over so many."""


def curves(
    rows: Sequence[Mapping[str, float]], x: str = "step", hidden: Sequence[str] = ("seconds",)
) -> UInt8[np.ndarray, "height width 3"]:
    """Return a panel per quantity of the rows, over `x`; a row may lack some quantities."""
    names = list(dict.fromkeys(name for row in rows for name in row if name not in (x, *hidden)))
    panels = [
        _panel(name, np.array([(row[x], row[name]) for row in rows if name in row], float), number)
        for number, name in enumerate(names, start=1)
    ]
    panels += [np.full((*PANEL, 3), 255, np.uint8)] * (
        max(1, -(-len(panels) // PER_ROW)) * PER_ROW - len(panels)
    )
    return np.vstack([np.hstack(panels[i : i + PER_ROW]) for i in range(0, len(panels), PER_ROW)])


def _panel(name: str, points: np.ndarray, number: int) -> UInt8[np.ndarray, "height width 3"]:
    """Draw one curve in its own limits, which are written beside it."""
    picture = np.full((*PANEL, 3), 255, np.uint8)
    points = points[np.isfinite(points).all(axis=1)]
    color = tuple(int(c) // 2 for c in colors_of(np.array([number]))[0])
    cv2.putText(picture, name, (MARGIN, 13), FONT, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    if len(points) == 0:
        return picture
    (left, low), (right, high) = points.min(axis=0), points.max(axis=0)
    size = np.array([PANEL[1] - 2 * MARGIN, PANEL[0] - 2 * MARGIN])
    scale = size / np.maximum([right - left, high - low], 1e-12)
    if len(points) > 4 * SMOOTH:
        _line(picture, (points - [left, low]) * scale, tuple(150 + c // 3 for c in color))
        kernel = np.ones(SMOOTH) / SMOOTH
        points = np.stack([np.convolve(column, kernel, "valid") for column in points.T], axis=1)
    _line(picture, (points - [left, low]) * scale, color)
    for text, row in ((f"{high:.3g}", MARGIN - 2), (f"{low:.3g}", PANEL[0] - MARGIN + 12)):
        cv2.putText(picture, text, (MARGIN, row), FONT, 0.35, (90, 90, 90), 1, cv2.LINE_AA)
    at = (PANEL[1] - MARGIN - 40, PANEL[0] - MARGIN + 12)
    cv2.putText(picture, f"{right:.0f}", at, FONT, 0.35, (90, 90, 90), 1, cv2.LINE_AA)
    return picture


def _line(picture: np.ndarray, points: np.ndarray, color: tuple[int, ...]) -> None:
    places = (
        np.stack([MARGIN + points[:, 0], PANEL[0] - MARGIN - points[:, 1]], axis=1).round().astype(np.int32)
    )
    cv2.polylines(picture, [places], False, color, 1, cv2.LINE_AA)
