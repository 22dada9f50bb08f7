"""Image encodings and transports -> arrays, the same for live topics and for bags.

Pure functions on plain values. Every error is an `InputError` that says what to do; the caller adds the
name of the topic or file. Depth comes out in metres, 0 where unknown (REP 117, REP 118).
"""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32, Int32, UInt8, UInt16

from autoseg3d_core.structures import InputError

COLOR_ENCODINGS = {
    "rgb8": ("u1", 3, None),
    "bgr8": ("u1", 3, cv2.COLOR_BGR2RGB),
    "8UC3": ("u1", 3, cv2.COLOR_BGR2RGB),
    "rgba8": ("u1", 4, cv2.COLOR_RGBA2RGB),
    "bgra8": ("u1", 4, cv2.COLOR_BGRA2RGB),
    "8UC4": ("u1", 4, cv2.COLOR_BGRA2RGB),
    "mono8": ("u1", 1, cv2.COLOR_GRAY2RGB),
    "8UC1": ("u1", 1, cv2.COLOR_GRAY2RGB),
    "rgb16": ("u2", 3, None),
    "bgr16": ("u2", 3, cv2.COLOR_BGR2RGB),
    "mono16": ("u2", 1, cv2.COLOR_GRAY2RGB),
    # OpenCV names a Bayer pattern after the second and third pixel of its second row.
    "bayer_rggb8": ("u1", 1, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr8": ("u1", 1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg8": ("u1", 1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg8": ("u1", 1, cv2.COLOR_BayerGB2RGB),
    "bayer_rggb16": ("u2", 1, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr16": ("u2", 1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg16": ("u2", 1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg16": ("u2", 1, cv2.COLOR_BayerGB2RGB),
    "yuv422": ("u1", 2, cv2.COLOR_YUV2RGB_UYVY),
    "uyvy": ("u1", 2, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": ("u1", 2, cv2.COLOR_YUV2RGB_YUY2),
    "yuyv": ("u1", 2, cv2.COLOR_YUV2RGB_YUY2),
    "nv12": ("u1", 1, cv2.COLOR_YUV2RGB_NV12),
    "nv21": ("u1", 1, cv2.COLOR_YUV2RGB_NV21),
}
"""NumPy type, channels per pixel, and OpenCV's conversion to RGB."""
HALF_COLOR_BELOW = ("nv12", "nv21")
"""Encodings whose colour, at half the size, follows the brightness as further rows."""
BYTE_OF_WORD = 255 / 65535
DEPTH_ENCODINGS = {
    "16UC1": ("u2", 0.001),
    "mono16": ("u2", 0.001),
    "32FC1": ("f4", 1.0),
    "64FC1": ("f8", 1.0),
}
"""NumPy type and metres per unit."""
LABEL_ENCODINGS = {
    "32SC1": "i4",
    "16UC1": "u2",
    "16SC1": "i2",
    "mono16": "u2",
    "8UC1": "u1",
    "mono8": "u1",
}
COMPRESSED_HEADER = struct.Struct("<iff")
"""compressedDepth: format, and the two parameters of quantised float depth."""
INVERSE_DEPTH = 0
PNG_MAGIC = b"\x89PNG"
LARGEST_SIDE = 16384
"""Pixels; a compressed image that claims more is damaged, and would fill the memory."""
LONGEST_RVL_NUMBER = 7
"""Nibbles of 3 bits; a difference of 16-bit depth needs 6."""


def decode_color(
    encoding: str, height: int, width: int, step: int, is_bigendian: int | bool, data: Any
) -> UInt8[np.ndarray, "height width 3"]:
    """Return a raw colour image as RGB; padded rows are honoured."""
    if encoding not in COLOR_ENCODINGS:
        known = ", ".join(COLOR_ENCODINGS)
        raise InputError(
            f"colour encoding {encoding!r} is not supported: set the driver to rgb8; supported: {known}"
        )
    kind, channels, conversion = COLOR_ENCODINGS[encoding]
    dtype = np.dtype(kind).newbyteorder(">" if is_bigendian else "<")
    is_planar = encoding in HALF_COLOR_BELOW
    if (width % 2 and (is_planar or channels == 2)) or (height % 2 and is_planar):
        raise InputError(f"{width}x{height} pixels are no image of encoding {encoding!r}: the size is odd")
    rows = height * 3 // 2 if is_planar else height
    pixels = _rows(data, rows, width * channels, step, dtype).reshape(rows, width, channels)
    if kind == "u2":
        pixels = cv2.convertScaleAbs(pixels.astype(np.uint16), alpha=BYTE_OF_WORD).reshape(pixels.shape)
    if conversion is None:
        return np.ascontiguousarray(pixels)
    try:
        return cv2.cvtColor(pixels, conversion)
    except cv2.error as error:
        raise InputError(f"{width}x{height} pixels are no image of encoding {encoding!r}") from error


def decode_depth(
    encoding: str,
    height: int,
    width: int,
    step: int,
    is_bigendian: int | bool,
    data: Any,
    scale: float | None = None,
) -> Float32[np.ndarray, "height width"]:
    """Return a raw depth image in metres; `scale` replaces the metres per unit of the encoding."""
    if encoding not in DEPTH_ENCODINGS:
        known = ", ".join(DEPTH_ENCODINGS)
        raise InputError(f"depth encoding {encoding!r} is not supported; supported: {known}")
    kind, unit = DEPTH_ENCODINGS[encoding]
    dtype = np.dtype(kind).newbyteorder(">" if is_bigendian else "<")
    values = _rows(data, height, width, step, dtype)
    if kind == "u2":
        return np.multiply(values, np.float32(scale or unit), dtype=np.float32)
    return known_depth(values * values.dtype.type(scale or unit))


def known_depth(values: np.ndarray) -> Float32[np.ndarray, "height width"]:
    """Return depth in metres with NaN, infinite and negative readings as 0."""
    depth = values.astype(np.float32)
    with np.errstate(invalid="ignore"):
        depth[~((depth > 0) & (depth < np.inf))] = 0
    return depth


def decode_labels(
    encoding: str, height: int, width: int, step: int, is_bigendian: int | bool, data: Any
) -> Int32[np.ndarray, "height width"]:
    """Return a label image: a whole number per pixel; raises `InputError` for another encoding."""
    if encoding not in LABEL_ENCODINGS:
        raise InputError(
            f"encoding {encoding!r} is not for label images: publish one of {', '.join(LABEL_ENCODINGS)}"
        )
    dtype = np.dtype(LABEL_ENCODINGS[encoding]).newbyteorder(">" if is_bigendian else "<")
    return _rows(data, height, width, step, dtype).astype(np.int32)


def decode_compressed_labels(data: Any) -> Int32[np.ndarray, "height width"]:
    """Return a label image from a PNG of one channel."""
    labels = _imdecode(data, cv2.IMREAD_UNCHANGED)
    if labels.ndim != 2 or bytes(data[:4]) != PNG_MAGIC:
        raise InputError("a compressed label image has to be a PNG of one channel")
    return labels.astype(np.int32)


def decode_compressed_color(data: Any) -> UInt8[np.ndarray, "height width 3"]:
    """Return a JPEG or PNG image as RGB."""
    # A turn noted in EXIF would part the image from its depth and calibration.
    image = _imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def decode_compressed_depth(
    format: str, data: Any, scale: float | None = None
) -> Float32[np.ndarray, "height width"]:
    """Return a compressedDepth image (PNG or RVL behind a 12-byte header) or a bare PNG in metres."""
    body = memoryview(data).cast("B")
    near, far = 0.0, 0.0
    if body[:4] != PNG_MAGIC:
        if len(body) <= COMPRESSED_HEADER.size:
            raise InputError(f"compressed depth of {len(body)} bytes: the message is cut off")
        _, near, far = COMPRESSED_HEADER.unpack_from(body)
        body = body[COMPRESSED_HEADER.size :]
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
            depth = near / (values.astype(np.float32) - far) * np.float32(scale or 1)
        return known_depth(np.where(values > 0, depth, 0))
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
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        raise InputError(f"RVL depth of {width}x{height} pixels: the message is damaged")
    numbers = _rvl_numbers(buffer[8:])
    place, at, counts = _rvl_runs(numbers, width * height)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    zigzag = numbers[np.repeat(place, counts) + within]
    pixels = np.zeros(width * height, np.uint16)
    pixels[np.repeat(at, counts) + within] = np.cumsum((zigzag >> 1) ^ -(zigzag & 1)) & 0xFFFF
    return pixels.reshape(height, width)


def _rvl_runs(numbers: np.ndarray, pixels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, for each run of others than zero, where it starts in the numbers and the image, and its length.

    Where a run starts depends on the length of all before it, so that these are walked through one by one.
    """
    values, runs, place, at = numbers.tolist(), [], 0, 0
    while at < pixels:
        if place + 2 > len(values):
            raise InputError("RVL depth ends early: the message is cut off")
        zeros, count = values[place], values[place + 1]
        place, at = place + 2, at + zeros
        if at + count > pixels:
            raise InputError("RVL depth holds more pixels than its size: the message is damaged")
        if place + count > len(values):
            raise InputError("RVL depth ends early: the message is cut off")
        runs.append((place, at, count))
        place, at = place + count, at + count
    columns = np.array(runs, np.int64).T
    return columns[0], columns[1], columns[2]


def _rvl_numbers(buffer: UInt8[np.ndarray, " bytes"]) -> np.ndarray:
    """Return the variable-length numbers of a nibble stream; nibbles fill 32-bit words from the top."""
    top_first = buffer[: len(buffer) // 4 * 4].reshape(-1, 4)[:, ::-1]
    nibbles = np.stack([top_first >> 4, top_first & 15], axis=2).reshape(-1)
    ends = np.flatnonzero(nibbles < 8)  # the top bit says that more follow
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    length = ends - starts + 1
    numbers = (nibbles[starts] & 7).astype(np.int64)
    longest = int(length.max(initial=0))
    if longest > LONGEST_RVL_NUMBER:
        raise InputError("RVL depth contains an impossible value: the message is damaged")
    for digit in range(1, longest):
        more = np.flatnonzero(length > digit)
        numbers[more] |= (nibbles[starts[more] + digit].astype(np.int64) & 7) << (3 * digit)
    return numbers


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


def _imdecode(data: Any, flags: int) -> np.ndarray:
    buffer = np.frombuffer(data, np.uint8)
    image = cv2.imdecode(buffer, flags) if len(buffer) else None
    if image is None:
        raise InputError(f"{len(buffer)} bytes are not a JPEG or PNG image: the message is damaged")
    return image
