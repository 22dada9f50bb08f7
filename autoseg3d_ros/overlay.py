"""The picture for people: masks in their tracks' colours over the colour image."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Int32, UInt8

from autoseg3d_core.visualization import palette

TABLE_BITS = 12
"""Ids that agree in so many low bits would share a colour in the table; a frame has far fewer tracks."""


def track_colors(ids: np.ndarray) -> UInt8[np.ndarray, "ids 3"]:
    """Return the colour of each track id, the same for the track's whole life; grey for none."""
    return palette.colors_of(np.asarray(ids))


def overlay(
    rgb: UInt8[np.ndarray, "height width 3"],
    label_image: Int32[np.ndarray, "height width"],
    ids: np.ndarray,
    opacity: float,
) -> UInt8[np.ndarray, "height width 3"]:
    """Return the image with the masks of these tracks painted over."""
    slots = 1 << TABLE_BITS
    table = np.zeros((slots, 4), np.uint8)
    table[ids & (slots - 1), :3] = track_colors(ids)
    table[ids & (slots - 1), 3] = 255
    packed = np.take(table.view(np.uint32)[:, 0], label_image & (slots - 1))  # red green blue hit
    painted = packed.view(np.uint8).reshape(*label_image.shape, 4)
    masks = cv2.cvtColor(painted, cv2.COLOR_RGBA2RGB)
    mixed = cv2.addWeighted(rgb, 1 - opacity, masks, opacity, 0)
    return cv2.copyTo(mixed, cv2.extractChannel(painted, 3), rgb.copy())
