"""Tracks after a correction of poses: each moves with the keyframe that saw it last."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float64
from torch import Tensor

from autoseg3d_core.geometry.boxes import (
    box_iou_3d,
    moved_boxes,
    moved_oriented_boxes,
    moved_points,
)
from autoseg3d_core.structures import Keyframes, Moves, SceneOrigin, TogetherVotes, Tracks

SAME_PLACE = 0.4
"""Two tracks of which one was not seen again since the other began are one where boxes overlap by as much."""


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
        centroids=moved_points(tracks.centroids, own),
        remembered=tracks.remembered.moved(_in_scene(own, origin)),
    )


def same_place(tracks: Tracks, votes: int) -> TogetherVotes:
    """Return enough votes for joining each two tracks that lie in one place and were never seen together."""
    overlap = box_iou_3d(tracks.boxes, tracks.boxes)
    apart_in_time = tracks.last_seen_ns[:, None] < tracks.first_seen_ns[None]
    older, younger = ((overlap >= SAME_PLACE) & apart_in_time).nonzero(as_tuple=True)
    return TogetherVotes(tracks.ids[older], tracks.ids[younger], votes + tracks.hits[younger])


def _in_scene(moves: Float64[Tensor, "tracks 4 4"], origin: SceneOrigin) -> Float64[Tensor, "tracks 4 4"]:
    """Return moves of the world as moves of the scene frame."""
    world_from_scene = origin.world_from_scene
    return torch.linalg.inv(world_from_scene) @ moves @ world_from_scene
