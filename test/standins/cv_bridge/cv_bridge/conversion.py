"""Conversion of pixels between formats, by the rules of cv_bridge 4.1."""

from __future__ import annotations

import cv2
import numpy as np

from cv_bridge.encodings import Encoding

SCALES = {("8", "16"): 65535 / 255, ("16", "8"): 255 / 65535}
"""Colours and numbers alike are stretched between 8 and 16 bits."""


def convert(image: np.ndarray, source: Encoding, target: Encoding) -> np.ndarray:
    """Return a copy of the image in the target format; ValueError when that makes no sense."""
    if source.name == target.name:
        return image.copy()
    _check(source, target)
    if source.color and target.color and source.color != target.color:
        image = cv2.cvtColor(image, _code(source, target))
    return _with_depth(image, source, target)


def _check(source: Encoding, target: Encoding) -> None:
    names = f"[{source.name}]", f"[{target.name}]"
    if not source.color and target.color:
        raise ValueError(
            f"{names[0]} is not a color format. but {names[1]} is. The conversion does not make sense"
        )
    if not source.color and source.channels != target.channels:
        raise ValueError(f"{names[0]} and {names[1]} do not have the same number of channel")
    if source.color and not target.color and source.channels != target.channels:
        raise ValueError(
            f"{names[0]} is a color format but {names[1]} is not so they must have the same OpenCV type, "
            "CV_8UC3, CV16UC1 ...."
        )
    if target.is_raw:
        raise ValueError(f"Unsupported conversion from {names[0]} to {names[1]}")


def _code(source: Encoding, target: Encoding) -> int:
    name, _, layout = source.color.partition("_")
    code = f"COLOR_{name}2{target.color}" + (f"_{layout}" if layout else "")
    if not hasattr(cv2, code) or (source.color.startswith("Bayer") and target.channels == 4):
        raise ValueError(f"Unsupported conversion from [{source.name}] to [{target.name}]")
    return int(getattr(cv2, code))


def _with_depth(image: np.ndarray, source: Encoding, target: Encoding) -> np.ndarray:
    scale = SCALES.get((source.depth[:-1], target.depth[:-1]), 1.0)
    if source.depth == target.depth:
        return np.ascontiguousarray(image).copy()
    if target.dtype.kind == "f":
        return image.astype(target.dtype)
    limits = np.iinfo(target.dtype)
    rounded = np.rint(np.nan_to_num(image.astype(np.float64) * scale))
    return np.clip(rounded, limits.min, limits.max).astype(target.dtype)
