"""Image encodings and transports -> arrays, the same for live topics and for bags.

Pure functions on plain values. Every error is an `InputError` that says what to do; the caller adds the
name of the topic or file. Depth comes out in metres, 0 where unknown (REP 117, REP 118).
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32, UInt8, UInt16

from autoseg3d_core.structures import CameraIntrinsics, InputError

COLOR_ENCODINGS = {
    "rgb8": (3, (0, 1, 2)),
    "bgr8": (3, (2, 1, 0)),
    "8UC3": (3, (2, 1, 0)),
    "rgba8": (4, (0, 1, 2)),
    "bgra8": (4, (2, 1, 0)),
    "8UC4": (4, (2, 1, 0)),
    "mono8": (1, (0, 0, 0)),
    "8UC1": (1, (0, 0, 0)),
}
"""Channels per pixel, and which of them are red, green and blue."""
DEPTH_ENCODINGS = {
    "16UC1": ("u2", 0.001),
    "mono16": ("u2", 0.001),
    "32FC1": ("f4", 1.0),
    "64FC1": ("f8", 1.0),
}
"""NumPy type and metres per unit."""
COMPRESSED_HEADER = struct.Struct("<iff")
"""compressedDepth: format, and the two parameters of quantised float depth."""
INVERSE_DEPTH = 0
DISTORTION_MODELS = ("plumb_bob", "rational_polynomial", "equidistant")


@dataclass(frozen=True)
class Distortion:
    """Lens distortion of a camera that is not rectified: the model's name and its coefficients."""

    model: str
    coefficients: tuple[float, ...]


def decode_color(
    encoding: str, height: int, width: int, step: int, is_bigendian: int | bool, data: Any
) -> UInt8[np.ndarray, "height width 3"]:
    """Return a raw colour image as RGB; padded rows are honoured."""
    if encoding not in COLOR_ENCODINGS:
        advice = "image_proc debayers it; " if encoding.startswith("bayer") else ""
        known = ", ".join(COLOR_ENCODINGS)
        raise InputError(f"colour encoding {encoding!r} is not supported; {advice}supported: {known}")
    channels, order = COLOR_ENCODINGS[encoding]
    pixels = _rows(data, height, width * channels, step, np.dtype(np.uint8)).reshape(height, width, channels)
    return np.ascontiguousarray(pixels[..., list(order)]) if order != (0, 1, 2) else _three(pixels)


def decode_depth(
    encoding: str,
    height: int,
    width: int,
    step: int,
    is_bigendian: int | bool,
    data: Any,
    scale: float | None = None,
) -> Float32[np.ndarray, "height width"]:
    """Return a raw depth image in metres; `scale` replaces the metres per unit of whole numbers."""
    if encoding not in DEPTH_ENCODINGS:
        known = ", ".join(DEPTH_ENCODINGS)
        raise InputError(f"depth encoding {encoding!r} is not supported; supported: {known}")
    kind, unit = DEPTH_ENCODINGS[encoding]
    dtype = np.dtype(kind).newbyteorder(">" if is_bigendian else "<")
    values = _rows(data, height, width, step, dtype)
    if kind == "u2":
        return np.multiply(values, np.float32(scale or unit), dtype=np.float32)
    return known_depth(values)


def known_depth(values: np.ndarray) -> Float32[np.ndarray, "height width"]:
    """Return depth in metres with NaN, infinite and negative readings as 0."""
    depth = values.astype(np.float32)
    with np.errstate(invalid="ignore"):
        depth[~((depth > 0) & (depth < np.inf))] = 0
    return depth


def decode_compressed_color(data: Any) -> UInt8[np.ndarray, "height width 3"]:
    """Return a JPEG or PNG image as RGB."""
    image = _imdecode(data, cv2.IMREAD_COLOR)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def decode_compressed_depth(
    format: str, data: Any, scale: float | None = None
) -> Float32[np.ndarray, "height width"]:
    """Return a compressedDepth image (PNG or RVL behind a 12-byte header) in metres."""
    buffer = memoryview(data).cast("B") if not isinstance(data, bytes) else memoryview(data)
    if len(buffer) <= COMPRESSED_HEADER.size:
        raise InputError(f"compressed depth of {len(buffer)} bytes: the message is cut off")
    _, near, far = COMPRESSED_HEADER.unpack_from(buffer)
    body = buffer[COMPRESSED_HEADER.size :]
    encoding = format.split(";")[0].strip()
    if encoding not in DEPTH_ENCODINGS:
        raise InputError(f"compressed depth format {format!r}: expected 16UC1 or 32FC1 before the semicolon")
    values = decode_rvl(body) if "rvl" in format.lower() else _imdecode(body, cv2.IMREAD_UNCHANGED)
    if values.dtype != np.uint16 or values.ndim != 2:
        raise InputError(
            f"compressed depth holds {values.dtype} of shape {values.shape}: expected 16-bit grey"
        )
    if encoding == "32FC1":  # quantised inverse depth
        with np.errstate(divide="ignore"):
            return known_depth(np.where(values > 0, near / (values.astype(np.float32) - far), 0))
    return np.multiply(values, np.float32(scale or DEPTH_ENCODINGS[encoding][1]), dtype=np.float32)


