"""Keeps the scene map and the tracks true to each other: what a frame adds, empties or ends."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from autoseg3d_core.carving import CarvingConfig, FreeSpace
from autoseg3d_core.geometry.voxels import pack
from autoseg3d_core.policies import PipelineConfig
from autoseg3d_core.scene_map import SceneMap
from autoseg3d_core.structures import (
    ABSENT,
    NO_ID,
    THE_MAP,
    Event,
    EventKind,
    Frame,
    MapChange,
    Memory,
    Tracks,
)
from autoseg3d_core.tracking.boxes import measure_boxes
from autoseg3d_core.tracking.extent import Ruler, count_voxels
from autoseg3d_core.tracking.lifecycle import Advance, end_tracks, rename
from autoseg3d_core.tracking.maturity import weigh
from autoseg3d_core.tracking.moved import MovedConfig, keep_gone, know_again, remember_looks, remember_places
from autoseg3d_core.tracking.presence import count_backed, count_carved, is_seen_through


@dataclass(frozen=True, eq=False)
class Surface:
    """The voxels in which a frame sees a surface: the id that each votes for, its colour, its id on the map.

    `votes` is `NO_ID` for a vote for no object, `NO_VOTE` for none at all; colours are from 0 to 1.
    `camera` is the place that it is seen from.
    """

    keys: Int64[Tensor, " voxels"]
    votes: Int64[Tensor, " voxels"]
    rgb: Float[Tensor, "voxels 3"]
    on_map: Int64[Tensor, " voxels"]
    camera: Float[Tensor, "3"]


def find_free(scene: SceneMap, frame: Frame, config: CarvingConfig, turn: int) -> Int64[Tensor, " free"]:
    """Return the voxels of tracks that a frame sees through; frames take turns where there are too many."""
    if config.votes == 0 or len(scene) == 0:
        return torch.zeros(0, dtype=torch.int64, device=scene.device)
    size = scene.config.voxel_size_m
    free = FreeSpace.of(frame, config, size, scene.device)
    held = scene.owned_in(free.cubes_in_view(scene.block_edge_m), config.max_blocks, turn)
    return pack(held.cells_of(free.sees_through_voxels(held)))


def with_looks(
    change: Advance, owner: Int64[Tensor, " points"], rgb: Float[Tensor, "points 3"], blend: float
) -> Advance:
    """Return what a frame did, with the colours of its tracks' points; `owner` is their instance."""
    tracks = change.memory.tracks
    row = torch.cat([tracks.index_of(change.ids), owner.new_full((1,), ABSENT)])[owner]
    memory = dataclasses.replace(change.memory, tracks=remember_looks(tracks, row, rgb, blend))
    return dataclasses.replace(change, memory=memory)


def integrate(
    scene: SceneMap,
    change: Advance,
    surface: Surface,
    free: Int64[Tensor, " free"],
    policies: PipelineConfig,
    now: int,
) -> tuple[Memory, Int64[Tensor, " instances"], tuple[Event, ...]]:
    """Write frame `now` into the map, and take votes from the voxels `free` of it.

    Returns the memory whose tracks agree with the map, the ids of the frame's instances, and events.
    """
    written, blocks = _write(scene, change, surface, now)
    carved = scene.take_votes(free, policies.carving.votes)
    memory, gone = _settle(
        scene,
        change.memory,
        written,
        carved,
        surface.on_map,
        policies.carving.gone_share,
        policies.moved,
    )
    memory, forgotten = forget(memory, blocks)
    maturity = policies.tracks.maturity
    tracks, matured = weigh(memory.tracks, surface.on_map, surface.camera, maturity)
    memory = dataclasses.replace(memory, tracks=tracks)
    memory, ids, moved = _know_moved(scene, memory, change.ids, policies.moved)
    return memory, ids, gone + forgotten + matured + moved


def _write(scene: SceneMap, change: Advance, surface: Surface, now: int) -> tuple[MapChange, int]:
    """Write a frame into the map; return what ids gained and lost, and how many blocks had to go."""
    relabelled = scene.relabel(change.old_ids, change.new_ids, change.old_tracks.world_reach)
    color = (surface.rgb * 255).to(torch.uint8)
    keyframe = change.memory.history.current
    voted, blocks = scene.integrate(surface.keys, surface.votes, color, now, keyframe)
    return relabelled.append(voted), blocks


def _settle(
    scene: SceneMap,
    memory: Memory,
    written: MapChange,
    carved: MapChange,
    seen: Int64[Tensor, " voxels"],
    gone_share: float,
    moved: MovedConfig,
) -> tuple[Memory, tuple[Event, ...]]:
    """Return the memory whose tracks know what the map gained and lost, without those that are gone.

    `seen` is the id that the map had in each voxel in which the frame sees a surface.
    """
    tracks = measure(scene, memory, written.append(carved))
    memory = dataclasses.replace(
        memory, tracks=remember_places(count_backed(count_carved(tracks, carved), seen))
    )
    gone = is_seen_through(memory.tracks, gone_share)
    if not bool(gone.any()):
        return memory, ()
    erase(scene, memory.tracks[gone])
    memory = dataclasses.replace(memory, gone=keep_gone(memory.gone, memory.tracks[gone], moved))
    return end_tracks(memory, gone, "its place is empty", EventKind.GONE)


def _know_moved(
    scene: SceneMap, memory: Memory, ids: Int64[Tensor, " instances"], config: MovedConfig
) -> tuple[Memory, Int64[Tensor, " instances"], tuple[Event, ...]]:
    """Return the memory in which what moved has its old id, the ids of the frame's instances, and events."""
    after, was, now, events = know_again(memory, config)
    if len(was) == 0:
        return memory, ids, ()
    reach = after.tracks.world_reach[after.tracks.index_of(now)]
    scene.relabel(was, now, reach)
    order = torch.argsort(was)
    return after, rename(ids, was[order], now[order]), events


def forget(memory: Memory, blocks: int) -> tuple[Memory, tuple[Event, ...]]:
    """Return the memory without the tracks of which nothing is left when blocks of the map had to go."""
    if blocks == 0:
        return memory, ()
    forgotten = (memory.tracks.voxels <= 0) & (memory.tracks.misses > 0)
    memory, events = end_tracks(memory, forgotten, "memory_limit")
    room = Event(EventKind.REMOVED, THE_MAP, NO_ID, f"memory_limit: {blocks} blocks of the scene map")
    return memory, (room, *events)


def remove(scene: SceneMap, memory: Memory, track_id: int) -> Memory:
    """Return the memory without one track, and take its id off the map."""
    gone = memory.tracks.ids == int(track_id)
    erase(scene, memory.tracks[gone])
    return end_tracks(memory, gone, "user")[0]


def measure(scene: SceneMap, memory: Memory, change: MapChange) -> Tracks:
    """Return the tracks with their voxels and boxes after a change of the map.

    While parts of the map wait to be moved boxes stay as they are.
    """
    assert memory.origin is not None, "the first frame fixes it before anything is mapped"
    ruler = Ruler.of(memory.origin, scene.config.voxel_size_m)
    tracks = count_voxels(memory.tracks, change, ruler)
    return tracks if scene.waiting else measure_boxes(tracks, change, ruler)


def erase(scene: SceneMap, tracks: Tracks) -> None:
    """Take the ids of tracks off the map."""
    scene.relabel(tracks.ids, torch.zeros_like(tracks.ids), tracks.world_reach)
