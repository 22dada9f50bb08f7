"""A made-up frame and its masks, to run everything once before the first real frame."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.structures import CameraIntrinsics, Frame, MaskImage


def made_up_frame() -> tuple[Frame, MaskImage]:
    """Return a frame of a wall 2 m before the camera, 640x480, and masks of its two halves."""
    height, width = 480, 640
    camera = CameraIntrinsics(500.0, 500.0, width / 2, height / 2, width, height)
    index = np.zeros((height, width), np.int32)
    index[:, width // 2 :] = 1
    rgb = np.full((height, width, 3), 128, np.uint8)
    frame = Frame(rgb, np.full((height, width), 2.0, np.float32), camera, np.eye(4), 1)
    return frame, MaskImage(index, np.ones(2, np.float32))
