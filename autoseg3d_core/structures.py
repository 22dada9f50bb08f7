"""The nouns: every dataclass that crosses a file border.

NumPy at the edges (`Frame`, `MaskImage`, `SceneUpdate`), torch inside (everything else). Lengths
in metres, angles in radians, times in integer nanoseconds. Ids count from 1 and 0 is none; indices
count from 0 and -1 is none. A box is `(xmin, ymin, zmin, xmax, ymax, zmax)` in the world frame.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64, Int32, Int64, UInt8
from torch import Tensor

from autoseg3d_core.errors import InputError as InputError

UNLABELLED = -1
"""Label of an instance of a class-agnostic model."""

EXTENT_BINS = 128
"""Slices of one voxel along each axis in which the voxels of a track are counted, over and over again."""

RowsT = TypeVar("RowsT", bound="Rows")


class Rows:
    """A table whose fields are columns of one length: indexing filters every column at once."""

    def __len__(self) -> int:
        first = dataclasses.fields(self)[0]  # type: ignore[arg-type]
        return len(getattr(self, first.name))

    def __getitem__(self: RowsT, rows: Any) -> RowsT:
        columns = {f.name: getattr(self, f.name)[rows] for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        return type(self)(**columns)

    def append(self: RowsT, other: RowsT) -> RowsT:
        """Return a table with the rows of `other` after ours."""
        if len(other) == 0:
            return self
        names = [f.name for f in dataclasses.fields(self)]  # type: ignore[arg-type]
        return type(self)(**{n: torch.cat([getattr(self, n), getattr(other, n)]) for n in names})


@dataclass(frozen=True)
class CameraIntrinsics:
    """A pinhole camera without distortion; pixel centres are whole numbers."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Frame:
    """One registered RGB-D image pair with its pose; depth in metres, 0 where unknown.

    `label_image` holds masks made elsewhere, `number` the place in a recording, where there are such.
    """

    rgb: UInt8[np.ndarray, "height width 3"]
    depth: Float32[np.ndarray, "height width"]
    camera: CameraIntrinsics
    world_from_camera: Float64[np.ndarray, "4 4"]
    stamp_ns: int
    label_image: Int32[np.ndarray, "height width"] | None = None
    number: int | None = None


@dataclass(frozen=True, eq=False)
class MaskImage:
    """Disjoint 2D masks of one frame: the mask index per pixel (-1 none), a score per mask.

    `features` is the maker's feature map, `wholeness` the overlap expected with a whole object; where known.
    """

    index: Int32[np.ndarray, "height width"]
    score: Float32[np.ndarray, " masks"]
    features: Float[Tensor, "channels rows columns"] | None = None
    wholeness: Float32[np.ndarray, " masks"] | None = None


@dataclass(frozen=True, eq=False)
class ImageView:
    """A feature map over one frame's image, and how points project onto it."""

    features: Float[Tensor, "channels rows columns"]
    camera: CameraIntrinsics
    camera_from_points: Float64[Tensor, "4 4"]


@dataclass(frozen=True, eq=False)
class FragmentCloud:
    """Sampled 3D points of one frame, each with the fragment it belongs to.

    `fragment` is -1 where a point lies on no mask; `pixel` is the flat index `row * width + column`.
    `view` is the mask maker's feature map, where there is one; `wholeness` is that of the masks, -1 unknown.
    """

    xyz: Float[Tensor, "points 3"]
    rgb: Float[Tensor, "points 3"]
    fragment: Int64[Tensor, " points"]
    pixel: Int64[Tensor, " points"]
    fragment_score: Float[Tensor, " fragments"]
    view: ImageView | None = None
    wholeness: Float[Tensor, " fragments"] | None = None

    def __len__(self) -> int:
        return len(self.xyz)


@dataclass(frozen=True, eq=False)
class EncodedCloud:
    """A fragment cloud as a model's network sees it: in the scene frame, each point with its features.

    Every point then has a fragment. A model without a network leaves the cloud as it is, without features.
    """

    cloud: FragmentCloud
    features: Float[Tensor, "points channels"]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of one frame: query rows with soft or hard masks over the cloud's points."""

    class_logits: Float[Tensor, "queries classes_and_background"]
    mask_logits: Float[Tensor, "queries points"]
    boxes: Float[Tensor, "queries 6"]
    embeddings: Float[Tensor, "queries channels"]


