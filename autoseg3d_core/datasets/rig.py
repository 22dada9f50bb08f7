"""How a recording's two cameras lie to each other, and their images on one pixel grid."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from autoseg3d_core.datasets.source_options import SourceOptions
from autoseg3d_core.geometry.calibration import Distortion, undistort
from autoseg3d_core.geometry.camera import resized
from autoseg3d_core.geometry.registration import registered
from autoseg3d_core.structures import CameraIntrinsics, InputError

LONGEST_SIDE = 640
"""Pixels of a frame whose two images differ in size, unless depth has more."""
SAME_SHAPE = 0.015
"""How far the proportions of two images may differ for one to be the other, made smaller."""


@dataclass(frozen=True)
class Rig:
    """Calibration of colour and depth, each of the size of image that it names (0x0: that of the image).

    Without `depth` the depth image shows what the colour image shows, at whatever size. With it, depth is
    registered: `color_from_depth` says where its camera stands (None: where colour's does). `stretched` puts
    colour onto depth's grid and takes depth's calibration for both, as published evaluations do.
    """

    color: CameraIntrinsics
    depth: CameraIntrinsics | None = None
    color_from_depth: Float64[np.ndarray, "4 4"] | None = None
    distortion: Distortion | None = None
    stretched: bool = False


def told(rig: Rig, options: SourceOptions) -> Rig:
    """Return the rig with what the user says of it."""
    if options.intrinsics is not None:
        rig = replace(rig, color=options.intrinsics, distortion=None)
    if options.depth_intrinsics is not None:
        rig = replace(rig, depth=options.depth_intrinsics, color_from_depth=None)
    if options.depth_offset is not None:
        offset = np.eye(4)
        offset[:3, 3] = options.depth_offset
        rig = replace(rig, depth=rig.depth or rig.color, color_from_depth=offset)
    if options.registration == "resize":
        rig = replace(rig, depth=rig.depth or rig.color, color_from_depth=None, stretched=True)
    return rig


def on_one_grid(
    rig: Rig,
    rgb: UInt8[np.ndarray, "height width 3"],
    depth: Float32[np.ndarray, "rows columns"],
    source: str,
) -> tuple[UInt8[np.ndarray, "h w 3"], Float32[np.ndarray, "h w"], CameraIntrinsics]:
    """Return both images on one pixel grid without distortion, and its camera.

    Images of one size and one calibration stay as they are. Else the frame is the colour image, made smaller
    than `LONGEST_SIDE` (or than depth, where that is larger), and depth is registered to it. Raises
    `InputError` where nothing says how the two lie to each other.
    """
    camera = of_size(rig.color, rgb.shape, f"{source}: colour")
    if rig.stretched:
        assert rig.depth is not None
        camera = of_size(rig.depth, depth.shape, f"{source}: depth")
        return _shrunk(rgb, camera), depth, camera
    if rig.depth is None and depth.shape == rgb.shape[:2]:
        return _straight(rig, rgb, depth, camera)
    if rig.depth is None:
        depth_camera = _same_view(camera, depth.shape, rgb.shape, source)
        if rig.distortion is not None:  # the lens is depth's as well: straighten both at colour's size
            depth = registered(depth, depth_camera, camera)
            rgb, depth, camera = _straight(rig, rgb, depth, camera)
            depth_camera = camera
    else:
        depth_camera = of_size(rig.depth, depth.shape, f"{source}: depth")
        if rig.distortion is not None:
            rgb, _ = undistort(rgb, np.zeros(rgb.shape[:2], np.float32), camera, rig.distortion)
    goal = _goal(camera, max(depth.shape))
    return _shrunk(rgb, goal), registered(depth, depth_camera, goal, rig.color_from_depth), goal


def of_size(camera: CameraIntrinsics, shape: tuple[int, ...], what: str) -> CameraIntrinsics:
    """Return a calibration for an image of this shape; raises `InputError` where that cannot be right."""
    height, width = shape[:2]
    if not camera.width:
        camera = replace(camera, width=width, height=height)
    if abs(camera.width * height / (camera.height * width) - 1) > SAME_SHAPE:
        raise InputError(
            f"{what} is {width}x{height}, its calibration is of {camera.width}x{camera.height}: "
            "the image was cropped, or this is the calibration of another camera or resolution"
        )
    if (camera.width, camera.height) != (width, height):
        camera = resized(camera, width, height)
    if not (0 < camera.cx < width and 0 < camera.cy < height):
        raise InputError(
            f"{what}: the principal point ({camera.cx:g}, {camera.cy:g}) is outside the images "
            f"of {width}x{height}; scale the calibration to the size of the images, or give "
            "--intrinsics fx,fy,cx,cy,width,height with the calibrated size"
        )
    return camera


def _same_view(
    camera: CameraIntrinsics, depth: tuple[int, ...], color: tuple[int, ...], source: str
) -> CameraIntrinsics:
    if abs(depth[1] * color[0] / (depth[0] * color[1]) - 1) > SAME_SHAPE:
        raise InputError(
            f"{source}: depth is {depth[1]}x{depth[0]} but colour is {color[1]}x{color[0]}, so their "
            "views differ; register depth to colour, or give depth's own --depth-intrinsics fx,fy,cx,cy"
        )
    return resized(camera, depth[1], depth[0])


def _straight(
    rig: Rig, rgb: np.ndarray, depth: np.ndarray, camera: CameraIntrinsics
) -> tuple[np.ndarray, np.ndarray, CameraIntrinsics]:
    if rig.distortion is not None:
        rgb, depth = undistort(rgb, depth, camera, rig.distortion)
    return rgb, depth, camera


def _goal(camera: CameraIntrinsics, depth_side: int) -> CameraIntrinsics:
    """Return the colour camera at the size that the frame shall have."""
    longest = max(camera.width, camera.height)
    share = min(1.0, max(LONGEST_SIDE, depth_side) / longest)
    return resized(camera, round(camera.width * share), round(camera.height * share))


def _shrunk(rgb: np.ndarray, camera: CameraIntrinsics) -> np.ndarray:
    if rgb.shape[:2] == (camera.height, camera.width):
        return rgb
    return cv2.resize(rgb, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
