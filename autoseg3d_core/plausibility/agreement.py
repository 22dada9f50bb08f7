"""Whether neighbouring frames agree when laid over each other, and whether they would if read otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from autoseg3d_core.geometry.camera import resized
from autoseg3d_core.geometry.transforms import inverse_rigid
from autoseg3d_core.structures import CameraIntrinsics, Frame

WIDTH = 160
STRIDE = 9
"""Columns of the images that are compared, and every which of their readings is."""
TOLERANCE = 0.03
"""Share of the depth within which two readings are of one surface."""
LEAST_SEEN = 0.3
"""Share of a frame's readings that the other has to see for agreement to be counted among those seen."""
APART = (1, 3)
"""How many of the sampled frames lie between two that are compared, plus one."""
OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Hypothesis:
    """What would have to be done to the frames: to the poses, to depth, or to the focal length."""

    name: str
    is_inverted: bool = False
    is_opengl: bool = False
    depth_factor: float = 1.0
    focal_factor: float = 1.0


AS_IT_IS = Hypothesis("as it is")
OTHERS = (
    Hypothesis("inverted", is_inverted=True),
    Hypothesis("opengl", is_opengl=True),
    Hypothesis("opengl, inverted", is_inverted=True, is_opengl=True),
    *(Hypothesis("depth", depth_factor=k) for k in (0.001, 0.01, 0.1, 0.2, 5.0, 10.0, 100.0, 1000.0)),
    *(Hypothesis("focal", focal_factor=k) for k in (0.5, 0.7, 0.8, 1.25, 1.43, 2.0)),
)


@dataclass(frozen=True, eq=False)
class View:
    """A frame made small."""

    depth: Float32[np.ndarray, "rows columns"]
    camera: CameraIntrinsics
    pose: Float64[np.ndarray, "4 4"]


def small(frame: Frame) -> View:
    """Return the frame at `WIDTH` columns, each pixel the reading at its middle."""
    height, width = frame.depth.shape
    rows_wanted = round(height * WIDTH / width)
    rows = ((np.arange(rows_wanted) + 0.5) * height / rows_wanted).astype(int)
    columns = ((np.arange(WIDTH) + 0.5) * width / WIDTH).astype(int)
    camera = resized(frame.camera, WIDTH, rows_wanted)
    return View(frame.depth[np.ix_(rows, columns)], camera, frame.world_from_camera)


def agreement(views: Sequence[View], hypothesis: Hypothesis = AS_IT_IS) -> float:
    """Return the share of readings that another frame's depth confirms, the mean over pairs; 0 to 1."""
    poses = [_pose(view.pose, hypothesis) for view in views]
    pairs = [(i, i + apart) for apart in APART for i in range(len(views) - apart)]
    shares = [
        _confirmed(views[i], views[j], inverse_rigid(poses[j]) @ poses[i], hypothesis) for i, j in pairs
    ]
    known = [share for share in shares if share is not None]
    return float(np.mean(known)) if known else 1.0


def _pose(pose: np.ndarray, hypothesis: Hypothesis) -> np.ndarray:
    pose = inverse_rigid(pose) if hypothesis.is_inverted else pose
    return pose @ OPENGL if hypothesis.is_opengl else pose


def _confirmed(one: View, other: View, other_from_one: np.ndarray, hypothesis: Hypothesis) -> float | None:
    """Return the share of one frame's readings that the other confirms, None where there are too few."""
    rows, columns = (places[::STRIDE] for places in np.nonzero(one.depth > 0))
    if len(rows) < WIDTH:
        return None
    camera = one.camera
    fx, fy = camera.fx * hypothesis.focal_factor, camera.fy * hypothesis.focal_factor
    z = one.depth[rows, columns].astype(np.float64) * hypothesis.depth_factor
    points = np.stack([(columns - camera.cx) / fx * z, (rows - camera.cy) / fy * z, z], axis=1)
    moved = points @ other_from_one[:3, :3].T + other_from_one[:3, 3]
    moved = moved[moved[:, 2] > 1e-9]
    fx, fy = other.camera.fx * hypothesis.focal_factor, other.camera.fy * hypothesis.focal_factor
    u = np.round(moved[:, 0] / moved[:, 2] * fx + other.camera.cx)
    v = np.round(moved[:, 1] / moved[:, 2] * fy + other.camera.cy)
    height, width = other.depth.shape
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    seen = other.depth[v[inside].astype(int), u[inside].astype(int)] * hypothesis.depth_factor
    expected = moved[inside, 2][seen > 0]
    seen = seen[seen > 0]
    agrees = np.abs(seen - expected) < TOLERANCE * seen
    return float(agrees.sum() / max(len(seen), LEAST_SEEN * len(rows)))