@dataclass(frozen=True, eq=False)
class FrameInstances(Rows):
    """The objects as seen in one frame, a row each; masks are over the points of its cloud."""

    masks: Bool[Tensor, "instances points"]
    scores: Float[Tensor, " instances"]
    labels: Int64[Tensor, " instances"]
    boxes: Float[Tensor, "instances 6"]
    centroids: Float[Tensor, "instances 3"]
    embeddings: Float[Tensor, "instances channels"]

    @cached_property
    def owner(self) -> Int64[Tensor, " points"]:
        """The instance that each point belongs to, -1 none; the highest score wins an overlap."""
        instances, points = self.masks.shape
        if instances == 0:
            return torch.full((points,), -1, dtype=torch.int64, device=self.masks.device)
        order = torch.argsort(self.scores, descending=True, stable=True)
        rank = torch.arange(instances, 0, -1, dtype=torch.int16, device=order.device)
        best = (self.masks[order] * rank[:, None]).amax(dim=0).long()  # (points,), 0 where uncovered
        return torch.where(best > 0, order[instances - best.clamp(min=1)], -1)


@dataclass(frozen=True, eq=False)
class TogetherVotes(Rows):
    """How often two tracks were seen under one fragment rather than apart, a row per pair of ids."""

    older: Int64[Tensor, " pairs"]
    younger: Int64[Tensor, " pairs"]
    votes: Int64[Tensor, " pairs"]

    @staticmethod
    def empty(device: torch.device | str = "cpu") -> TogetherVotes:
        """Return a table without rows."""
        nothing = torch.zeros(0, dtype=torch.int64, device=device)
        return TogetherVotes(nothing, nothing, nothing)


@dataclass(frozen=True, eq=False)
class Association:
    """Learned or counted fitness of each instance for each track; higher is better, 0 is none.

    `evidence` says which tracks this frame showed under one fragment (+1) or apart (-1). `stage` says which
    tracks choose first; those of a later stage choose among what is left. None is all at once.
    """

    affinity: Float[Tensor, "instances tracks"]
    embeddings: Float[Tensor, "instances channels"]
    evidence: TogetherVotes
    stage: Int64[Tensor, " tracks"] | None = None


@dataclass(frozen=True, eq=False)
class Assignment(Rows):
    """Pairs chosen from affinities: instance index and track index, a row each."""

    instance: Int64[Tensor, " pairs"]
    track: Int64[Tensor, " pairs"]


@dataclass(frozen=True, eq=False)
class MapChange(Rows):
    """What ids gained (1) and lost (-1) on the scene map: voxels at all, and those held firmly."""

    ids: Int64[Tensor, " rows"]
    keys: Int64[Tensor, " rows"]
    voxels: Int64[Tensor, " rows"]
    firm: Int64[Tensor, " rows"]


@dataclass(frozen=True, eq=False)
class Tracks(Rows):
    """The objects with an identity over time, a row each, in order of birth.

    `hits` counts the frames that saw the track, `misses` the frames since the last that did, and
    `voxels` the voxels of the scene map that carry its id. `label_votes` is by how much the scores that spoke
    for its label outweigh those that spoke for others. `reach` is the box of all that was ever taken for it,
    and `extent` counts its firm voxels along each axis (`tracking/extent.py`). Ids ascend.
    """

    ids: Int64[Tensor, " tracks"]
    embeddings: Float[Tensor, "tracks channels"]
    reach: Float[Tensor, "tracks 6"]
    extent: Int32[Tensor, "tracks 3 bins"]
    centroids: Float[Tensor, "tracks 3"]
    scores: Float[Tensor, " tracks"]
    labels: Int64[Tensor, " tracks"]
    label_votes: Float[Tensor, " tracks"]
    hits: Int64[Tensor, " tracks"]
    misses: Int64[Tensor, " tracks"]
    voxels: Int64[Tensor, " tracks"]
    first_seen_ns: Int64[Tensor, " tracks"]
    last_seen_ns: Int64[Tensor, " tracks"]

    @staticmethod
    def empty(channels: int = 0, device: torch.device | str = "cpu") -> Tracks:
        """Return a table without rows."""
        whole: dict[str, Any] = {"dtype": torch.int64, "device": device}
        real: dict[str, Any] = {"dtype": torch.float32, "device": device}
        return Tracks(
            ids=torch.zeros(0, **whole),
            embeddings=torch.zeros(0, channels, **real),
            reach=torch.zeros(0, 6, **real),
            extent=torch.zeros(0, 3, EXTENT_BINS, dtype=torch.int32, device=device),
            centroids=torch.zeros(0, 3, **real),
            scores=torch.zeros(0, **real),
            labels=torch.zeros(0, **whole),
            label_votes=torch.zeros(0, **real),
            hits=torch.zeros(0, **whole),
            misses=torch.zeros(0, **whole),
            voxels=torch.zeros(0, **whole),
            first_seen_ns=torch.zeros(0, **whole),
            last_seen_ns=torch.zeros(0, **whole),
        )

    def index_of(self, ids: Int64[Tensor, " values"]) -> Int64[Tensor, " values"]:
        """Return the row of each id, -1 for an id that no row has."""
        if len(self) == 0:
            return torch.full_like(ids, -1)
        row = torch.searchsorted(self.ids, ids).clamp(max=len(self) - 1)
        return torch.where(self.ids[row] == ids, row, -1)


