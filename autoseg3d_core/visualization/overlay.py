"""A colour image with the tracks painted over it."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import Int32, UInt8

from autoseg3d_core.visualization.captions import NO_NAMES, caption, caption_places, write_captions
from autoseg3d_core.visualization.palette import colors_of

SMALLEST_NAMED = 0.002
"""Share of the image that a mask needs for its id to be written on it."""


def overlay(
    rgb: UInt8[np.ndarray, "height width 3"],
    label_image: Int32[np.ndarray, "height width"],
    opacity: float = 0.5,
    captions: bool = True,
    names: Mapping[int, str] = NO_NAMES,
) -> UInt8[np.ndarray, "height width 3"]:
    """Return the image with each id's pixels tinted, outlined, and captioned with the id and its name."""
    tint = colors_of(label_image)
    mixed = cv2.addWeighted(rgb, 1 - opacity, tint, opacity, 0)
    picture = np.where((label_image > 0)[..., None], mixed, rgb)
    picture[_borders(label_image)] = 255
    if captions:
        ids, places = caption_places(label_image, SMALLEST_NAMED)
        texts = [caption(track_id, names) for track_id in ids.tolist()]
        write_captions(picture, texts, places, colors_of(ids))
    return picture


def _borders(labels: np.ndarray) -> np.ndarray:
    edge = np.zeros(labels.shape, bool)
    edge[:, 1:] = labels[:, 1:] != labels[:, :-1]
    edge[1:] |= labels[1:] != labels[:-1]
    return edge
