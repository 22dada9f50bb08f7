"""Tracks after a correction of poses: each moves with the keyframe that saw it last."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float64
from torch import Tensor

from autoseg3d_core.geometry.boxes import (
    moved_boxes,
    moved_oriented_boxes,
    moved_points,
)
from autoseg3d_core.structures import ABSENT, Keyframes, Moves, SceneOrigin, TogetherVotes, Tracks
from autoseg3d_core.tracking.joining import add_votes

SAME_PLACE = 0.2
"""Two tracks never seen together are one where they meet in this share of the larger one's voxels."""
MARGIN_M = 0.1
"""Boxes that are no farther apart may belong to one object."""


def move_tracks(tracks: Tracks, keyframes: Keyframes, moves: Moves, origin: SceneOrigin) -> Tracks:
    """Return the tracks where the corrected keyframes saw them; what the map says of them moves by itself.

    The reach of a track that was first seen at another keyframe goes around what both say.
    """
    device = tracks.ids.device
    own = moves.of(tracks.anchors.cpu()).to(device)
    first = torch.searchsorted(keyframes.stamps_ns, tracks.first_seen_ns.cpu(), right=True) - 1
    began = moves.moves[first.clamp(min=0)].to(device)
    reach, other = moved_boxes(tracks.world_reach, own), moved_boxes(tracks.world_reach, began)
    around = torch.cat(
        [torch.minimum(reach[:, :3], other[:, :3]), torch.maximum(reach[:, 3:], other[:, 3:])], dim=1
    )
    return dataclasses.replace(
        tracks,
        world_reach=around,
        boxes=moved_boxes(tracks.boxes, own),
        oriented_boxes=moved_oriented_boxes(tracks.oriented_boxes, own),
        stood=moved_oriented_boxes(tracks.stood, own),
        centroids=moved_points(tracks.centroids, own),
        viewpoints=moved_points(tracks.viewpoints, own),
        remembered=tracks.remembered.moved(_in_scene(own, origin)),
    )


def find_rivals(tracks: Tracks, known: TogetherVotes) -> TogetherVotes:
    """Return the rivals known, and each two tracks whose boxes meet and that were never seen together.

    So it is where one was not seen again since the other began.
    """
    low, high = tracks.boxes[:, :3] - MARGIN_M, tracks.boxes[:, 3:] + MARGIN_M
    meets = ((low[:, None] <= high[None]) & (low[None] <= high[:, None])).all(dim=2)
    apart = tracks.last_seen_ns[:, None] < tracks.first_seen_ns[None]
    older, younger = (meets & apart).nonzero(as_tuple=True)
    pairs = TogetherVotes(tracks.ids[older], tracks.ids[younger], torch.zeros_like(older))
    return add_votes(known.append(pairs), pairs[:0])


def count_meetings(rivals: TogetherVotes, met: TogetherVotes) -> TogetherVotes:
    """Return the rivals with what more they have met."""
    both = add_votes(rivals, met)
    return both[torch.isin(both.older << 32 | both.younger, rivals.older << 32 | rivals.younger)]


def judge_rivals(rivals: TogetherVotes, tracks: Tracks, votes: int) -> TogetherVotes:
    """Return enough votes for joining those rivals that turned out to lie in one place."""
    here = rivals[(tracks.index_of(rivals.older) != ABSENT) & (tracks.index_of(rivals.younger) != ABSENT)]
    older, younger = tracks.index_of(here.older), tracks.index_of(here.younger)
    larger = torch.maximum(tracks.voxels[older], tracks.voxels[younger]).clamp(min=1)
    enough = votes + tracks.hits[younger]
    return TogetherVotes(here.older, here.younger, enough)[here.votes >= SAME_PLACE * larger]


def _in_scene(moves: Float64[Tensor, "tracks 4 4"], origin: SceneOrigin) -> Float64[Tensor, "tracks 4 4"]:
    """Return moves of the world as moves of the scene frame."""
    world_from_scene = origin.world_from_scene
    return torch.linalg.inv(world_from_scene) @ moves @ world_from_scene
