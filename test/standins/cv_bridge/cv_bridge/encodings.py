"""The names of pixel formats: what a pixel is made of, and whether it is a colour or mere numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

DEPTHS = {
    "uint8": "8U",
    "int8": "8S",
    "uint16": "16U",
    "int16": "16S",
    "int32": "32S",
    "float32": "32F",
    "float64": "64F",
}
DTYPES = {depth: np.dtype(name) for name, depth in DEPTHS.items()}
TYPE = re.compile(r"(8U|8S|16U|16S|32S|32F|64F)(?:C(\d+))?")
COLOR = re.compile(r"(mono|rgb|bgr|rgba|bgra)(8|16)")
BAYER = re.compile(r"bayer_(rggb|bggr|gbrg|grbg)(8|16)")
CHANNELS = {"mono": 1, "rgb": 3, "bgr": 3, "rgba": 4, "bgra": 4}
OPENCV_NAME = {
    "mono": "GRAY",
    # OpenCV names a pattern by its second row's second and third pixel.
    "rggb": "BayerBG",
    "bggr": "BayerRG",
    "gbrg": "BayerGR",
    "grbg": "BayerGB",
}
YUV = {"yuv422": "YUV_UYVY", "yuv422_yuy2": "YUV_YUY2"}
"""The original does not know sensor_msgs' later names for these two, uyvy and yuyv."""


@dataclass(frozen=True)
class Encoding:
    """A pixel format; `color` is OpenCV's name of its colours, "" for mere numbers."""

    name: str
    depth: str
    channels: int
    color: str = ""

    @property
    def dtype(self) -> np.dtype:
        """The type of one number."""
        return DTYPES[self.depth]

    @property
    def opencv_type(self) -> str:
        """OpenCV's name of the type, such as 8UC3."""
        return f"{self.depth}C{self.channels}"

    @property
    def is_raw(self) -> bool:
        """Whether colours are still to be made from a sensor's pattern."""
        return self.color.startswith(("Bayer", "YUV"))


def find(name: str) -> Encoding | None:
    """Return the format of a name, None for an unknown one."""
    if match := TYPE.fullmatch(name):
        return Encoding(name, match[1], int(match[2] or 1))
    if match := COLOR.fullmatch(name):
        return Encoding(name, f"{match[2]}U", CHANNELS[match[1]], OPENCV_NAME.get(match[1], match[1].upper()))
    if match := BAYER.fullmatch(name):
        return Encoding(name, f"{match[2]}U", 1, OPENCV_NAME[match[1]])
    return Encoding(name, "8U", 2, YUV[name]) if name in YUV else None
