"""Moved, not new: what is gone from one place and stands in another is known again by its size and looks.

It takes back its id only where that is sure: nothing else looks so, and the two were never seen at one time.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from autoseg3d_core.config import setting
from autoseg3d_core.geometry.groups import group_mean, group_size
from autoseg3d_core.structures import Event, EventKind, Memory, Tracks


@dataclass(frozen=True)
class MovedConfig:
    """When something that is gone is known again in another place."""

    size_tolerance: float = setting(
        0.2,
        "an object is recognised elsewhere if each side of its box differs by at most this fraction or "
        "10 cm; 0 turns this off",
        low=0.0,
        high=1.0,
        live=True,
    )
    color_tolerance: float = setting(
        0.12,
        "maximum difference in the mean and the standard deviation of its colours, which range from 0 to 1",
        low=0.0,
        high=1.0,
        live=True,
    )
    remembered: int = setting(
        50,
        "number of removed objects that can still be recognised elsewhere; the oldest are forgotten first",
        unit="objects",
        low=0,
        high=10_000,
        live=True,
    )


LEAST_TOLERANCE_M = 0.1


def remember_looks(
    tracks: Tracks,
    row: Int64[Tensor, " points"],
    rgb: Float[Tensor, "points 3"],
    blend: float,
) -> Tracks:
    """Return the tracks with the mean and the spread of their colours; `row` is the track of each point."""
    count = len(tracks)
    mean = group_mean(rgb, row, count)
    spread = (group_mean(rgb * rgb, row, count) - mean * mean).clamp(min=0).sqrt()
    seen = group_size(row, count) > 0
    weight = (1.0 / tracks.hits.clamp(min=1)).clamp(min=blend) * seen
    looks = tracks.looks + weight[:, None] * (torch.cat([mean, spread], dim=1) - tracks.looks)
    return dataclasses.replace(tracks, looks=looks)


def remember_places(tracks: Tracks) -> Tracks:
    """Return the tracks with the box of each as it is now, where it is seen now."""
    now = (tracks.misses == 0)[:, None]
    return dataclasses.replace(tracks, stood=torch.where(now, tracks.oriented_boxes, tracks.stood))


def keep_gone(gone: Tracks, ended: Tracks, config: MovedConfig) -> Tracks:
    """Return what is gone with what has just gone, the newest last."""
    return gone.append(ended)[-config.remembered :] if config.remembered else gone[:0]


def know_again(
    memory: Memory, config: MovedConfig
) -> tuple[Memory, Int64[Tensor, " moved"], Int64[Tensor, " moved"], tuple[Event, ...]]:
    """Return the memory in which new tracks are old ones again, the ids they had and have, and events."""
    gone, tracks = memory.gone, memory.tracks
    if len(gone) == 0 or len(tracks) == 0:
        return memory, tracks.ids[:0], tracks.ids[:0], ()
    alike = _are_alike(gone, tracks, config) & tracks.mature
    sure = alike & (alike.sum(dim=1, keepdim=True) == 1) & (alike.sum(dim=0, keepdim=True) == 1)
    old, new = sure.nonzero(as_tuple=True)
    if len(old) == 0:
        return memory, tracks.ids[:0], tracks.ids[:0], ()
    was, now = tracks.ids[new], gone.ids[old]
    events = tuple(
        event
        for place, (gone_row, row) in enumerate(zip(old.tolist(), new.tolist(), strict=True))
        for event in _events(gone, tracks, gone_row, row, int(was[place]))
    )
    left = torch.ones(len(gone), dtype=torch.bool, device=old.device).index_fill(0, old, False)
    together, rivals = memory.together, memory.rivals
    kept = ~torch.isin(together.older, was) & ~torch.isin(together.younger, was)
    apart = ~torch.isin(rivals.older, was) & ~torch.isin(rivals.younger, was)
    after = dataclasses.replace(
        memory,
        tracks=_as_old(tracks, gone, old, new),
        gone=gone[left],
        together=together[kept],
        rivals=rivals[apart],
    )
    return after, was, now, events


def _are_alike(gone: Tracks, tracks: Tracks, config: MovedConfig) -> Bool[Tensor, "gone tracks"]:
    """Tell which tracks began after something was last seen that is gone, and have its size and looks."""
    size, other = gone.stood[:, None, 3:6], tracks.stood[None, :, 3:6]
    tolerance = (config.size_tolerance * torch.maximum(size, other)).clamp(min=LEAST_TOLERANCE_M)
    fits = ((size - other).abs() <= tolerance).all(dim=2) & (config.size_tolerance > 0)
    off = (gone.looks[:, None] - tracks.looks[None]).abs().amax(dim=2)
    later = tracks.first_seen_ns[None] > gone.last_seen_ns[:, None]
    alike = later & fits & (off <= config.color_tolerance)
    likeness = gone.remembered.likeness(tracks.remembered)
    if likeness is not None:  # nothing that there is looks more like it
        alike &= likeness >= likeness.amax(dim=1, keepdim=True)
    return alike


def _as_old(tracks: Tracks, gone: Tracks, old: Tensor, new: Tensor) -> Tracks:
    """Return the tracks with the new ones under the ids of the old, in order of these."""
    renamed = dataclasses.replace(
        tracks,
        ids=tracks.ids.index_copy(0, new, gone.ids[old]),
        hits=tracks.hits.index_add(0, new, gone.hits[old]),
        first_seen_ns=tracks.first_seen_ns.index_copy(0, new, gone.first_seen_ns[old]),
    )
    return renamed[torch.argsort(renamed.ids)]


def _events(gone: Tracks, tracks: Tracks, old: int, new: int, was: int) -> tuple[Event, Event]:
    """Return what to say of one thing that moved: where it stood and stands, and that its new id ends."""
    track_id = int(gone.ids[old])
    places = (
        ", ".join(f"{value:.2f}" for value in box[:3].tolist())
        for box in (gone.stood[old], tracks.stood[new])
    )
    moved = Event(EventKind.MOVED, track_id, was, " -> ".join(f"({place})" for place in places))
    return moved, Event(EventKind.JOINED, was, track_id)
