"""A picture of a labelled cloud as a virtual camera sees it, with the boxes and ids of its tracks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Int64, UInt8

from autoseg3d_core.geometry.boxes import EDGES, box_corners
from autoseg3d_core.structures import LabelledCloud
from autoseg3d_core.visualization.captions import NO_NAMES, caption, caption_places, write_captions
from autoseg3d_core.visualization.palette import colors_of
from autoseg3d_core.visualization.splatting import depth_shade, nearest_points

SIZE = (1280, 800)
FINER = 2
"""The picture is painted this much larger and then shrunk, which smooths its edges."""
BACKGROUND = 255
CUT_AWAY = 0.75
"""Share of the height that is kept, so that one looks into a room past its ceiling."""
NEVER_CUT_M = 1.8
"""What is lower above the floor is kept in any case."""
LARGEST_POINT_PX = 31
MARGIN = 1.1
DISTANCE = 1.8
"""How far off a perspective view is taken, in sizes of the scene."""
WIDE_BOX = 0.35
"""Boxes wider than this share of the scene (walls, floor) are not drawn, nor those of tracks out of sight."""
SMALLEST_NAMED = 0.0004
HIDDEN_EDGE = 0.15
"""Opacity of a box's edges behind other things."""
EDGE_SAMPLES = 700
TRIED_AZIMUTHS = tuple(range(-180, 180, 30))
TRIED_POINTS, TRIED_SIZE = 60_000, (240, 150)


@dataclass(frozen=True)
class View:
    """A direction to look from: turned about the vertical, raised above the horizon, in degrees.

    Without an azimuth the one that shows most of every track is taken.
    """

    azimuth: float | None
    elevation: float
    perspective: bool = False


FROM_ABOVE = View(azimuth=-90.0, elevation=89.0)
ASLANT = View(azimuth=None, elevation=42.0, perspective=True)


@dataclass(frozen=True, eq=False)
class _Eye:
    """How a point of the world comes to lie on the picture."""

    axes: Float[np.ndarray, "3 3"]
    center: Float[np.ndarray, "3"]
    scale: float
    offset: Float[np.ndarray, "2"]
    distance: float

    def project(
        self, xyz: Float[np.ndarray, "points 3"]
    ) -> tuple[Float[np.ndarray, "points 2"], Float[np.ndarray, " points"]]:
        """Return column and row, and how far away."""
        seen = (xyz - self.center) @ self.axes.T
        nearer = 1 / np.maximum(1 + seen[:, 2] / self.distance, 0.05)
        return seen[:, :2] * nearer[:, None] * self.scale + self.offset, seen[:, 2]


def scene_view(
    cloud: LabelledCloud,
    ids: Int64[np.ndarray, " boxes"],
    oriented: Float[np.ndarray, "boxes 10"],
    view: View = ASLANT,
    up: Float[np.ndarray, "3"] | None = None,
    tint: float = 0.6,
    point_m: float = 0.04,
    names: Mapping[int, str] = NO_NAMES,
) -> UInt8[np.ndarray, "height width 3"]:
    """Return a picture of a scene, its ceiling cut away, with the boxes, ids and names of its tracks.

    `up` is the vertical of the world (z unless given), `point_m` the size of a point, and `tint` how
    strongly the colour of its track covers a point's own.
    """
    if len(cloud) == 0:
        return np.full((SIZE[1], SIZE[0], 3), BACKGROUND, np.uint8)
    up = np.array([0, 0, 1.0]) if up is None else up / np.linalg.norm(up)
    vertical = cloud.xyz @ up
    low, high = np.quantile(vertical, (0.01, 0.99))
    shown = cloud[vertical <= low + max(CUT_AWAY * (high - low), NEVER_CUT_M)]
    size = (SIZE[0] * FINER, SIZE[1] * FINER)
    azimuth = _best_azimuth(shown, view, up, point_m) if view.azimuth is None else view.azimuth
    eye = _eye(shown.xyz, _axes(azimuth, view.elevation, up), size, view.perspective)
    picture, index, depth = _painted(shown, eye, size, tint, point_m)
    seen_ids = np.append(shown.ids, 0)[index[::FINER, ::FINER]]  # index -1 reads the last entry
    named, places = caption_places(np.where(np.isin(seen_ids, ids), seen_ids, 0), SMALLEST_NAMED)
    drawn = np.isin(ids, named) & _is_narrow(oriented, shown.xyz)
    _draw_boxes(picture, depth, eye, ids[drawn], box_corners(oriented[drawn]))
    picture = cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA)
    texts = [caption(track_id, names) for track_id in named.tolist()]
    write_captions(picture, texts, places, colors_of(named))
    return picture


