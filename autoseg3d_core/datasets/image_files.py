"""Images and matrices of a recording's files -> arrays; every error names the file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from autoseg3d_core.image_formats import PNG_MAGIC, known_depth
from autoseg3d_core.structures import InputError

COLOR_FLAGS = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
"""A turn noted in EXIF would part the image from its depth and calibration."""
COLOR_ENDINGS = (".jpg", ".jpeg", ".png")
DEPTH_ENDINGS = (".png", ".npy", ".pgm", ".tif", ".tiff")
JPEG_START, JPEG_SCAN, JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
PNG_END, PNG_TAIL = b"IEND", 64
SATURATED = 65535
"""What sensors write into 16-bit depth where they measured nothing."""


def read_color(file: Path) -> UInt8[np.ndarray, "height width 3"]:
    """Return an image file as RGB."""
    return decode_color(_bytes(file), str(file))


def decode_color(data: bytes, source: str) -> UInt8[np.ndarray, "height width 3"]:
    """Return a JPEG or PNG as RGB; `source` names it in errors."""
    return cv2.cvtColor(_decoded(data, COLOR_FLAGS, source), cv2.COLOR_BGR2RGB)


def read_depth(file: Path) -> np.ndarray:
    """Return the values of a depth file: whole numbers of some unit, or floats."""
    if file.suffix.lower() == ".npy":
        try:
            values = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"{file}: cannot be read as an array ({error}); export it again") from error
        values = values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values
    else:
        values = _decoded(_bytes(file), cv2.IMREAD_UNCHANGED, str(file))
    wide = values.dtype.kind == "f" or (values.dtype.kind in "iu" and values.dtype.itemsize >= 2)
    if values.ndim != 2 or not wide:
        raise InputError(
            f"{file}: expected depth as 16-bit grey or floats, found {values.dtype} of shape {values.shape}"
        )
    return values


def metres(values: np.ndarray, units_per_metre: float | None) -> Float32[np.ndarray, "height width"]:
    """Return depth values in metres, 0 where unknown; unless told, floats are metres, others millimetres."""
    if values.dtype.kind == "f":
        return known_depth(values / np.float32(units_per_metre or 1.0))
    depth = np.multiply(values, np.float32(1 / (units_per_metre or 1000.0)), dtype=np.float32)
    if values.dtype.itemsize == 2:
        depth[values == SATURATED] = 0
    return depth if values.dtype.kind == "u" else known_depth(depth)


def read_ids(file: Path) -> np.ndarray:
    """Return an image of ids as it is stored."""
    return _decoded(_bytes(file), cv2.IMREAD_UNCHANGED, str(file)).astype(np.int32)


def read_matrix(file: Path) -> np.ndarray:
    """Return the numbers of a text file (or .npy) as a matrix, a row per line."""
    try:
        if file.suffix == ".npy":
            return np.atleast_2d(np.load(file, allow_pickle=False)).astype(np.float64)
        return np.loadtxt(file, ndmin=2)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{file}: cannot be read as a matrix ({error})") from error


def read_pose(file: Path) -> np.ndarray:
    """Return a pose file's 4x4 matrix; a 3x4 one gets its last row."""
    matrix = read_matrix(file)
    if matrix.shape == (3, 4):
        return np.vstack([matrix, [0, 0, 0, 1]])
    if matrix.shape != (4, 4):
        rows, columns = matrix.shape
        raise InputError(f"{file}: expected a pose of 4x4 numbers, found {rows}x{columns}")
    return matrix


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error


def _decoded(data: bytes, flags: int, source: str) -> np.ndarray:
    if _is_cut_off(data):
        raise InputError(f"{source}: the image is cut off; download or export it again")
    buffer = np.frombuffer(data, np.uint8)
    image = cv2.imdecode(buffer, flags) if len(buffer) else None
    if image is None:
        raise InputError(f"{source}: cannot be read as an image; download or export it again")
    return image


def _is_cut_off(data: bytes) -> bool:
    """Tell whether a JPEG or PNG lacks its end: decoders fill the rest with grey and say nothing."""
    if data[:2] == JPEG_START:
        return data.rfind(JPEG_END) <= data.rfind(JPEG_SCAN)
    return data[:4] == PNG_MAGIC and PNG_END not in data[-PNG_TAIL:]
