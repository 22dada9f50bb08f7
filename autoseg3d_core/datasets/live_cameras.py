"""Cameras of one's own, with depth registered to colour: RealSense by pyrealsense2, Orbbec by OpenCV."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from autoseg3d_core.structures import CameraIntrinsics, InputError

WIDTH, HEIGHT, RATE_HZ = 640, 480, 30
WAIT_MS = 5000
"""How long a camera may keep silent before it counts as gone."""
MM_PER_M = 1000.0


@dataclass(frozen=True, eq=False)
class LiveImages:
    """What a camera shows now; depth in metres, 0 where unknown; the stamp is the system's time."""

    rgb: UInt8[np.ndarray, "height width 3"]
    depth: Float32[np.ndarray, "height width"]
    camera: CameraIntrinsics
    stamp_ns: int


class LiveCamera(Protocol):
    """A camera that is open."""

    def read(self) -> LiveImages | None:
        """Return the next images, None if the camera is gone."""
        ...

    def close(self) -> None:
        """Give the camera back."""
        ...


class RealSense:
    """A RealSense; depth is aligned to colour by librealsense. Raises `InputError` without one."""

    def __init__(self) -> None:
        try:
            import pyrealsense2
        except ImportError as error:
            raise InputError(
                f"camera:realsense needs pyrealsense2 ({error}): pip install autoseg3d-core[realsense]"
            ) from error
        config, self._pipeline = pyrealsense2.config(), pyrealsense2.pipeline()
        config.enable_stream(pyrealsense2.stream.color, WIDTH, HEIGHT, pyrealsense2.format.rgb8, RATE_HZ)
        config.enable_stream(pyrealsense2.stream.depth, WIDTH, HEIGHT, pyrealsense2.format.z16, RATE_HZ)
        try:
            profile = self._pipeline.start(config)
        except RuntimeError as error:
            raise InputError(
                f"camera:realsense: {error}: is it plugged in, and in use nowhere else?"
            ) from error
        self._metres = float(profile.get_device().first_depth_sensor().get_depth_scale())
        self._align = pyrealsense2.align(pyrealsense2.stream.color)

    def read(self) -> LiveImages | None:
        """Return the next images, None if the camera is gone."""
        try:
            frames = self._align.process(self._pipeline.wait_for_frames(WAIT_MS))
        except RuntimeError:
            return None
        stamp_ns = time.time_ns()
        color, depth = frames.get_color_frame(), frames.get_depth_frame()
        lens = color.profile.as_video_stream_profile().intrinsics
        camera = CameraIntrinsics(lens.fx, lens.fy, lens.ppx, lens.ppy, lens.width, lens.height)
        metres = np.asanyarray(depth.get_data()).astype(np.float32) * np.float32(self._metres)
        return LiveImages(np.array(color.get_data()), metres, camera, stamp_ns)

    def close(self) -> None:
        """Give the camera back."""
        self._pipeline.stop()


class Orbbec:
    """An Orbbec that registers depth to colour itself, through OpenCV. Raises `InputError` without one."""

    def __init__(self) -> None:
        self._capture: Any = cv2.VideoCapture(0, cv2.CAP_OBSENSOR)
        if not self._capture.isOpened():
            raise InputError("camera:orbbec: OpenCV finds none: is it plugged in, and in use nowhere else?")
        fx, fy, cx, cy = (
            float(self._capture.get(getattr(cv2, f"CAP_PROP_OBSENSOR_INTRINSIC_{name}")))
            for name in ("FX", "FY", "CX", "CY")
        )
        self._lens = fx, fy, cx, cy

    def read(self) -> LiveImages | None:
        """Return the next images, None if the camera is gone."""
        if not self._capture.grab():
            return None
        stamp_ns = time.time_ns()
        has_color, color = self._capture.retrieve(None, cv2.CAP_OBSENSOR_BGR_IMAGE)
        has_depth, depth = self._capture.retrieve(None, cv2.CAP_OBSENSOR_DEPTH_MAP)
        if not (has_color and has_depth):
            return None
        height, width = depth.shape
        camera = CameraIntrinsics(*self._lens, width, height)
        metres = depth.astype(np.float32) / np.float32(MM_PER_M)
        return LiveImages(cv2.cvtColor(color, cv2.COLOR_BGR2RGB), metres, camera, stamp_ns)

    def close(self) -> None:
        """Give the camera back."""
        self._capture.release()


LIVE_CAMERAS: dict[str, Callable[[], LiveCamera]] = {"realsense": RealSense, "orbbec": Orbbec}
"""What can be opened, by the name that follows `camera:`."""
