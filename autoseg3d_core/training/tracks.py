"""Tracks while association is trained: kept by the truth, or by what the association itself would choose.

Under the true assignment (AutoSeg3D, training of the long-term memory) a track never holds a stranger and an
object never has two tracks, neither of which is so at run time. Under its own assignment the association
learns to live with its mistakes: a track keeps the true id that it was born with, whatever joins it later.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from autoseg3d_core.tracking.assignment import OneToOne, WithPieces
from autoseg3d_core.training.rows import ObjectRows

MIN_AFFINITY, PIECE_AFFINITY = 0.1, 0.7
"""Much as at run time (`assignment.min_learned_affinity`, `assignment.piece_affinity`)."""

Places = Int64[Tensor, " instances"]
"""The track of each instance; numbers from the count of tracks on are new ones."""


@dataclass(frozen=True, eq=False)
class TrainingTracks:
    """Tracks with true ids; those of false instances have ids below 0, one each."""

    embeddings: Float[Tensor, "tracks channels"]
    boxes: Float[Tensor, "tracks 6"]
    ids: Int64[Tensor, " tracks"]
    hits: Int64[Tensor, " tracks"]

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def none(cls, as_track: Tensor, rows: ObjectRows) -> TrainingTracks:
        """Return no tracks, with the columns of these."""
        return cls(as_track[:0], rows.boxes[:0], rows.ids[:0], rows.ids[:0])


def same_object(rows: ObjectRows, tracks: TrainingTracks) -> Bool[Tensor, "instances tracks"]:
    """Tell which instances and tracks are of one object."""
    return rows.ids[:, None] == tracks.ids[None]


def true_places(rows: ObjectRows, tracks: TrainingTracks) -> Places:
    """Return the track of each instance's object, one new one per unknown object or false instance."""
    same = same_object(rows, tracks)
    known = same.any(dim=1)
    names = torch.where(rows.ids > 0, rows.ids, -1 - torch.arange(len(rows), device=rows.ids.device))
    fresh = torch.unique(names[~known], return_inverse=True)[1]
    places = torch.zeros_like(rows.ids)
    if len(tracks):
        places[known] = same[known].long().argmax(dim=1)
    places[~known] = len(tracks) + fresh
    return places


def own_places(affinity: Float[Tensor, "instances tracks"]) -> Places:
    """Return the tracks that would be chosen at run time, one new one per instance without."""
    count, tracks = affinity.shape
    chosen = WithPieces(OneToOne(MIN_AFFINITY), PIECE_AFFINITY)(affinity.detach())
    places = torch.full((count,), -1, dtype=torch.int64, device=affinity.device)
    places[chosen.instance] = chosen.track
    new = places < 0
    places[new] = tracks + torch.arange(int(new.sum()), device=places.device)
    return places


def advanced(
    tracks: TrainingTracks, as_track: Float[Tensor, "instances channels"], rows: ObjectRows, places: Places
) -> TrainingTracks:
    """Return the tracks after a frame: means by age of what they were given, and new ones."""
    if len(rows) == 0:
        return tracks
    fresh = max(0, int(places.max()) + 1 - len(tracks))
    seen = torch.zeros(len(tracks) + fresh, dtype=torch.int64, device=places.device)
    seen = seen.index_add(0, places, torch.ones_like(places))
    hits = torch.cat([tracks.hits, tracks.hits.new_zeros(fresh)])
    least = torch.cat([tracks.ids, tracks.ids.new_zeros(1)]).amin()
    named = torch.where(rows.ids == 0, least - (rows.ids == 0).cumsum(0), rows.ids)
    ids = torch.cat([tracks.ids, tracks.ids.new_zeros(fresh)])
    born = places >= len(tracks)
    ids[places[born]] = named[born]

    def mean(old: Tensor, given: Tensor) -> Tensor:
        old = torch.cat([old, old.new_zeros(fresh, old.shape[1])])
        now = torch.zeros_like(old).index_add(0, places, given) / seen.clamp(min=1)[:, None]
        return old + ((seen > 0) / (hits + 1))[:, None] * (now - old)

    return TrainingTracks(
        mean(tracks.embeddings, as_track), mean(tracks.boxes, rows.boxes), ids, hits + (seen > 0)
    )
