"""What a network gets of a frame: colour, inverse depth, where it is known, and normals."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from autoseg3d_core.mask_makers.surfaces import fill_holes, slopes_of
from autoseg3d_core.structures import CameraIntrinsics

NEAREST_M = np.float32(0.2)
WINDOW = 5
LEAST_CONTRAST = 16.0


def channels_of(
    rgb: UInt8[np.ndarray, "height width 3"],
    depth: Float32[np.ndarray, "height width"],
    camera: CameraIntrinsics,
) -> Float32[np.ndarray, "height width 8"]:
    """Return the channels of a frame; depth in metres, 0 where unknown.

    Colour is told as standard deviations from the image's mean, so that exposure and white balance do not
    matter. Inverse depth is in 1/m; small holes in it are filled from around them. Normals are unit vectors
    towards the camera, in its frame; where nothing is known inverse depth and normals are 0.
    """
    out = np.empty((*depth.shape, 8), np.float32)
    mean, deviation = cv2.meanStdDev(rgb)
    deviation = np.maximum(deviation.ravel(), LEAST_CONTRAST).astype(np.float32)
    np.multiply(rgb - mean.ravel().astype(np.float32), 1 / deviation, out=out[..., :3])
    measured = depth > 0
    inverse = np.divide(1.0, np.maximum(depth, NEAREST_M), out=np.zeros_like(depth), where=measured)
    inverse = fill_holes(inverse, measured)
    known = inverse > 0
    out[..., 3] = inverse
    out[..., 4] = known
    across, down = slopes_of(inverse, WINDOW)
    column = ((np.arange(depth.shape[1]) - camera.cx) / camera.fx).astype(np.float32)
    row = ((np.arange(depth.shape[0]) - camera.cy) / camera.fy).astype(np.float32)
    # A plane n.X = c seen at pixel (u, v) has 1/z = (nx u' + ny v' + nz) / c with u' = (u - cx) / fx.
    x, y = across * np.float32(camera.fx), down * np.float32(camera.fy)
    z = inverse - column * x - row[:, None] * y
    scale = np.where(known, -1 / np.sqrt(x * x + y * y + z * z + np.float32(1e-12)), np.float32(0))
    for place, values in enumerate((x, y, z), start=5):
        np.multiply(values, scale, out=out[..., place])
    return out
