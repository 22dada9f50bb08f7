"""Tracks while what finds them is trained: those of the life cycle, and beside them what each truly is.

Under the true assignment (AutoSeg3D, training of the long-term memory) a track never holds a stranger and an
object never has two tracks, neither of which is so at run time. Under its own assignment the association
learns to live with its mistakes: a track keeps the true id that it was born with, whatever joins it later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from autoseg3d_core.models.autoseg3d import QueryRows
from autoseg3d_core.structures import (
    Assignment,
    Association,
    FrameInstances,
    Memory,
    TogetherVotes,
    TrackRows,
    Tracks,
)
from autoseg3d_core.tracking.assignment import Assigner
from autoseg3d_core.tracking.lifecycle import TracksConfig, advance
from autoseg3d_core.training.rows import ObjectRows


class FindsTracks(Protocol):
    """A model whose association can be trained: its scores of pairs, and what follows from them."""

    def empty_rows(self) -> TrackRows:
        """Return what the model remembers of each track as a table without rows."""
        ...

    def compare(self, instances: FrameInstances, tracks: Tracks) -> Any:
        """Return what every pair of instance and track scores, in the model's own terms."""
        ...

    def conclude(self, comparison: Any, tracks: Tracks) -> Association:
        """Return the association that follows."""
        ...


@dataclass(frozen=True, eq=False)
class KnownMemory:
    """A memory, and the true id of each track by the track's own; those of false instances are below 0."""

    memory: Memory
    truth: Int64[Tensor, " ids"]

    @staticmethod
    def empty(model: FindsTracks, device: torch.device) -> KnownMemory:
        """Return a memory without tracks."""
        memory = Memory.empty(model.empty_rows(), device=device)
        return KnownMemory(memory, torch.zeros(memory.next_id, dtype=torch.int64, device=device))

    @property
    def of_tracks(self) -> Int64[Tensor, " tracks"]:
        """The true id of every track."""
        return self.truth[self.memory.tracks.ids]


@dataclass(frozen=True)
class Life:
    """What decides at run time: the model, the assigner, and when tracks are trusted, joined and ended."""

    model: FindsTracks
    assigner: Assigner
    tracks: TracksConfig


def as_instances(rows: ObjectRows) -> FrameInstances:
    """Return rows as the instances of a frame, without points."""
    count, device = len(rows), rows.ids.device
    return FrameInstances(
        masks=torch.zeros(count, 0, dtype=torch.bool, device=device),
        scores=torch.ones(count, device=device),
        labels=rows.labels,
        world_boxes=rows.boxes,
        centroids=(rows.boxes[:, :3] + rows.boxes[:, 3:]) / 2,
        description=QueryRows(rows.queries, rows.boxes),
    )


def same_object(rows: ObjectRows, known: KnownMemory) -> Bool[Tensor, "instances tracks"]:
    """Tell which instances and tracks are of one object."""
    return (rows.ids[:, None] == known.of_tracks[None]) & (rows.ids[:, None] > 0)


def live_by_the_truth(
    life: Life, known: KnownMemory, rows: ObjectRows, comparison: Any, number: int
) -> KnownMemory:
    """Return the memory after a frame whose instances went to the tracks of their objects.

    Of several instances of an object without a track the first alone begins one.
    """
    same = same_object(rows, known)
    has_track = same.any(dim=1)
    earlier = (rows.ids[:, None] == rows.ids[None]).tril(-1).any(dim=1) & (rows.ids > 0)
    kept = (has_track | ~earlier).nonzero()[:, 0]
    instance = has_track[kept].nonzero()[:, 0]
    track = same[kept][instance].long().argmax(dim=1) if len(instance) else instance
    nothing = TogetherVotes.empty(kept.device)
    association = Association(same[kept].float(), comparison.to_remember[kept], nothing)
    return _live(life, known, rows[kept], association, Assignment(instance, track), number)


def live_by_choice(
    life: Life, known: KnownMemory, rows: ObjectRows, comparison: Any, number: int
) -> KnownMemory:
    """Return the memory after a frame, as it would be at run time."""
    association = life.model.conclude(comparison, known.memory.tracks)
    assignment = life.assigner(association.affinity, association.stage)
    return _live(life, known, rows, association, assignment, number)


def _live(
    life: Life,
    known: KnownMemory,
    rows: ObjectRows,
    association: Association,
    assignment: Assignment,
    number: int,
) -> KnownMemory:
    memory = known.memory
    after = advance(memory, as_instances(rows), association, assignment, life.tracks, number).memory
    born = torch.ones_like(rows.ids, dtype=torch.bool)
    born[assignment.instance] = False
    own = memory.next_id + torch.arange(int(born.sum()), device=rows.ids.device)
    truth = torch.where(rows.ids[born] > 0, rows.ids[born], -own)
    return KnownMemory(after, torch.cat([known.truth, truth]))
