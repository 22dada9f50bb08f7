"""The track id of every pixel, from the ids of the points that were drawn of a frame."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, Int64

CELL_PX = 8
"""Points speak for the pixels of their mask in a square of this side."""


def painted(
    masks: Int32[np.ndarray, "height width"],
    mask_ids: Int64[np.ndarray, " masks"],
    pixel: Int64[np.ndarray, " points"],
    point_ids: Int64[np.ndarray, " points"],
) -> Int32[np.ndarray, "height width"]:
    """Return the id that most points near a pixel on its mask carry; where there are none, its mask's.

    A network's instances may cut a mask in two, or reach beyond all masks; where they are whole masks the
    image is that of the masks.
    """
    paint = np.append(mask_ids, 0).astype(np.int32)  # mask -1 reads the last entry
    whole = paint[masks]
    if (whole.ravel()[pixel] == point_ids).all():
        return whole
    height, width = masks.shape
    columns = -(-width // CELL_PX)
    cell = (np.arange(height, dtype=np.int32) // CELL_PX * columns)[:, None] + np.arange(width) // CELL_PX
    place = (cell * len(paint) + masks + 1).astype(np.int32)  # a mask's share of a cell
    told = _majorities(place.ravel()[pixel], point_ids, int(place.max()) + 1)[place]
    return np.where(told >= 0, told, whole)


def _majorities(
    place: Int32[np.ndarray, " points"], ids: Int64[np.ndarray, " points"], places: int
) -> Int32[np.ndarray, " places"]:
    """Return the id that most points of each place carry, -1 where there are no points."""
    names, rank = np.unique(ids, return_inverse=True)
    pairs, counts = np.unique(place.astype(np.int64) * len(names) + rank, return_counts=True)
    order = np.argsort(counts, kind="stable")  # of values for one place the last written stays
    told = np.full(places, -1, np.int32)
    told[pairs[order] // len(names)] = names[pairs[order] % len(names)]
    return told
