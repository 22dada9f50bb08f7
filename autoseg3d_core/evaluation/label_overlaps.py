"""The true objects and the tracks of one frame, and how far their pixels overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int32, Int64

MIN_IOU = 0.5
"""An object and a track match above this. Not lower: two tracks could match one object."""
MIN_PIXELS = 0.001
"""Share of the image below which a true object is not counted: it is hardly in view."""


@dataclass(frozen=True, eq=False)
class FrameOverlaps:
    """The objects in view, the tracks that lie mostly on true objects, and their intersection over union."""

    objects: Int64[np.ndarray, " objects"]
    tracks: Int64[np.ndarray, " tracks"]
    iou: Float[np.ndarray, "objects tracks"]

    @property
    def matches(self) -> dict[int, int]:
        """The track of each object that has one; masks are disjoint, so none has two."""
        rows, columns = (self.iou > MIN_IOU).nonzero()
        return dict(zip(self.objects[rows].tolist(), self.tracks[columns].tolist(), strict=True))


def frame_overlaps(
    truth: Int32[np.ndarray, "height width"],
    predicted: Int32[np.ndarray, "height width"],
    min_pixels: float = MIN_PIXELS,
) -> FrameOverlaps:
    """Return the overlaps in one frame; tracks that lie mostly on nothing true (walls) are passed over."""
    objects, row = np.unique(truth, return_inverse=True)
    tracks, column = np.unique(predicted, return_inverse=True)
    pixels = np.bincount(row.ravel() * len(tracks) + column.ravel(), minlength=len(objects) * len(tracks))
    table = pixels.reshape(len(objects), len(tracks))
    iou = table / (table.sum(axis=1, keepdims=True) + table.sum(axis=0, keepdims=True) - table)
    counted = (objects > 0) & (table.sum(axis=1) >= min_pixels * truth.size)
    on_objects = (tracks > 0) & (table[counted].sum(axis=0) > table.sum(axis=0) / 2)
    return FrameOverlaps(
        objects[counted].astype(np.int64), tracks[on_objects].astype(np.int64), iou[counted][:, on_objects]
    )
