"""Calibration as it lies in files or is typed -> cameras."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from autoseg3d_core.datasets.image_files import read_matrix
from autoseg3d_core.structures import CameraIntrinsics, InputError

OF_THE_IMAGE = (0, 0)
"""The size of a calibration that does not say of what size it is: the image's own."""


def camera_of(
    matrix: Float[np.ndarray, "rows columns"], source: str, size: tuple[int, int] = OF_THE_IMAGE
) -> CameraIntrinsics:
    """Return the camera of a 3x3 or 4x4 matrix, for images of this width and height."""
    usable = matrix.shape in ((3, 3), (3, 4), (4, 4)) and np.isfinite(matrix).all()
    if not usable or not (matrix[0, 0] > 0 and matrix[1, 1] > 0):
        raise InputError(f"{source}: expected a 3x3 or 4x4 matrix with focal lengths above 0")
    fx, fy, cx, cy = (float(matrix[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
    return CameraIntrinsics(fx, fy, cx, cy, *size)


def camera_file(file: Path, size: tuple[int, int] = OF_THE_IMAGE) -> CameraIntrinsics:
    """Return the camera of a matrix in a text file."""
    return camera_of(read_matrix(file), str(file), size)


def camera_from_text(text: str) -> CameraIntrinsics:
    """Return the camera of `fx,fy,cx,cy`, `fx,fy,cx,cy,width,height`, or a file that holds a matrix."""
    if text.lower().endswith((".txt", ".npy")):
        return camera_file(Path(text))
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if (
        len(numbers) not in (4, 6)
        or not (numbers[0] > 0 and numbers[1] > 0)
        or not np.isfinite(numbers).all()
    ):
        raise InputError(
            f"{text!r} is not a calibration: write fx,fy,cx,cy (pixels), or fx,fy,cx,cy,width,height, or "
            "name a text file with a 3x3 matrix"
        )
    size = (int(numbers[4]), int(numbers[5])) if len(numbers) == 6 else OF_THE_IMAGE
    fx, fy, cx, cy = numbers[:4]
    return CameraIntrinsics(fx, fy, cx, cy, *size)


def read_json(file: Path) -> Any:
    """Return what a JSON file holds."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{file}: is not JSON ({error}); download or export it again") from error