@dataclass(frozen=True, eq=False)
class SceneOrigin:
    """A rigid move from the world into the scene frame: `rotation @ (x - position)`."""

    rotation: Float64[Tensor, "3 3"]
    position: Float64[Tensor, "3"]

    def to_scene(self, xyz: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """Return points of the world in the scene frame."""
        return ((xyz.double() - self.position) @ self.rotation.T).to(xyz.dtype)

    @property
    def world_from_scene(self) -> Float64[Tensor, "4 4"]:
        """The move back, as a matrix."""
        matrix = torch.eye(4, dtype=torch.float64, device=self.position.device)
        matrix[:3, :3], matrix[:3, 3] = self.rotation.T, self.position
        return matrix


@dataclass(frozen=True, eq=False)
class Memory:
    """Everything carried from one frame to the next, besides the scene map.

    `origin` is the scene frame, fixed by the first frame: upright, level and near the start, whatever the
    world's axes are and wherever its origin lies; a network sees coordinates in it and no others. `kept` is
    what the network remembers, and nobody else looks into it.
    """

    tracks: Tracks
    together: TogetherVotes
    next_id: int
    origin: SceneOrigin | None = None
    kept: Any = None

    @staticmethod
    def empty(next_id: int = 1, channels: int = 0, device: torch.device | str = "cpu") -> Memory:
        """Return a memory that has seen nothing; pass the old `next_id` on so that no id is reused."""
        return Memory(Tracks.empty(channels, device), TogetherVotes.empty(device), next_id)


@dataclass(frozen=True, eq=False)
class FrameTruth:
    """What is really in a frame: the instance and part id per pixel (0 none), and the exact pose."""

    instance: Int32[np.ndarray, "height width"]
    part: Int32[np.ndarray, "height width"]
    world_from_camera: Float64[np.ndarray, "4 4"]


class EventKind(IntEnum):
    """What can happen to a track; the numbers are those of InstanceEvent.msg."""

    CREATED = 0
    CONFIRMED = 1
    MERGED = 2
    LOST = 3
    RECOVERED = 4
    REMOVED = 5
    RESET = 6


@dataclass(frozen=True)
class Event:
    """One thing that happened to one track; `other_id` is the survivor of a join, else 0."""

    kind: EventKind
    track_id: int
    other_id: int = 0
    reason: str = ""


@dataclass(frozen=True, eq=False)
class TrackTable(Rows):
    """The tracks as NumPy columns, for whoever looks at a `SceneUpdate`.

    `score` is of this frame (0 where unobserved), `existence` the running confidence in [0, 1) that there is
    such an object, `frame_points` counts this frame's cloud points, `map_voxels` those of the map.
    """

    ids: Int64[np.ndarray, " tracks"]
    labels: Int64[np.ndarray, " tracks"]
    score: Float32[np.ndarray, " tracks"]
    existence: Float32[np.ndarray, " tracks"]
    boxes: Float32[np.ndarray, "tracks 6"]
    centroids: Float32[np.ndarray, "tracks 3"]
    hits: Int64[np.ndarray, " tracks"]
    misses: Int64[np.ndarray, " tracks"]
    is_mature: Bool[np.ndarray, " tracks"]
    frame_points: Int64[np.ndarray, " tracks"]
    map_voxels: Int64[np.ndarray, " tracks"]
    first_seen_ns: Int64[np.ndarray, " tracks"]
    last_seen_ns: Int64[np.ndarray, " tracks"]


@dataclass(frozen=True, eq=False)
class LabelledCloud(Rows):
    """Coloured points in the world with the track id and label of each (0 and -1 where none)."""

    xyz: Float32[np.ndarray, "points 3"]
    rgb: UInt8[np.ndarray, "points 3"]
    ids: Int64[np.ndarray, " points"]
    labels: Int64[np.ndarray, " points"]


@dataclass(frozen=True, eq=False)
class SceneTruth:
    """What is really in a scene: its labelled surface as the camera saw it, and its objects.

    `ids`, `labels` and `boxes` have a row per object; a label is an index into `label_names`. The
    cloud's `ids` are those of the objects, 0 on walls, floor and ceiling.
    """

    cloud: LabelledCloud
    ids: Int64[np.ndarray, " objects"]
    labels: Int64[np.ndarray, " objects"]
    boxes: Float32[np.ndarray, "objects 6"]
    label_names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class SceneUpdate:
    """All that one frame changed, for viewers, publishers and metrics.

    `tracks` holds the tracks seen now or earlier, sorted by id; those of `misses == 0` were seen in
    this frame. `mask_ids[i]` is the track id of 2D mask i. `timings_ms` maps a stage to its time.
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
