"""From torch back to NumPy: what viewers, publishers and metrics see of a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from autoseg3d_core.geometry.groups import group_majority, group_size
from autoseg3d_core.label_image import paint_labels
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


@dataclass(frozen=True)
class Reading:
    """How to read tracks: when one is confirmed, and after how many frames half its score is believed."""

    mature_hits: int
    doubt: float


def report_frame(
    frame: Frame,
    masks: MaskImage,
    cloud: FragmentCloud,
    instances: FrameInstances,
    ids: Int64[Tensor, " instances"],
    memory: Memory,
    reading: Reading,
) -> SceneUpdate:
    """Return the report of one frame, still without its number, events and timings."""
    tracks, owner = memory.tracks, instances.owner
    point_ids = name_owners(owner, ids).cpu().numpy()
    fragment_owner = group_majority(owner, len(instances), cloud.fragment, len(cloud.fragment_score))
    mask_ids = name_owners(fragment_owner, ids).cpu().numpy()
    row = tracks.index_of(ids)
    held = row != ABSENT  # where memory is full an instance may be left without a track
    points = torch.zeros_like(tracks.hits).index_add_(0, row[held], group_size(owner, len(instances))[held])
    score = torch.zeros_like(tracks.scores).scatter_reduce(0, row[held], instances.scores[held], "amax")
    return SceneUpdate(
        stamp_ns=frame.stamp_ns,
        frame_index=UNNUMBERED,
        world_from_camera=frame.world_from_camera,
        label_image=paint_labels(masks.index, mask_ids, cloud.pixel.cpu().numpy(), point_ids),
        cloud=LabelledCloud(
            xyz=cloud.xyz.cpu().numpy(),
            rgb=(cloud.rgb * 255).round().to(torch.uint8).cpu().numpy(),
            ids=point_ids,
            labels=name_owners(owner, instances.labels, UNLABELLED).cpu().numpy(),
        ),
        tracks=report_tracks(tracks, points, score, reading),
        mask_ids=mask_ids,
        events=(),
    )


def name_owners(
    owner: Int64[Tensor, " values"], names: Int64[Tensor, " instances"], nobody: int = NO_ID
) -> Int64[Tensor, " values"]:
    """Return the name of each owner, `nobody` for those that are `NOBODY`."""
    return torch.cat([names, names.new_full((1,), nobody)])[owner]


def report_tracks(
    tracks: Tracks, points: Int64[Tensor, " tracks"], score: Float[Tensor, " tracks"], reading: Reading
) -> TrackTable:
    """Return the tracks as NumPy columns, with the points and score that a frame gave each."""
    return TrackTable(
        ids=tracks.ids.cpu().numpy(),
        labels=tracks.labels.cpu().numpy(),
        score=score.cpu().numpy(),
        existence=existence(tracks, reading.doubt).cpu().numpy(),
        boxes=tracks.boxes.cpu().numpy(),
        oriented_boxes=tracks.oriented_boxes.cpu().numpy(),
        centroids=tracks.centroids.cpu().numpy(),
        hits=tracks.hits.cpu().numpy(),
        misses=tracks.misses.cpu().numpy(),
        presence=presence_of(tracks).cpu().numpy(),
        is_mature=(tracks.hits >= reading.mature_hits).cpu().numpy(),
        frame_points=points.cpu().numpy(),
        map_voxels=tracks.voxels.clamp(min=0).cpu().numpy(),
        first_seen_ns=tracks.first_seen_ns.cpu().numpy(),
        last_seen_ns=tracks.last_seen_ns.cpu().numpy(),
    )


def existence(tracks: Tracks, doubt: float) -> Float[Tensor, " tracks"]:
    """Return how sure it is that there is such an object: the mean score, less for what was seen seldom."""
    return tracks.scores * tracks.hits / (tracks.hits + doubt)


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