def scene_up(camera_up: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """Return the vertical of a world: z if the cameras' upper side agrees with it, else what they say."""
    z = np.array([0.0, 0.0, 1.0])
    length = np.linalg.norm(camera_up)
    if length == 0 or camera_up @ z / length > 0.5:
        return z
    return camera_up / length


def _painted(
    cloud: LabelledCloud, eye: _Eye, size: tuple[int, int], tint: float, point_m: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the picture, the point at each pixel, and how far away it is."""
    at, away = eye.project(cloud.xyz)
    across = min(max(1, round(point_m * eye.scale * 1.15)), LARGEST_POINT_PX)
    index = nearest_points(at, away, across, size[::-1])
    own = np.where(cloud.ids > 0, tint, 0.0)[:, None]
    color = (cloud.rgb * (1 - own) + colors_of(cloud.ids) * own).astype(np.float32)
    depth = np.append(away, np.inf)[index]
    shade = depth_shade(depth, 4 * point_m, max(1, across // 2))
    picture = np.concatenate([color, np.full((1, 3), BACKGROUND, np.float32)])[index] * shade[..., None]
    return picture.astype(np.uint8), index, depth


def _eye(xyz: np.ndarray, axes: np.ndarray, size: tuple[int, int], perspective: bool) -> _Eye:
    """Return the eye that sees all but the outermost points."""
    low, high = np.quantile(xyz, (0.01, 0.99), axis=0)
    center = (low + high) / 2
    distance = DISTANCE * float(np.linalg.norm(high - low)) if perspective else np.inf
    unit = _Eye(axes, center, 1.0, np.zeros(2), max(distance, 0.1))
    edge = np.quantile(unit.project(xyz)[0], (0.003, 0.997), axis=0)
    scale = float(min(np.array(size) / MARGIN / np.maximum(edge[1] - edge[0], 0.1)))
    offset = np.array(size) / 2 - scale * edge.mean(axis=0)
    return _Eye(axes, center, scale, offset, unit.distance)


def _axes(azimuth: float, elevation: float, up: np.ndarray) -> Float[np.ndarray, "3 3"]:
    """Return the picture's right, down and away in the world."""
    side = np.eye(3)[np.argmin(np.abs(up))]
    east = side - (side @ up) * up
    east /= np.linalg.norm(east)
    north = np.cross(up, east)
    turned, raised = np.radians([azimuth, elevation])
    level = np.cos(turned) * east + np.sin(turned) * north
    away = -(np.cos(raised) * level + np.sin(raised) * up)
    right = np.cross(away, up) / np.linalg.norm(np.cross(away, up))
    return np.stack([right, np.cross(away, right), away])


def _best_azimuth(cloud: LabelledCloud, view: View, up: np.ndarray, point_m: float) -> float:
    """Return the azimuth from which the tracks hide least of each other."""
    few = cloud[:: max(1, len(cloud) // TRIED_POINTS)]
    names, track = np.unique(few.ids, return_inverse=True)
    whole = np.bincount(track, minlength=len(names))

    def shown(azimuth: float) -> float:
        eye = _eye(few.xyz, _axes(azimuth, view.elevation, up), TRIED_SIZE, view.perspective)
        at, away = eye.project(few.xyz)
        index = nearest_points(at, away, max(1, round(point_m * eye.scale * 2)), TRIED_SIZE[::-1])
        seen = np.unique(index[index >= 0])
        return float((np.bincount(track[seen], minlength=len(names)) / whole)[names > 0].sum())

    return float(max(TRIED_AZIMUTHS, key=shown))


def _is_narrow(oriented: np.ndarray, xyz: np.ndarray) -> np.ndarray:
    """Tell which boxes are not as wide as walls and floors are."""
    low, high = np.quantile(xyz, (0.01, 0.99), axis=0)
    return oriented[:, 3:6].max(axis=1, initial=0) <= WIDE_BOX * (high - low).max()


def _draw_boxes(
    picture: np.ndarray, depth: np.ndarray, eye: _Eye, ids: np.ndarray, corners: np.ndarray
) -> None:
    """Draw the edges of boxes, faint where something lies before them."""
    start, end = (corners[:, [edge[k] for edge in EDGES]] for k in (0, 1))  # (boxes, 12, 3)
    share = np.linspace(0, 1, EDGE_SAMPLES)[:, None]
    samples = start[:, :, None] * (1 - share) + end[:, :, None] * share  # (boxes, 12, samples, 3)
    at, away = eye.project(samples.reshape(-1, 3))
    color = np.repeat(colors_of(ids) * 0.7, len(EDGES) * EDGE_SAMPLES, axis=0)
    column, row = np.floor(at).astype(np.int64).T
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):  # a line two pixels wide, one when shrunk
        y, x = row + down, column + right
        inside = (y >= 0) & (y < picture.shape[0]) & (x >= 0) & (x < picture.shape[1])
        y, x = y[inside], x[inside]
        ink = np.where(away[inside] <= depth[y, x] + 0.05, 1.0, HIDDEN_EDGE)[:, None]
        picture[y, x] = (picture[y, x] * (1 - ink) + color[inside] * ink).astype(np.uint8)
