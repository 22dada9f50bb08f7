"""Loop closure: a correction of poses moves what was mapped with the keyframes that it belongs to."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from jaxtyping import Float64, Int64

from autoseg3d_core.geometry.boxes import moved_points
from autoseg3d_core.policies import PipelineConfig
from autoseg3d_core.scene_map import SceneMap
from autoseg3d_core.structures import (
    NO_ID,
    THE_MAP,
    Event,
    EventKind,
    Frame,
    MapChange,
    Memory,
    Moves,
    PoseHistory,
)
from autoseg3d_core.tracking.joining import add_votes
from autoseg3d_core.tracking.keyframes import ClosureConfig, follow, moves_at, spread_out
from autoseg3d_core.tracking.relocation import count_meetings, find_rivals, judge_rivals, move_tracks
from autoseg3d_core.upkeep import forget, measure

POSE_JUMP = "pose_jump"
"""The reason in events of a map that was corrected or forgotten."""


def correct_at(
    scene: SceneMap,
    memory: Memory,
    stamps_ns: Int64[np.ndarray, " stamps"],
    moves: Float64[np.ndarray, "stamps 4 4"],
    config: ClosureConfig,
) -> tuple[Memory, tuple[Event, ...]]:
    """Move the map and the tracks by corrections at some stamps: see `tracking.keyframes.moves_at`."""
    history, own = moves_at(memory.history, stamps_ns, moves, config)
    return _correct(scene, memory, history, own, "request")


def correct_jump(
    scene: SceneMap, memory: Memory, frame: Frame, jump: Float64[np.ndarray, "4 4"], config: ClosureConfig
) -> tuple[Memory, tuple[Event, ...]]:
    """Move the map and the tracks where the world jumped: see `tracking.keyframes.spread_out`."""
    history, own = spread_out(memory.history, jump, frame, config)
    return _correct(scene, memory, history, own, POSE_JUMP)


def follow_camera(
    scene: SceneMap, memory: Memory, frame: Frame, policies: PipelineConfig
) -> tuple[Memory, tuple[Event, ...]]:
    """Return the memory with a frame's keyframe, after moving some of the blocks that wait, and events."""
    memory = dataclasses.replace(memory, history=follow(memory.history, frame, policies.closure))
    most, join_votes = policies.closure.blocks_per_frame, policies.tracks.join_votes
    return forget(*carry_on(scene, memory, most, join_votes))


def finish(scene: SceneMap, memory: Memory, join_votes: int) -> Memory:
    """Move all the blocks that wait."""
    while scene.waiting:
        memory, _ = carry_on(scene, memory, scene.waiting, join_votes)
    return memory


def carry_on(scene: SceneMap, memory: Memory, most: int, join_votes: int) -> tuple[Memory, int]:
    """Move so many blocks of those that wait; return the memory, and how many blocks were dropped.

    When the last is moved, all boxes are measured anew, and tracks that have come to lie in one place are
    given the votes that it takes to join them.
    """
    if not scene.waiting:
        return memory, 0
    change, blocks, met = scene.carry_on(most)
    rivals = count_meetings(memory.rivals, met)
    if scene.waiting:
        return dataclasses.replace(memory, tracks=measure(scene, memory, change), rivals=rivals), blocks
    one = torch.ones_like(memory.tracks.ids)
    tracks = measure(scene, memory, change.append(MapChange(memory.tracks.ids, one, 0 * one, 0 * one)))
    together = add_votes(memory.together, judge_rivals(rivals, tracks, join_votes))
    return dataclasses.replace(memory, tracks=tracks, together=together, rivals=rivals[:0]), blocks


def _correct(
    scene: SceneMap, memory: Memory, history: PoseHistory, moves: Moves, reason: str
) -> tuple[Memory, tuple[Event, ...]]:
    """Begin to move everything; return the memory with the tracks moved, and an event.

    What a network keeps of the scene lies where poses used to be and is forgotten. Nothing changes where
    nothing moves.
    """
    still = torch.eye(4, dtype=torch.float64).expand_as(moves.moves)
    if memory.origin is None or torch.equal(moves.moves, still):
        return memory, ()
    keyframes = history.keyframes
    tracks = move_tracks(memory.tracks, keyframes, moves, memory.origin)
    rivals = find_rivals(tracks, memory.rivals)
    scene.relocate(moves, keyframes.poses[-1, :3, 3])
    before = moved_points(keyframes.poses[:, :3, 3], torch.linalg.inv(moves.moves))
    farthest_m = float((keyframes.poses[:, :3, 3] - before).norm(dim=1).max())
    count = int((moves.moves != still).any(dim=2).any(dim=1).sum())
    event = Event(
        EventKind.CORRECTED, THE_MAP, NO_ID, f"{reason}: {count} keyframes by up to {farthest_m:.2f} m"
    )
    gone = move_tracks(memory.gone, keyframes, moves, memory.origin)
    after = dataclasses.replace(memory, gone=gone, tracks=tracks, history=history, kept=None, rivals=rivals)
    return after, (event,)