def encode_compressed_depth(depth_mm: UInt16[np.ndarray, "height width"]) -> bytes:
    """Return millimetres as the data of a compressedDepth message of format `16UC1; compressedDepth png`."""
    done, png = cv2.imencode(".png", depth_mm, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not done:
        raise InputError(f"cannot compress depth of shape {depth_mm.shape}")
    return COMPRESSED_HEADER.pack(INVERSE_DEPTH, 0.0, 0.0) + png.tobytes()


def decode_rvl(data: Any) -> UInt16[np.ndarray, "height width"]:
    """Return an RVL image (Wilson, Fast Lossless Depth Image Compression, 2017), width and height first.

    Values are variable-length numbers of 3 bits a nibble: a run of zeros, a run of others, and then the
    zigzag differences of these.
    """
    buffer = np.frombuffer(data, np.uint8)
    if len(buffer) < 8:
        raise InputError("RVL depth without width and height: the message is cut off")
    width, height = (int(v) for v in buffer[:8].view("<u4"))
    numbers = _rvl_numbers(buffer[8:]).tolist()
    pixels = np.zeros(width * height, np.uint16)
    place, at, previous = 0, 0, 0
    while at < len(pixels):
        if place + 2 > len(numbers):
            raise InputError("RVL depth ends early: the message is cut off")
        at += numbers[place]
        count = numbers[place + 1]
        zigzag = np.array(numbers[place + 2 : place + 2 + count], np.int64)
        if len(zigzag) < count or at + count > len(pixels):
            raise InputError("RVL depth ends early: the message is cut off")
        values = previous + np.cumsum((zigzag >> 1) ^ -(zigzag & 1))
        pixels[at : at + count] = values
        previous = int(values[-1]) if count else previous
        place, at = place + 2 + count, at + count
    return pixels.reshape(height, width)


def _rvl_numbers(buffer: UInt8[np.ndarray, " bytes"]) -> np.ndarray:
    """Return the variable-length numbers of a nibble stream; nibbles fill 32-bit words from the top."""
    words = buffer[: len(buffer) // 4 * 4].view("<u4")
    nibbles = (words[:, None] >> np.arange(28, -4, -4, dtype=np.uint32)) & 15
    nibbles = nibbles.reshape(-1).astype(np.int64)
    last = nibbles < 8  # the top bit says that more follow
    number: np.ndarray = np.cumsum(last) - last
    starts = np.flatnonzero(np.concatenate([[True], last[:-1]])) if len(last) else np.zeros(0, np.int64)
    position = np.arange(len(nibbles)) - starts[number] if len(nibbles) else nibbles
    parts = (nibbles & 7) << (3 * np.minimum(position, 10))
    complete = int(last.sum())
    return np.bincount(number, weights=parts, minlength=complete).astype(np.int64)[:complete]


def camera_intrinsics(
    width: int,
    height: int,
    k: Sequence[float],
    d: Sequence[float],
    p: Sequence[float],
    distortion_model: str = "",
    roi: Any = None,
    binning: tuple[int, int] = (0, 0),
) -> tuple[CameraIntrinsics, Distortion | None]:
    """Return the camera of a CameraInfo, and its lens distortion where the image is not rectified.

    Region of interest and binning are applied as CameraInfo.msg defines them.
    """
    if not (k[0] > 0 and k[4] > 0) or not np.isfinite(np.asarray(k, dtype=float)).all():
        raise InputError(f"the camera is not calibrated (K[0] = {k[0]}): calibrate it, or fix its driver")
    distorted = len(d) > 0 and any(value != 0 for value in d)
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


def _rows(data: Any, height: int, columns: int, step: int, dtype: np.dtype) -> np.ndarray:
    """Return the rows of an image buffer without their padding, as a view of it."""
    buffer = np.frombuffer(data, np.uint8)
    wanted = columns * dtype.itemsize
    step = step or wanted
    if height <= 0 or columns <= 0:
        raise InputError(f"the image is empty ({height} rows of {columns} values)")
    if step < wanted or len(buffer) < (height - 1) * step + wanted:
        raise InputError(
            f"{len(buffer)} bytes with step {step} do not hold {height} rows of {wanted} bytes: "
            "the message is cut off or its size fields are wrong"
        )
    rows = np.lib.stride_tricks.as_strided(buffer, (height, wanted), (step, 1), writeable=False)
    return np.ascontiguousarray(rows).view(dtype) if step != wanted else rows.view(dtype)


def _three(pixels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pixels[..., :3])


def _imdecode(data: Any, flags: int) -> np.ndarray:
    buffer = np.frombuffer(data, np.uint8)
    image = cv2.imdecode(buffer, flags) if len(buffer) else None
    if image is None:
        raise InputError(f"{len(buffer)} bytes are not a JPEG or PNG image: the message is damaged")
    return image
