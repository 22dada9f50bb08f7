"""A picture of a labelled cloud: points splatted onto a virtual camera, boxes and ids drawn over."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Int64, UInt8

from autoseg3d_core.structures import LabelledCloud
from autoseg3d_core.visualization.palette import colors_of

SIZE = (1280, 800)
BACKGROUND = 255
CUT_AWAY = 0.75
"""Share of the height that is kept, so that one looks into a room past its ceiling."""
MARGIN = 1.06
BOX_EDGES = ((0, 1), (1, 3), (3, 2), (2, 0), (4, 5), (5, 7), (7, 6), (6, 4), (0, 4), (1, 5), (2, 6), (3, 7))


@dataclass(frozen=True)
class View:
    """A direction to look from: turned about the vertical, raised above the horizon, in degrees."""

    azimuth: float
    elevation: float


FROM_ABOVE = View(azimuth=-90.0, elevation=89.0)
ASLANT = View(azimuth=-60.0, elevation=48.0)


def scene_view(
    cloud: LabelledCloud,
    ids: Int64[np.ndarray, " boxes"],
    boxes: Float[np.ndarray, "boxes 6"],
    view: View = ASLANT,
    up: Float[np.ndarray, "3"] | None = None,
    tint: float = 0.65,
    point_m: float = 0.04,
) -> UInt8[np.ndarray, "height width 3"]:
    """Return a parallel projection of a scene with the boxes and ids of its tracks.

    `up` is the vertical of the world (z unless given), `point_m` the size of a point, and `tint` how
    strongly the colour of its track covers a point's own.
    """
    width, height = SIZE
    picture = np.full((height, width, 3), BACKGROUND, np.uint8)
    if len(cloud) == 0:
        return picture
    axes = _axes(view, np.array([0, 0, 1.0]) if up is None else up)
    vertical = cloud.xyz @ (np.array([0, 0, 1.0]) if up is None else up)
    low, high = np.quantile(vertical, (0.01, 0.99))
    shown = cloud[vertical <= low + CUT_AWAY * (high - low)]
    seen = shown.xyz @ axes.T  # right, down, away
    edge = np.quantile(seen[:, :2], (0.002, 0.998), axis=0)
    scale = float(min(np.array(SIZE) / MARGIN / np.maximum(edge[1] - edge[0], 0.1)))
    offset = np.array(SIZE) / 2 - scale * edge.mean(axis=0)
    own = np.where((shown.ids > 0)[:, None], tint, 0.0)
    color = (shown.rgb * (1 - own) + colors_of(shown.ids) * own).astype(np.uint8)
    _splat(picture, seen[:, :2] * scale + offset, seen[:, 2], color, max(1, round(point_m * scale)))
    for track_id, box in zip(ids.tolist(), boxes, strict=True):
        corners = (_corners(box) @ axes.T)[:, :2] * scale + offset
        _draw_box(picture, corners, track_id)
    return picture


def _axes(view: View, up: np.ndarray) -> Float[np.ndarray, "3 3"]:
    """Return the picture's right, down and away in the world."""
    up = up / np.linalg.norm(up)
    side = np.eye(3)[np.argmin(np.abs(up))]
    east = side - (side @ up) * up
    east /= np.linalg.norm(east)
    north = np.cross(up, east)
    azimuth, elevation = np.radians([view.azimuth, view.elevation])
    level = np.cos(azimuth) * east + np.sin(azimuth) * north
    away = -(np.cos(elevation) * level + np.sin(elevation) * up)
    right = np.cross(away, up) / np.linalg.norm(np.cross(away, up))
    return np.stack([right, np.cross(away, right), away])


def _splat(picture: np.ndarray, at: np.ndarray, away: np.ndarray, color: np.ndarray, size: int) -> None:
    """Paint square points from far to near; the last painted, nearest, stays."""
    order = np.argsort(-away, kind="stable")
    column, row = np.floor(at[order]).astype(int).T
    color = color[order]
    for down in range(size):  # over the few pixels of a point, not over points
        for right in range(size):
            y, x = row + down - size // 2, column + right - size // 2
            inside = (y >= 0) & (y < picture.shape[0]) & (x >= 0) & (x < picture.shape[1])
            picture[y[inside], x[inside]] = color[inside]


def _corners(box: np.ndarray) -> Float[np.ndarray, "8 3"]:
    low, high = box[:3], box[3:]
    pick = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)])
    return np.where(pick, high, low)


def _draw_box(picture: np.ndarray, corners: np.ndarray, track_id: int) -> None:
    color = tuple(int(c) for c in (colors_of(np.array([track_id]))[0] * 0.75))
    points = np.round(corners).astype(int)
    for start, end in BOX_EDGES:
        cv2.line(picture, tuple(points[start]), tuple(points[end]), color, 1, cv2.LINE_AA)
    text, font = f"#{track_id}", cv2.FONT_HERSHEY_SIMPLEX
    (width, height), _ = cv2.getTextSize(text, font, 0.5, 1)
    top = points[np.argmin(points[:, 1])]
    at = (int(corners[:, 0].mean()) - width // 2, int(top[1]) - 3)
    cv2.rectangle(picture, (at[0] - 2, at[1] - height - 2), (at[0] + width + 2, at[1] + 3), color, -1)
    cv2.putText(picture, text, at, font, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
