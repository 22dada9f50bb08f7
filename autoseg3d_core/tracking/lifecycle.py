"""The life of a track: birth, sightings, misses, joining, recall and the end; ids are issued here only."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from autoseg3d_core.config import section, setting
from autoseg3d_core.geometry.boxes import standing_boxes
from autoseg3d_core.structures import (
    ABSENT,
    EXTENT_BINS,
    EXTENT_DIRECTIONS,
    NO_ID,
    Assignment,
    Association,
    Event,
    EventKind,
    FrameInstances,
    Memory,
    Tracks,
)
from autoseg3d_core.tracking.growth import inherit, observe
from autoseg3d_core.tracking.joining import add_votes, find_joins
from autoseg3d_core.tracking.maturity import MaturityConfig

MOST_WORTH = 50
"""Where there is no room, a track seen more often than this still gives way after as many frames unseen."""


@dataclass(frozen=True)
class TracksConfig:
    """When a track is trusted, sleeps, joins and ends."""

    maturity: MaturityConfig = section(MaturityConfig)
    dormant_after_frames: int = setting(
        15,
        "a track not seen for this many frames becomes dormant: lost, but it can be recalled",
        unit="frames",
        low=1,
        high=100_000,
        live=True,
    )
    tentative_frames: int = setting(
        30,
        "a track that was never confirmed is removed after this many frames without being seen",
        unit="frames",
        low=1,
        high=100_000,
        live=True,
    )
    max_tracks: int = setting(
        1000,
        "maximum number of tracks; those seen least and longest ago are removed first",
        unit="tracks",
        low=10,
        high=100_000,
        live=True,
    )
    join_votes: int = setting(
        5,
        "two tracks are joined if this many more frames saw them as one object than as two",
        unit="frames",
        low=1,
        high=10_000,
        live=True,
    )
    join_share: float = setting(
        0.3,
        "joining also needs votes from at least this fraction of the frames that saw the younger track",
        low=0.0,
        high=1.0,
        live=True,
    )
    blend: float = setting(
        0.05,
        "minimum weight of a new observation in a track's running means; raise it to follow "
        "changes faster, 0 is the plain mean",
        low=0.0,
        high=1.0,
        live=True,
    )


@dataclass(frozen=True, eq=False)
class Advance:
    """What one frame did to the memory, with an id per instance and the ids that gave way.

    `old_ids[i]` became `new_ids[i]`, `NO_ID` for those of tracks that ended; `old_tracks` has their rows.
    """

    memory: Memory
    ids: Int64[Tensor, " instances"]
    old_ids: Int64[Tensor, " ended"]
    new_ids: Int64[Tensor, " ended"]
    old_tracks: Tracks
    events: tuple[Event, ...]


def advance(
    memory: Memory,
    instances: FrameInstances,
    association: Association,
    assignment: Assignment,
    config: TracksConfig,
    stamp_ns: int,
) -> Advance:
    """Return the memory after a frame: seen tracks updated, new ones born, old ones joined or ended."""
    before = memory.tracks
    row = torch.full((len(instances),), ABSENT, dtype=torch.int64, device=before.ids.device)
    row[assignment.instance] = assignment.track
    new = (row == ABSENT).nonzero()[:, 0]
    row[new] = len(before) + torch.arange(len(new), device=row.device)
    born = _bear(instances[new], association, new, memory.next_id, stamp_ns)
    tracks = observe(before.append(born), instances, association, row, config.blend, stamp_ns)
    tracks = dataclasses.replace(
        tracks, anchors=torch.where(tracks.misses == 0, memory.history.current, tracks.anchors)
    )
    ids = tracks.ids[row]
    together = add_votes(memory.together, association.evidence)
    older, younger = find_joins(together, tracks, config.join_votes, config.join_share)
    survivors, ended, heirs = _end(tracks, older, younger, config)
    kept_pairs = torch.isin(together.older, survivors.ids) & torch.isin(together.younger, survivors.ids)
    events = _events(before, tracks, ended, heirs, config)
    after = dataclasses.replace(
        memory, tracks=survivors, together=together[kept_pairs], next_id=memory.next_id + len(new)
    )
    return Advance(after, rename(ids, ended.ids, heirs), ended.ids, heirs, ended, events)


def rename(
    ids: Int64[Tensor, " values"], old: Int64[Tensor, " pairs"], new: Int64[Tensor, " pairs"]
) -> Int64[Tensor, " values"]:
    """Return the ids with every old one replaced by its new one; `old` ascends."""
    if len(old) == 0:
        return ids
    place = torch.searchsorted(old, ids).clamp(max=len(old) - 1)
    return torch.where(old[place] == ids, new[place], ids)


def end_tracks(
    memory: Memory, gone: Bool[Tensor, " tracks"], reason: str, kind: EventKind = EventKind.REMOVED
) -> tuple[Memory, tuple[Event, ...]]:
    """Return the memory without the marked tracks, and an event for each."""
    ended = memory.tracks.ids[gone]
    together = memory.together
    kept = ~torch.isin(together.older, ended) & ~torch.isin(together.younger, ended)
    events = tuple(Event(kind, track_id, NO_ID, reason) for track_id in ended.tolist())
    return dataclasses.replace(memory, tracks=memory.tracks[~gone], together=together[kept]), events


def _bear(
    instances: FrameInstances, association: Association, rows: Tensor, next_id: int, stamp_ns: int
) -> Tracks:
    """Return a track without a hit for each instance."""
    ids = next_id + torch.arange(len(rows), device=rows.device)
    none = torch.zeros_like(ids)
    stamp = torch.full_like(ids, stamp_ns)
    return Tracks(
        ids=ids,
        remembered=association.to_remember[rows],
        world_reach=instances.world_boxes,
        extent=torch.zeros(len(rows), EXTENT_DIRECTIONS, EXTENT_BINS, dtype=torch.int16, device=rows.device),
        boxes=instances.world_boxes,
        oriented_boxes=standing_boxes(instances.world_boxes),
        stood=standing_boxes(instances.world_boxes),
        looks=instances.world_boxes.new_zeros(len(rows), 6),
        centroids=instances.centroids,
        scores=instances.scores,
        labels=instances.labels,
        label_votes=torch.zeros_like(instances.scores),
        mature=none > 0,
        views=none,
        viewpoints=instances.centroids,
        overlooked=none,
        hits=none,
        misses=none,
        voxels=none,
        carved=none,
        backed=none,
        anchors=none,
        first_seen_ns=stamp,
        last_seen_ns=stamp,
    )


def _end(
    tracks: Tracks, older: Tensor, younger: Tensor, config: TracksConfig
) -> tuple[Tracks, Tracks, Tensor]:
    """Return the surviving tracks, those that ended (ids ascending) and the heir's id of each."""
    tracks = inherit(tracks, older, younger)
    joined = torch.isin(tracks.ids, younger)
    stale = _is_stale(tracks, config)
    over = _beyond_capacity(tracks, ~(joined | stale), config.max_tracks)
    gone = joined | stale | over
    ended = tracks[gone]
    if len(ended) == 0:
        return tracks, ended, ended.ids
    nobody = torch.full_like(ended.ids, NO_ID)
    heirs = nobody.masked_scatter(torch.isin(ended.ids, younger), older)  # `younger` ascends like the ids
    return tracks[~gone], ended, heirs


