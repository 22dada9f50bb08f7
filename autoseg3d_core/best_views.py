"""The best picture of each track, for people who want to see what an id stands for."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Int64, UInt8

from autoseg3d_core.structures import EventKind, Frame, SceneUpdate

SPARSE = 4
"""Only every fourth row and column of the label image is looked at."""
MARGIN = 0.1
"""Share of a track's size that is shown around it."""
BETTER = 1.3
"""A picture is replaced by one that shows this many times as much: a few times in a track's life."""
CUT_OFF = 0.5
"""How much a view counts in which the track reaches the edge of the image."""
LONGEST_PX = 160
ENDED = (EventKind.REMOVED, EventKind.GONE, EventKind.JOINED)


class BestViews:
    """Keeps for each living track a small picture of the frame that showed most of it."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all pictures."""
        self._pictures: dict[int, UInt8[np.ndarray, "height width 3"]] = {}
        self._ids = np.zeros(0, np.int64)  # those with a picture, rising, and what each picture is worth
        self._worth = np.zeros(0)

    def picture(self, track_id: int) -> UInt8[np.ndarray, "height width 3"] | None:
        """Return the picture of a track, None if it has none yet."""
        return self._pictures.get(track_id)

    def look(self, frame: Frame, update: SceneUpdate) -> None:
        """Take the pictures that a frame has to offer; forget those of tracks that ended."""
        ended = [event.track_id for event in update.events if event.kind in ENDED]
        self._keep(~np.isin(self._ids, ended))
        ids, worth, boxes = _seen(update.label_image)
        known = np.append(self._worth, 0.0)[_place_of(ids, self._ids)]
        better = worth > BETTER * known
        self._keep(~np.isin(self._ids, ids[better]))
        for track_id, box in zip(ids[better].tolist(), boxes[better].tolist(), strict=True):
            self._pictures[track_id] = _cut_out(frame.rgb, box)
        all_ids = np.append(self._ids, ids[better])
        order = np.argsort(all_ids)
        self._ids, self._worth = all_ids[order], np.append(self._worth, worth[better])[order]

    def _keep(self, kept: Bool[np.ndarray, " pictures"]) -> None:
        for track_id in self._ids[~kept].tolist():
            del self._pictures[track_id]
        self._ids, self._worth = self._ids[kept], self._worth[kept]


def _place_of(
    ids: Int64[np.ndarray, " some"], known: Int64[np.ndarray, " known"]
) -> Int64[np.ndarray, " some"]:
    """Return where each id stands among known ones, which rise; -1 for one that is none of them."""
    place = np.searchsorted(known, ids)
    is_known = np.append(known, -1)[place] == ids
    return np.where(is_known, place, -1)


def _seen(
    labels: np.ndarray,
) -> tuple[Int64[np.ndarray, " tracks"], np.ndarray, Int64[np.ndarray, "tracks 4"]]:
    """Return the ids in a label image, what their view is worth, and top, left, bottom, right."""
    sparse = labels[::SPARSE, ::SPARSE]
    row, column = np.nonzero(sparse > 0)
    ids, region, count = np.unique(sparse[row, column], return_inverse=True, return_counts=True)
    if len(ids) == 0:
        return ids.astype(np.int64), count.astype(float), np.zeros((0, 4), np.int64)
    order, first = np.argsort(region, kind="stable"), np.cumsum(count) - count
    top, left = (np.minimum.reduceat(at[order], first) for at in (row, column))
    bottom, right = (np.maximum.reduceat(at[order], first) for at in (row, column))
    last_row, last_column = sparse.shape[0] - 1, sparse.shape[1] - 1
    is_cut = (top == 0) | (left == 0) | (bottom == last_row) | (right == last_column)
    boxes = np.stack([top, left, bottom + 1, right + 1], axis=1) * SPARSE
    return ids.astype(np.int64), count * np.where(is_cut, CUT_OFF, 1.0), boxes


def _cut_out(rgb: np.ndarray, box: list[int]) -> UInt8[np.ndarray, "height width 3"]:
    """Return the part of an image in a box (top, left, bottom, right) and a little around it, made small."""
    top, left, bottom, right = box
    around = round(MARGIN * max(bottom - top, right - left)) + 1
    part = rgb[max(top - around, 0) : bottom + around, max(left - around, 0) : right + around]
    scale = min(1.0, LONGEST_PX / max(part.shape[:2]))
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    return part.copy() if scale == 1.0 else cv2.resize(part, size, interpolation=cv2.INTER_AREA)
