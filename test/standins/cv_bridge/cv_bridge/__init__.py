"""Images of messages as NumPy arrays and back, with the interface of cv_bridge 4.1."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from cv_bridge import encodings
from cv_bridge.conversion import convert

__all__ = ["CvBridge", "CvBridgeError"]


class CvBridgeError(TypeError):
    """An image cannot be converted."""


class CvBridge:
    """Converts between messages and arrays; one channel gives (height, width)."""

    def imgmsg_to_cv2(self, img_msg: Image, desired_encoding: str = "passthrough") -> np.ndarray:
        """Return the image; without row padding or conversion it shares the message's memory.

        As in the original padding is honoured only where `step` is a whole number of pixels, and a
        big-endian image, of single bytes too, ends in an AttributeError beside NumPy 2.
        """
        source = encodings.find(img_msg.encoding)
        if source is None:
            raise CvBridgeError(f"Unrecognized image encoding [{img_msg.encoding}]")
        image = _as_array(img_msg, source)
        if img_msg.is_bigendian and not hasattr(image, "newbyteorder"):
            raise AttributeError("'numpy.ndarray' object has no attribute 'newbyteorder'")
        return image if desired_encoding == "passthrough" else _converted(image, source, desired_encoding)

    def compressed_imgmsg_to_cv2(
        self, cmprs_img_msg: CompressedImage, desired_encoding: str = "passthrough"
    ) -> np.ndarray | None:
        """Return the decoded image, taken to be bgr8 whatever the format says; None for garbage."""
        image = cv2.imdecode(np.frombuffer(cmprs_img_msg.data, np.uint8), cv2.IMREAD_UNCHANGED)
        if desired_encoding == "passthrough" or image is None:
            return image
        return _converted(image, encodings.Encoding("bgr8", "8U", 3, "BGR"), desired_encoding)

    def cv2_to_imgmsg(self, cvim: np.ndarray, encoding: str = "passthrough", header: Any = None) -> Image:
        """Return the image as a message that keeps the given header itself, not a copy."""
        _check_array(cvim)
        channels = 1 if cvim.ndim < 3 else cvim.shape[2]
        opencv_type = f"{encodings.DEPTHS[cvim.dtype.name]}C{channels}"
        if encoding == "passthrough":
            encoding = opencv_type
        known = encodings.find(encoding)
        if known is None:
            raise CvBridgeError(f"Unrecognized image encoding [{encoding}]")
        if known.opencv_type != opencv_type:
            raise CvBridgeError(
                f"encoding specified as {encoding}, but image has incompatible type {opencv_type}"
            )
        message = Image(height=cvim.shape[0], width=cvim.shape[1], encoding=encoding)
        if header is not None:
            message.header = header
        message.is_bigendian = int(cvim.dtype.byteorder == ">")
        message.data.frombytes(cvim.tobytes())
        message.step = len(message.data) // message.height
        return message

    def cv2_to_compressed_imgmsg(self, cvim: np.ndarray, dst_format: str = "jpg") -> CompressedImage:
        """Return the image encoded as a file of the format."""
        _check_array(cvim)
        message = CompressedImage(format=dst_format)
        message.data.frombytes(cv2.imencode(f".{dst_format}", cvim)[1].tobytes())
        return message


def _as_array(message: Image, encoding: encodings.Encoding) -> np.ndarray:
    dtype = encoding.dtype.newbyteorder(">" if message.is_bigendian else "<")
    columns = message.step // dtype.itemsize // encoding.channels
    shape = (message.height, columns) + ((encoding.channels,) if encoding.channels > 1 else ())
    image = np.ndarray(shape, dtype, buffer=message.data)[:, : message.width]
    return np.ascontiguousarray(image.astype(encoding.dtype, copy=False))


def _converted(image: np.ndarray, source: encodings.Encoding, name: str) -> np.ndarray:
    target = encodings.find(name)
    if target is None:
        raise CvBridgeError(f"Unknown encoding {name}")
    try:
        return convert(image, source, target)
    except (ValueError, cv2.error) as error:
        raise CvBridgeError(str(error)) from error


def _check_array(image: Any) -> None:
    if not isinstance(image, np.ndarray | np.generic):
        raise TypeError("Your input type is not a numpy array")