def _is_stale(tracks: Tracks, config: TracksConfig) -> Bool[Tensor, " tracks"]:
    """Tell which tracks were seen in few frames, and not for long."""
    return (tracks.hits < config.maturity.hits) & (tracks.misses >= config.tentative_frames)


def _beyond_capacity(tracks: Tracks, alive: Tensor, capacity: int) -> Tensor:
    """Tell which tracks have to go: those unseen longest and seen least."""
    gone = torch.zeros_like(alive)
    excess = int(alive.sum()) - capacity if len(alive) > capacity else 0
    if excess <= 0:
        return gone
    worth = tracks.hits.clamp(max=MOST_WORTH).double() - tracks.misses.double()
    worth = torch.where(alive, worth, torch.inf)
    gone[torch.topk(worth, excess, largest=False).indices] = True
    return gone


def _events(
    before: Tracks, now: Tracks, ended: Tracks, heirs: Tensor, config: TracksConfig
) -> tuple[Event, ...]:
    """Return what happened, in order: births, losses, recoveries, joins, ends."""
    old = len(before)
    lost = now.misses[:old] == config.dormant_after_frames
    found = (before.misses >= config.dormant_after_frames) & (now.misses[:old] == 0)
    young = torch.ones_like(now.mature)
    young[:old] = False
    nothing = young.new_zeros(len(now) - old)
    happened = [young, torch.cat([lost, nothing]), torch.cat([found, nothing])]
    ids, *told = torch.stack([now.ids, *happened]).cpu().numpy()  # a GPU is waited for once
    kinds = (EventKind.CREATED, EventKind.LOST, EventKind.RECOVERED)
    rows = [(kind, ids[of > 0]) for kind, of in zip(kinds, told, strict=True)]
    events = [Event(kind, track_id) for kind, its in rows for track_id in its.tolist()]
    if len(ended) == 0:
        return tuple(events)
    stale = _is_stale(ended, config)
    for track_id, heir, aged in torch.stack([ended.ids, heirs, stale], dim=1).tolist():
        reason = "" if heir != NO_ID else ("age" if aged else "memory_limit")
        events.append(Event(EventKind.REMOVED if heir == NO_ID else EventKind.JOINED, track_id, heir, reason))
    return tuple(events)
