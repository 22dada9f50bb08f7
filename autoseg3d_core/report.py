"""From torch back to NumPy: what viewers, publishers and metrics see of a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from autoseg3d_core.geometry.groups import group_majority, group_size, group_sum
from autoseg3d_core.label_image import paint_labels
from autoseg3d_core.packed_copy import to_host
from autoseg3d_core.scene_map import SceneMap, centers_of
from autoseg3d_core.structures import (
    ABSENT,
    NO_ID,
    UNLABELLED,
    UNNAMED,
    UNNUMBERED,
    FragmentCloud,
    Frame,
    FrameInstances,
    LabelledCloud,
    MaskImage,
    Memory,
    Presence,
    SceneObject,
    SceneUpdate,
    Tracks,
    TrackTable,
)
from autoseg3d_core.tracking.presence import presence_of

_TRACK = "track "
"""Marks the columns of the track table among all that goes to the host."""


def report_frame(
    frame: Frame,
    masks: MaskImage,
    cloud: FragmentCloud,
    instances: FrameInstances,
    ids: Int64[Tensor, " instances"],
    memory: Memory,
    doubt: float,
) -> SceneUpdate:
    """Return the report of one frame, still without its number, events and timings.

    After `doubt` frames half a track's score is believed.
    """
    tracks, owner = memory.tracks, instances.owner
    fragment_owner = group_majority(owner, len(instances), cloud.fragment, len(cloud.fragment_score))
    row = tracks.index_of(ids)  # where memory is full an instance may be left without a track
    points = group_sum(group_size(owner, len(instances)), row, len(tracks))
    score = tracks.scores.new_zeros(len(tracks) + 1).scatter_reduce(0, row + 1, instances.scores, "amax")[1:]
    told = _told(tracks, points, score, doubt)
    said = to_host(
        {
            "point_ids": name_owners(owner, ids),
            "mask_ids": name_owners(fragment_owner, ids),
            "pixel": cloud.pixel,
            "xyz": cloud.xyz,
            "rgb": (cloud.rgb * 255).round().to(torch.uint8),
            "labels": name_owners(owner, instances.labels, UNLABELLED),
            **{_TRACK + name: column for name, column in told.items()},
        }
    )
    return SceneUpdate(
        stamp_ns=frame.stamp_ns,
        frame_index=UNNUMBERED,
        world_from_camera=frame.world_from_camera,
        label_image=paint_labels(masks.index, said["mask_ids"], said["pixel"], said["point_ids"]),
        cloud=LabelledCloud(said["xyz"], said["rgb"], said["point_ids"], said["labels"]),
        tracks=TrackTable(**{name: said[_TRACK + name] for name in told}),
        mask_ids=said["mask_ids"],
        events=(),
    )


def name_owners(
    owner: Int64[Tensor, " values"], names: Int64[Tensor, " instances"], nobody: int = NO_ID
) -> Int64[Tensor, " values"]:
    """Return the name of each owner, `nobody` for those that are `NOBODY`."""
    return torch.cat([names, names.new_full((1,), nobody)])[owner]


def report_tracks(
    tracks: Tracks, points: Int64[Tensor, " tracks"], score: Float[Tensor, " tracks"], doubt: float
) -> TrackTable:
    """Return the tracks as NumPy columns, with the points and score that a frame gave each."""
    return TrackTable(**to_host(_told(tracks, points, score, doubt)))


def _told(
    tracks: Tracks, points: Int64[Tensor, " tracks"], score: Float[Tensor, " tracks"], doubt: float
) -> dict[str, Tensor]:
    """Return the columns of a track table, still on the device."""
    return {
        "ids": tracks.ids,
        "labels": tracks.labels,
        "score": score,
        "existence": existence(tracks, doubt),
        "boxes": tracks.boxes,
        "oriented_boxes": tracks.oriented_boxes,
        "centroids": tracks.centroids,
        "hits": tracks.hits,
        "misses": tracks.misses,
        "presence": presence_of(tracks),
        "is_mature": tracks.mature,
        "frame_points": points,
        "map_voxels": tracks.voxels.clamp(min=0),
        "first_seen_ns": tracks.first_seen_ns,
        "last_seen_ns": tracks.last_seen_ns,
    }


def existence(tracks: Tracks, doubt: float) -> Float[Tensor, " tracks"]:
    """Return how sure it is that there is such an object.

    It is the mean score, less for what was seen seldom, or was in view and often not found.
    """
    return tracks.scores * tracks.hits / (tracks.hits + tracks.overlooked + doubt)


def label_map(scene: SceneMap, tracks: Tracks) -> LabelledCloud:
    """Return the voxels of the scene map as points, with the ids of tracks that still live."""
    voxels = scene.voxels()
    ids = torch.where(tracks.index_of(voxels.ids) == ABSENT, NO_ID, voxels.ids)
    return LabelledCloud(
        xyz=centers_of(voxels.keys, scene.config.voxel_size_m).cpu().numpy(),
        rgb=voxels.rgb.cpu().numpy(),
        ids=ids.cpu().numpy(),
        labels=name_owners(tracks.index_of(ids), tracks.labels, UNLABELLED).cpu().numpy(),
    )


def report_objects(
    table: TrackTable,
    cloud: LabelledCloud,
    label_names: Sequence[str],
    picture: Callable[[int], UInt8[np.ndarray, "height width 3"] | None],
) -> tuple[SceneObject, ...]:
    """Return the confirmed tracks one by one, each with its points of the scene map and its picture."""
    rows = table[table.is_mature]
    order = np.argsort(cloud.ids, kind="stable")
    first, last = (np.searchsorted(cloud.ids[order], rows.ids, side) for side in ("left", "right"))
    members = [order[start:end] for start, end in zip(first.tolist(), last.tolist(), strict=True)]
    names = [label_names[i] if 0 <= i < len(label_names) else UNNAMED for i in rows.labels.tolist()]
    return tuple(
        SceneObject(
            id=int(rows.ids[i]),
            label=names[i],
            score=float(rows.existence[i]),
            box=rows.boxes[i],
            oriented_box=rows.oriented_boxes[i],
            points=cloud.xyz[member],
            rgb=cloud.rgb[member],
            presence=Presence(int(rows.presence[i])),
            frames_seen=int(rows.hits[i]),
            first_seen_ns=int(rows.first_seen_ns[i]),
            last_seen_ns=int(rows.last_seen_ns[i]),
            picture=picture(int(rows.ids[i])),
        )
        for i, member in enumerate(members)
    )
