"""Frames from arrays as cameras and other libraries give them."""

from __future__ import annotations

from typing import Any

import numpy as np

from autoseg3d_core.structures import CameraIntrinsics, Frame, InputError

NEAREST_M, FARTHEST_M = 0.01, 100.0
"""No depth camera measures nearer or farther: depth is in another unit then."""
EVERY = 4
"""Every how many rows and columns of depth are looked at for that."""


def frame_from_arrays(
    rgb: Any,
    depth: Any,
    intrinsics: Any,
    world_from_camera: Any,
    stamp_ns: int,
    depth_scale: float | None = None,
) -> Frame:
    """Return a frame of images, a calibration and a pose; raises `InputError` for what is no such thing.

    `rgb` is height x width x 3, red first, from 0 to 255. `depth` is height x width and registered to `rgb`:
    floats in metres, or numbers of which `depth_scale` make a metre (1000: mm); 0 and NaN are unknown.
    `intrinsics` is the colour camera's 3x3 matrix in pixels, whose centres have whole coordinates, or a
    `CameraIntrinsics`. `world_from_camera` is the 4x4 pose of the optical frame: x right, y down, z forward.
    """
    colors = _array("rgb", rgb, "an array of height x width x 3")
    if colors.ndim != 3 or colors.shape[2] != 3:
        raise InputError(f"rgb has the shape {colors.shape}: give height x width x 3, without alpha")
    if colors.dtype != np.uint8:
        hint = "multiply by 255 and convert" if colors.dtype.kind == "f" else "convert"
        raise InputError(f"rgb is {colors.dtype}: {hint} to uint8, from 0 to 255")
    camera = _camera(intrinsics, colors.shape[1], colors.shape[0])
    pose = _array("world_from_camera", world_from_camera, "a 4x4 matrix")
    if pose.shape != (4, 4) or pose.dtype.kind not in "fiu":
        raise InputError(f"world_from_camera is {pose.dtype} of shape {pose.shape}: give a 4x4 matrix")
    if isinstance(stamp_ns, bool) or not isinstance(stamp_ns, int | np.integer):
        raise InputError(
            f"stamp_ns is {stamp_ns!r}: give whole nanoseconds, e.g. time.time_ns() or round(seconds * 1e9)"
        )
    metres = _metres(_array("depth", depth, "an array of height x width"), depth_scale)
    return Frame(np.ascontiguousarray(colors), metres, camera, pose.astype(np.float64), int(stamp_ns))


def _array(name: str, value: Any, what: str) -> np.ndarray:
    try:
        found = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"{name} is {type(value).__name__}: give {what} ({error})") from error
    if found.dtype.kind not in "fiub":
        raise InputError(f"{name} is {type(value).__name__}: give {what}")
    return found


def _camera(value: Any, width: int, height: int) -> CameraIntrinsics:
    if isinstance(value, CameraIntrinsics):
        return value
    matrix = _array("intrinsics", value, "the colour camera's 3x3 matrix")
    if matrix.shape != (3, 3):
        raise InputError(
            f"intrinsics has the shape {matrix.shape}: give the colour camera's matrix, "
            "[[fx, 0, cx], [0, fy, cy], [0, 0, 1]]"
        )
    off = np.abs([matrix[0, 1], *matrix[1, :1], *matrix[2, :2], matrix[2, 2] - 1]).max()
    if off > 1e-6:
        raise InputError("intrinsics is not of the form [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]")
    fx, fy, cx, cy = (float(matrix[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
    if not (0 < cx < width and 0 < cy < height):
        raise InputError(
            f"intrinsics: the principal point ({cx:g}, {cy:g}) is outside of the image of {width}x{height}: "
            "scale the matrix to the size of the image"
        )
    return CameraIntrinsics(fx, fy, cx, cy, width, height)


def _metres(depth: np.ndarray, scale: float | None) -> np.ndarray:
    if depth.ndim != 2:
        raise InputError(f"depth has the shape {depth.shape}: give height x width")
    if scale is None and depth.dtype.kind != "f":
        raise InputError(
            f"depth is {depth.dtype}, so its unit is not known: give depth_scale, the units per metre, "
            "e.g. 1000 for millimetres"
        )
    if scale is not None and not (isinstance(scale, int | float) and 0 < scale < float("inf")):
        raise InputError(f"depth_scale is {scale!r}: give the units per metre, e.g. 1000 for millimetres")
    metres = np.ascontiguousarray(depth, np.float32) / np.float32(scale or 1)
    metres = np.nan_to_num(metres, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    known = metres[::EVERY, ::EVERY][metres[::EVERY, ::EVERY] > 0]
    if len(known) and not NEAREST_M < np.median(known) < FARTHEST_M:
        raise InputError(
            f"the median of depth is {np.median(known):.3g} m: give depth_scale, the units per metre, e.g. "
            "1000 for millimetres, or 1 for metres"
        )
    return metres
