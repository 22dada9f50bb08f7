"""What a frame has changed, for viewers, publishers and metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from autoseg3d_core.structures.clouds import LabelledCloud
from autoseg3d_core.structures.rows import Rows
from autoseg3d_core.structures.sentinels import NO_ID


class EventKind(IntEnum):
    """What can happen to a track; the numbers are those of InstanceEvent.msg."""

    CREATED = 0
    CONFIRMED = 1
    JOINED = 2
    LOST = 3
    RECOVERED = 4
    REMOVED = 5
    RESET = 6
    GONE = 7
    MOVED = 8
    CORRECTED = 9


class Presence(IntEnum):
    """Whether an object is where it was last seen; the numbers are those of Instance.msg.

    It is seen now, or its place was looked at since and is empty, or its place was not looked at.
    """

    PRESENT = 0
    ABSENT = 1
    UNSEEN = 2


@dataclass(frozen=True)
class Event:
    """One thing that happened to one track, or to `THE_MAP`; `other_id` is the survivor of a join."""

    kind: EventKind
    track_id: int
    other_id: int = NO_ID
    reason: str = ""


@dataclass(frozen=True, eq=False)
class TrackTable(Rows):
    """The tracks as NumPy columns, for whoever looks at a `SceneUpdate`.

    `score` is of this frame (0 where unobserved), `existence` the running confidence in [0, 1) that there is
    such an object, `presence` is a `Presence`, `frame_points` counts this frame's cloud points and
    `map_voxels` the voxels of the scene map.
    """

    ids: Int64[np.ndarray, " tracks"]
    labels: Int64[np.ndarray, " tracks"]
    score: Float32[np.ndarray, " tracks"]
    existence: Float32[np.ndarray, " tracks"]
    boxes: Float32[np.ndarray, "tracks 6"]
    oriented_boxes: Float32[np.ndarray, "tracks 10"]
    centroids: Float32[np.ndarray, "tracks 3"]
    hits: Int64[np.ndarray, " tracks"]
    misses: Int64[np.ndarray, " tracks"]
    presence: Int64[np.ndarray, " tracks"]
    is_mature: Bool[np.ndarray, " tracks"]
    frame_points: Int64[np.ndarray, " tracks"]
    map_voxels: Int64[np.ndarray, " tracks"]
    first_seen_ns: Int64[np.ndarray, " tracks"]
    last_seen_ns: Int64[np.ndarray, " tracks"]


@dataclass(frozen=True, eq=False)
class SceneUpdate:
    """All that one frame changed, for viewers, publishers and metrics.

    `tracks` holds the tracks seen now or earlier, sorted by id; those of `misses == 0` were seen in
    this frame. `mask_ids[i]` is the track id of 2D mask i. `timings_ms` maps a stage to its time. While
    a frame is worked on, the `frame_index` of its update is `UNNUMBERED`.
    """

    stamp_ns: int
    frame_index: int
    world_from_camera: Float64[np.ndarray, "4 4"]
    label_image: Int32[np.ndarray, "height width"]
    cloud: LabelledCloud
    tracks: TrackTable
    mask_ids: Int64[np.ndarray, " masks"]
    events: tuple[Event, ...]
    timings_ms: dict[str, float] = field(default_factory=dict)
