"""A colour image with the tracks painted over it."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Int32, UInt8

from autoseg3d_core.visualization.palette import colors_of

FONT = cv2.FONT_HERSHEY_SIMPLEX
SMALLEST_NAMED = 0.002
"""Share of the image that a mask needs for its id to be written on it."""


def overlay(
    rgb: UInt8[np.ndarray, "height width 3"],
    label_image: Int32[np.ndarray, "height width"],
    opacity: float = 0.5,
    names: bool = True,
) -> UInt8[np.ndarray, "height width 3"]:
    """Return the image with each id's pixels tinted, outlined and named."""
    ids, place = np.unique(label_image, return_inverse=True)
    place = place.reshape(label_image.shape)
    strength = np.where(ids > 0, opacity, 0.0)[place][..., None]
    picture = (rgb * (1 - strength) + colors_of(ids)[place] * strength).astype(np.uint8)
    picture[_borders(label_image)] = 255
    if names:
        for track_id, center in _centers(ids, place):
            _write(picture, str(track_id), center)
    return picture


def _borders(labels: np.ndarray) -> np.ndarray:
    edge = np.zeros(labels.shape, bool)
    edge[:, 1:] = labels[:, 1:] != labels[:, :-1]
    edge[1:] |= labels[1:] != labels[:-1]
    return edge


def _centers(ids: np.ndarray, place: np.ndarray) -> list[tuple[int, tuple[int, int]]]:
    """Return, for each id with enough pixels, its pixel nearest the middle of all of them."""
    found = []
    for index, track_id in enumerate(ids.tolist()):
        rows, columns = np.nonzero(place == index)
        if track_id <= 0 or len(rows) < SMALLEST_NAMED * place.size:
            continue
        nearest = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
        found.append((track_id, (int(columns[nearest]), int(rows[nearest]))))
    return found


def _write(picture: np.ndarray, text: str, center: tuple[int, int], scale: float = 0.45) -> None:
    """Write text around a point, readable on any ground."""
    (width, height), _ = cv2.getTextSize(text, FONT, scale, 1)
    at = (center[0] - width // 2, center[1] + height // 2)
    cv2.putText(picture, text, at, FONT, scale, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(picture, text, at, FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)
