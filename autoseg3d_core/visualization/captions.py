"""Where to write the ids and names of regions on a picture, and writing them."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import Int, Int64, UInt8

FONT = cv2.FONT_HERSHEY_SIMPLEX
NO_NAMES: Mapping[int, str] = {}
STEP = 2
"""Only every second row and column is looked at: a caption need not lie on its region to the pixel."""
ROOM = 8
"""Distance from a region's border (of these pixels) beyond which more room makes no better place."""


def caption_places(
    labels: Int[np.ndarray, "height width"], smallest_share: float
) -> tuple[Int64[np.ndarray, " regions"], Int64[np.ndarray, "regions 2"]]:
    """Return the ids that cover at least a share of the image, largest first, and a (column, row) on each.

    The place is the region's pixel that lies nearest the middle of all its pixels, among those with room
    around them: otherwise the caption of a table would lie on what stands on the table.
    """
    sparse = labels[::STEP, ::STEP]
    room = np.minimum(cv2.distanceTransform(_inside(sparse), cv2.DIST_L2, 3), ROOM)
    row, column = np.nonzero(sparse > 0)
    ids, region, count = np.unique(sparse[row, column], return_inverse=True, return_counts=True)
    middle_row = np.bincount(region, row, len(ids)) / np.maximum(count, 1)
    middle_column = np.bincount(region, column, len(ids)) / np.maximum(count, 1)
    off = (row - middle_row[region]) ** 2 + (column - middle_column[region]) ** 2
    nearest = np.lexsort((off, -room[row, column], region))[np.cumsum(count) - count]
    places = np.stack([column[nearest], row[nearest]], axis=1) * STEP
    large = np.argsort(-count, kind="stable")
    large = large[count[large] >= smallest_share * sparse.size]
    return ids[large].astype(np.int64), places[large]


def _inside(labels: Int[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width"]:
    """Return 1 where all four neighbours have the same label, 0 elsewhere and along the image's edge."""
    inside = np.zeros(labels.shape, np.uint8)
    middle = labels[1:-1, 1:-1]
    around = (labels[:-2, 1:-1], labels[2:, 1:-1], labels[1:-1, :-2], labels[1:-1, 2:])
    inside[1:-1, 1:-1] = np.logical_and.reduce([middle == neighbor for neighbor in around])
    return inside


def caption(track_id: int, names: Mapping[int, str]) -> str:
    """Return what is written on a track: its id, and its name if it has one."""
    return f"{track_id} {names[track_id]}" if track_id in names else str(track_id)


def write_captions(
    picture: UInt8[np.ndarray, "height width 3"],
    texts: list[str],
    places: Int64[np.ndarray, "captions 2"],
    grounds: UInt8[np.ndarray, "captions 3"],
    scale: float = 0.4,
) -> None:
    """Write texts on small coloured grounds; one that would cover an earlier one is left out."""
    taken = np.zeros(picture.shape[:2], bool)
    for text, place, ground in zip(texts, places.tolist(), grounds.tolist(), strict=True):
        (width, height), _ = cv2.getTextSize(text, FONT, scale, 1)
        left, top = place[0] - width // 2 - 2, place[1] - height // 2 - 3
        left = int(np.clip(left, 0, max(picture.shape[1] - width - 4, 0)))
        top = int(np.clip(top, 0, max(picture.shape[0] - height - 6, 0)))
        area = np.s_[top : top + height + 6, left : left + width + 4]
        if taken[area].any():
            continue
        taken[area] = True
        picture[area] = np.array(ground) * 0.55
        at = (left + 2, top + height + 2)
        cv2.putText(picture, text, at, FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)
