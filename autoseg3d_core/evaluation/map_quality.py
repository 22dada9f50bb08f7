"""What the tracks of a map are in truth: an object, the same object again, a piece of wall, or nothing.

Every confirmed track is one of four, by the points of the truth that carry its id:

- `OBJECT`: its intersection over union with an object is 0.25 or more, and no other track's is higher;
- `DUPLICATE`: it is 0.25 or more too, but another track's is higher: the object is in the map twice;
- `STRUCTURE`: it overlaps no object so far, and more than half of it lies on walls, floor or ceiling;
- `GHOST`: any other, such as a splinter of an object, several objects as one, or a thing that is not there.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from jaxtyping import Int64

from autoseg3d_core.evaluation.known_tracks import KnownTracks

LEAST_OVERLAP = 0.25
"""Intersection over union with an object from which on a track is that object."""


class TrackKind(IntEnum):
    """What a confirmed track is in truth."""

    OBJECT = 0
    DUPLICATE = 1
    STRUCTURE = 2
    GHOST = 3


def track_kinds(
    tracks: KnownTracks, predicted_ids: Int64[np.ndarray, " points"], true_ids: Int64[np.ndarray, " points"]
) -> Int64[np.ndarray, " confirmed"]:
    """Return the `TrackKind` of each confirmed track, in the order of their ids.

    Both ids are those of the truth's points, 0 nobody's. A track that no point carries is a ghost.
    """
    names = tracks.ids[tracks.is_mature]
    objects, column = np.unique(np.append(true_ids, 0), return_inverse=True)  # nobody's first, always there
    column = column[:-1]
    known = np.isin(predicted_ids, names)
    row = np.searchsorted(names, predicted_ids[known])
    cells = row * len(objects) + column[known]
    shared = np.bincount(cells, minlength=len(names) * len(objects)).reshape(len(names), len(objects))
    size, true_size = shared.sum(axis=1), np.bincount(column, minlength=len(objects))
    overlap = shared / np.maximum(size[:, None] + true_size - shared, 1)
    overlap[:, 0] = 0.0
    nearest, best = overlap.argmax(axis=1), overlap.max(axis=1)
    claims = np.flatnonzero(best >= LEAST_OVERLAP)
    by_fit = claims[np.argsort(-best[claims], kind="stable")]
    _, first = np.unique(nearest[by_fit], return_index=True)
    kinds = np.where(2 * shared[:, 0] > size, TrackKind.STRUCTURE, TrackKind.GHOST)
    kinds[claims] = TrackKind.DUPLICATE
    kinds[by_fit[first]] = TrackKind.OBJECT
    return kinds.astype(np.int64)
