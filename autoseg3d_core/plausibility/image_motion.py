"""How far features of the image really move between frames, and how far depth, poses and calibration say.

A focal length that is wrong by a tenth hardly changes how well two depth images lie on each other, because
surfaces are smooth. But it makes every feature move by a tenth too much or too little in the image, which
tracking (Lucas and Kanade 1981, as OpenCV does it) measures within a fraction of a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from autoseg3d_core.geometry.camera import resized
from autoseg3d_core.geometry.transforms import inverse_rigid
from autoseg3d_core.structures import CameraIntrinsics, Frame

WIDTH = 320
"""Columns of the images in which features are tracked; all lengths below are in their pixels."""
APART = (1, 2)
FEATURES, LEAST_FEATURES = 400, 30
BACK_PX = 0.5
"""How far a feature may be off if it is tracked there and back."""
FLAT = 0.1
"""Share of the depth by which it may change around a feature: at an edge it may be on either side."""
FACTORS = np.exp(np.linspace(np.log(0.7), np.log(1 / 0.7), 73))
ALIKE = 6
"""How many of these steps (of 1 %) a pair's own factor may be off to agree with the others."""
TENTH, LEAST_SENSITIVITY = 1.1, 1.0
"""A pair of frames tells something if a tenth of the focal length moves its features by a pixel."""


@dataclass(frozen=True)
class MotionFit:
    """How many times the focal length would fit the features' motion best, and how sure that is.

    `here`, `best` and `by_depth` are medians over the `pairs` of frames of how far features lie from where
    they should (pixels): as the frames say, with this focal length, and with depth scaled as fits best
    instead. `agreeing` is the share of the pairs that alone say about the same.
    """

    factor: float
    pairs: int
    agreeing: float
    here: float
    best: float
    by_depth: float


@dataclass(frozen=True, eq=False)
class _Look:
    """A frame as features are tracked in it."""

    grey: UInt8[np.ndarray, "rows columns"]
    depth: np.ndarray
    is_flat: np.ndarray
    camera: CameraIntrinsics
    pose: Float64[np.ndarray, "4 4"]


def motion_fit(frames: Sequence[Frame]) -> MotionFit | None:
    """Return which focal length fits best, None where no pair of frames can tell."""
    looks = [_look(frame) for frame in frames]
    pairs = [(looks[i], looks[i + apart]) for apart in APART for i in range(len(looks) - apart)]
    found = [errors for one, other in pairs if (errors := _errors(one, other)) is not None]
    if not found:
        return None
    errors = np.array(found)  # pairs; focal length, depth; factors
    each = errors.argmin(axis=2)
    focal, depth = np.median(each, axis=0).round().astype(int)
    return MotionFit(
        factor=float(FACTORS[focal]),
        pairs=len(errors),
        agreeing=float((np.abs(each[:, 0] - focal) <= ALIKE).mean()),
        here=float(np.median(errors[:, 0, len(FACTORS) // 2])),
        best=float(np.median(errors[:, 0, focal])),
        by_depth=float(np.median(errors[:, 1, depth])),
    )


def _look(frame: Frame) -> _Look:
    height, width = frame.depth.shape
    rows = round(height * WIDTH / width)
    small = cv2.resize(frame.rgb, (WIDTH, rows), interpolation=cv2.INTER_AREA)
    grey = cv2.createCLAHE(2.0, (8, 8)).apply(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
    depth = cv2.resize(frame.depth, (WIDTH, rows), interpolation=cv2.INTER_NEAREST_EXACT)
    kernel = np.ones((3, 3), np.uint8)
    is_flat = (depth > 0) & (cv2.dilate(depth, kernel) - cv2.erode(depth, kernel) < FLAT * depth)
    return _Look(grey, depth, is_flat, resized(frame.camera, WIDTH, rows), frame.world_from_camera)


def _errors(one: _Look, other: _Look) -> Float64[np.ndarray, "2 factors"] | None:
    """Return the median error of the features for each focal length, and for each scale of depth.

    None where there are too few, or where they would hardly move otherwise.
    """
    here, there = _tracked(one.grey, other.grey)
    column, row = here.round().astype(int).T
    usable = one.is_flat[row, column]
    if usable.sum() < LEAST_FEATURES:
        return None
    here, there = here[usable], there[usable]
    depth = one.depth[row, column][usable].astype(np.float64)
    same = np.ones_like(FACTORS)
    other_from_one = inverse_rigid(other.pose) @ one.pose
    expected = [
        _expected(here, depth, one.camera, other.camera, other_from_one, focal, scale)
        for focal, scale in ((FACTORS, same), (same, FACTORS))
    ]
    tenth = _expected(
        here, depth, one.camera, other.camera, other_from_one, np.array([1.0, TENTH]), np.ones(2)
    )
    if np.median(np.linalg.norm(tenth[1] - tenth[0], axis=1)) < LEAST_SENSITIVITY:
        return None
    return np.array([np.median(np.linalg.norm(places - there, axis=2), axis=1) for places in expected])


def _tracked(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where features are in two images, those that are found back where they were."""
    found_here = cv2.goodFeaturesToTrack(one, FEATURES, 0.01, 5)
    if found_here is None:  # an image without texture
        return np.zeros((0, 2)), np.zeros((0, 2))
    start = np.asarray(found_here)
    there, found = _moved(one, other, start)
    back, again = _moved(other, one, there)
    good = (found[:, 0] > 0) & (again[:, 0] > 0) & (np.abs(back - start).max(axis=(1, 2)) < BACK_PX)
    return start[good, 0].astype(np.float64), there[good, 0].astype(np.float64)


def _moved(one: np.ndarray, other: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        one, other, places, np.zeros_like(places), winSize=(21, 21), maxLevel=4
    )
    return np.asarray(there), np.asarray(found)


def _expected(
    places: Float64[np.ndarray, "features 2"],
    depth: Float64[np.ndarray, " features"],
    camera: CameraIntrinsics,
    other: CameraIntrinsics,
    other_from_one: Float64[np.ndarray, "4 4"],
    focal: Float64[np.ndarray, " guesses"],
    scale: Float64[np.ndarray, " guesses"],
) -> Float64[np.ndarray, "guesses features 2"]:
    """Return where features should be in the other image, if focal length and depth were so many times."""
    focal, z = focal[:, None], scale[:, None] * depth
    x = (places[:, 0] - camera.cx) / (camera.fx * focal) * z
    y = (places[:, 1] - camera.cy) / (camera.fy * focal) * z
    moved = np.stack([x, y, z], axis=-1) @ other_from_one[:3, :3].T + other_from_one[:3, 3]
    z = np.maximum(moved[..., 2], 1e-6)
    u = moved[..., 0] / z * other.fx * focal + other.cx
    v = moved[..., 1] / z * other.fy * focal + other.cy
    return np.stack([u, v], axis=-1)
