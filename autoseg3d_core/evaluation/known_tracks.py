"""What scores need to know of tracks, wherever they come from: a track table, or a message of the node."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64

from autoseg3d_core.structures import Rows, TrackTable


@dataclass(frozen=True, eq=False)
class KnownTracks(Rows):
    """The tracks at the end of a run or of a frame, a row each, by rising id; boxes are in the world."""

    ids: Int64[np.ndarray, " tracks"]
    boxes: Float32[np.ndarray, "tracks 6"]
    oriented_boxes: Float32[np.ndarray, "tracks 10"]
    existence: Float32[np.ndarray, " tracks"]
    is_mature: Bool[np.ndarray, " tracks"]

    @staticmethod
    def of(table: TrackTable | KnownTracks) -> KnownTracks:
        """Return the same columns of a track table."""
        return KnownTracks(table.ids, table.boxes, table.oriented_boxes, table.existence, table.is_mature)
