"""A camera as its driver calibrated it: intrinsics, and lens distortion to take out of images.

Pure functions on plain values, the same for live topics, bags and folders.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32, Float64, Int32, UInt8

from autoseg3d_core.structures import CameraIntrinsics, InputError

Numbers = Sequence[float] | Float64[np.ndarray, " _"]
DISTORTION_MODELS = ("plumb_bob", "rational_polynomial", "equidistant")


@dataclass(frozen=True)
class Distortion:
    """Lens distortion of a camera that is not rectified: the model's name and its coefficients."""

    model: str
    coefficients: tuple[float, ...]


def camera_intrinsics(
    width: int,
    height: int,
    k: Numbers,
    d: Numbers,
    p: Numbers,
    distortion_model: str = "",
    roi: Any = None,
    binning: tuple[int, int] = (0, 0),
    is_rectified: bool = False,
) -> tuple[CameraIntrinsics, Distortion | None]:
    """Return the camera of a CameraInfo, and its lens distortion where the image is not rectified.

    Region of interest and binning are applied as CameraInfo.msg defines them. A rectified image and its raw
    one share a CameraInfo: `is_rectified` says that the lens is already corrected, whatever `d` holds.
    """
    if not (k[0] > 0 and k[4] > 0) or not np.isfinite(np.asarray(k, dtype=float)).all():
        raise InputError(f"the camera is not calibrated (K[0] = {k[0]}): calibrate it, or fix its driver")
    distorted = not is_rectified and any(value != 0 for value in d)
    if distorted and distortion_model not in DISTORTION_MODELS:
        known = ", ".join(DISTORTION_MODELS)
        raise InputError(
            f"distortion model {distortion_model!r} is unknown (known: {known}): rectify the image"
        )
    rectified = not distorted and len(p) == 12 and p[0] > 0
    fx, cx, fy, cy = (p[0], p[2], p[5], p[6]) if rectified else (k[0], k[2], k[4], k[5])
    if roi is not None and roi.width and roi.height:
        cx, cy, width, height = cx - roi.x_offset, cy - roi.y_offset, roi.width, roi.height
    across, down = max(binning[0], 1), max(binning[1], 1)
    camera = CameraIntrinsics(
        float(fx / across),
        float(fy / down),
        float(cx / across),
        float(cy / down),
        int(width // across),
        int(height // down),
    )
    return camera, Distortion(distortion_model, tuple(float(v) for v in d)) if distorted else None


def is_rectified_topic(topic: str) -> bool:
    """Tell whether an image topic is named as rectified ones are: image_rect, image_rect_color, ..."""
    return "rect" in topic.removesuffix("/compressed").rsplit("/", 1)[-1].split("_")


def undistort(
    rgb: UInt8[np.ndarray, "height width 3"],
    depth: Float32[np.ndarray, "height width"],
    camera: CameraIntrinsics,
    distortion: Distortion,
) -> tuple[UInt8[np.ndarray, "height width 3"], Float32[np.ndarray, "height width"]]:
    """Return both images as the same camera without distortion would have seen them."""
    across, down = undistortion_maps(camera, distortion)
    straight = cv2.remap(rgb, across, down, cv2.INTER_LINEAR)
    return straight, cv2.remap(depth, across, down, cv2.INTER_NEAREST)


def undistort_labels(
    labels: Int32[np.ndarray, "height width"], camera: CameraIntrinsics, distortion: Distortion
) -> Int32[np.ndarray, "height width"]:
    """Return a label image as the same camera without distortion would have seen it."""
    across, down = undistortion_maps(camera, distortion)
    index = np.arange(labels.size, dtype=np.float32).reshape(labels.shape)  # exact up to 2^24 pixels
    source = cv2.remap(index, across, down, cv2.INTER_NEAREST, borderValue=-1)
    return np.append(labels.ravel(), 0)[source.astype(np.int64)].reshape(labels.shape).astype(np.int32)


@functools.lru_cache(maxsize=4)
def undistortion_maps(camera: CameraIntrinsics, distortion: Distortion) -> tuple[np.ndarray, np.ndarray]:
    """Return where each straight pixel lies in the distorted image: columns and rows."""
    matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1.0]])
    coefficients = np.array(distortion.coefficients)
    size = (camera.width, camera.height)
    if distortion.model == "equidistant":
        return cv2.fisheye.initUndistortRectifyMap(
            matrix, coefficients[:4], np.eye(3), matrix, size, cv2.CV_32FC1
        )
    return cv2.initUndistortRectifyMap(matrix, coefficients, np.eye(3), matrix, size, cv2.CV_32FC1)
