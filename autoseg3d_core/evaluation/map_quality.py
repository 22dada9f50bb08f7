"""What the tracks of a map are in truth: an object, the same object again, a piece of wall, or nothing.

Every confirmed track is one of four, by the points of the truth that carry its id:

- `OBJECT`: its intersection over union with an object is 0.25 or more, and no other track's is higher;
- `DUPLICATE`: it is 0.25 or more too, but another track's is higher: the object is in the map twice;
- `STRUCTURE`: it overlaps no object so far, and more than half of it lies on walls, floor or ceiling;
- `GHOST`: any other, such as a splinter of an object, several objects as one, or a thing that is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Float, Int64

from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.structures import Rows

LEAST_OVERLAP = 0.25
"""Intersection over union with an object from which on a track is that object."""


class TrackKind(IntEnum):
    """What a confirmed track is in truth."""

    OBJECT = 0
    DUPLICATE = 1
    STRUCTURE = 2
    GHOST = 3


@dataclass(frozen=True, eq=False)
class ObjectFit(Rows):
    """The true objects, a row each by rising id: their points, and the confirmed track that fits best.

    `iou` is that track's intersection over union with the object, `track` its id: 0 where none touches it.
    """

    ids: Int64[np.ndarray, " objects"]
    points: Int64[np.ndarray, " objects"]
    track: Int64[np.ndarray, " objects"]
    iou: Float[np.ndarray, " objects"]

    def missed(self, min_points: int) -> int:
        """Return the number of objects of at least so many points that no track is."""
        return int(((self.points >= min_points) & (self.iou < LEAST_OVERLAP)).sum())


@dataclass(frozen=True, eq=False)
class _Shared:
    """Points that confirmed tracks share with objects; the first column is nobody's points."""

    names: Int64[np.ndarray, " confirmed"]
    objects: Int64[np.ndarray, " columns"]
    count: Int64[np.ndarray, "confirmed columns"]
    true_size: Int64[np.ndarray, " columns"]

    @property
    def iou(self) -> Float[np.ndarray, "confirmed columns"]:
        """Intersection over union, 0 with nobody."""
        size = self.count.sum(axis=1)
        overlap = self.count / np.maximum(size[:, None] + self.true_size - self.count, 1)
        overlap[:, 0] = 0.0
        return overlap


def track_kinds(
    tracks: KnownTracks, predicted_ids: Int64[np.ndarray, " points"], true_ids: Int64[np.ndarray, " points"]
) -> Int64[np.ndarray, " confirmed"]:
    """Return the `TrackKind` of each confirmed track, in the order of their ids.

    Both ids are those of the truth's points, 0 nobody's. A track that no point carries is a ghost.
    """
    shared = _shared(tracks, predicted_ids, true_ids)
    overlap = shared.iou
    nearest, best = overlap.argmax(axis=1), overlap.max(axis=1)
    claims = np.flatnonzero(best >= LEAST_OVERLAP)
    by_fit = claims[np.argsort(-best[claims], kind="stable")]
    _, first = np.unique(nearest[by_fit], return_index=True)
    is_structure = 2 * shared.count[:, 0] > shared.count.sum(axis=1)
    kinds = np.where(is_structure, TrackKind.STRUCTURE, TrackKind.GHOST)
    kinds[claims] = TrackKind.DUPLICATE
    kinds[by_fit[first]] = TrackKind.OBJECT
    return kinds.astype(np.int64)


def object_fit(
    tracks: KnownTracks, predicted_ids: Int64[np.ndarray, " points"], true_ids: Int64[np.ndarray, " points"]
) -> ObjectFit:
    """Return how well each object of the truth is covered by its best confirmed track."""
    shared = _shared(tracks, predicted_ids, true_ids)
    overlap = np.vstack([np.zeros(len(shared.objects)), shared.iou])[:, 1:]  # the first row is no track's
    best = overlap.argmax(axis=0)
    return ObjectFit(
        shared.objects[1:],
        shared.true_size[1:],
        np.append(0, shared.names)[best],
        overlap.max(axis=0),
    )


def _shared(tracks: KnownTracks, predicted_ids: np.ndarray, true_ids: np.ndarray) -> _Shared:
    names = tracks.ids[tracks.is_mature]
    objects, column = np.unique(np.append(true_ids, 0), return_inverse=True)  # nobody's first, always there
    column = column[:-1]
    known = np.isin(predicted_ids, names)
    row = np.searchsorted(names, predicted_ids[known])
    cells = row * len(objects) + column[known]
    count = np.bincount(cells, minlength=len(names) * len(objects)).reshape(len(names), len(objects))
    return _Shared(names, objects, count, np.bincount(column, minlength=len(objects)))
