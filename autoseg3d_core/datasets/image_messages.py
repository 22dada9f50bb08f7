"""Messages of images and of their camera, from a bag or a live topic -> arrays and intrinsics."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32, Int32, UInt8

from autoseg3d_core import image_formats
from autoseg3d_core.geometry import calibration
from autoseg3d_core.structures import CameraIntrinsics, InputError


def color_of(message: Any) -> UInt8[np.ndarray, "height width 3"]:
    """Return a colour message as RGB."""
    if hasattr(message, "format"):
        return image_formats.decode_compressed_color(message.data)
    m = message
    return image_formats.decode_color(m.encoding, m.height, m.width, m.step, m.is_bigendian, m.data)


def depth_of(message: Any, metres_per_unit: float | None = None) -> Float32[np.ndarray, "height width"]:
    """Return a depth message in metres; `metres_per_unit` is of whole numbers (millimetres unless given)."""
    if hasattr(message, "format"):
        return image_formats.decode_compressed_depth(message.format, message.data, metres_per_unit)
    m = message
    return image_formats.decode_depth(
        m.encoding, m.height, m.width, m.step, m.is_bigendian, m.data, metres_per_unit
    )


def labels_of(message: Any) -> Int32[np.ndarray, "height width"]:
    """Return a message of a label image."""
    if hasattr(message, "format"):
        return image_formats.decode_compressed_labels(message.data)
    m = message
    return image_formats.decode_labels(m.encoding, m.height, m.width, m.step, m.is_bigendian, m.data)


def ids_of(message: Any) -> Int32[np.ndarray, "height width"]:
    """Return a compressed image of true ids."""
    ids = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_UNCHANGED)
    if ids is None:
        raise InputError("the image is not a PNG: write the recording again")
    return ids.astype(np.int32)


def camera_of(
    info: Any, is_rectified: bool = False
) -> tuple[CameraIntrinsics, calibration.Distortion | None]:
    """Return the camera of a CameraInfo, and its lens distortion, None where the image is rectified."""
    return calibration.camera_intrinsics(
        info.width,
        info.height,
        info.k,
        info.d,
        info.p,
        info.distortion_model,
        info.roi,
        (info.binning_x, info.binning_y),
        is_rectified,
    )
