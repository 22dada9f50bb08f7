"""The objects with an identity over time, and what a model remembers of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float, Float64, Int16, Int64
from torch import Tensor

from autoseg3d_core.structures.rows import Rows
from autoseg3d_core.structures.sentinels import ABSENT

EXTENT_BINS = 128
"""Slices of one voxel along each direction in which a track's voxels are counted, over and over again."""
EXTENT_DIRECTIONS = 19
"""Directions along which they are counted: 18 level ones, ten degrees apart, and the vertical."""

TrackRowsT = TypeVar("TrackRowsT", bound="TrackRows")


@dataclass(frozen=True, eq=False)
class Sightings:
    """Which track each instance of a frame was given to, and how far the means of each track move towards it.

    Several instances may belong to one track; `count` says how many. `weight` is 0 for a track not seen.
    """

    track: Int64[Tensor, " instances"]
    count: Int64[Tensor, " tracks"]
    weight: Float[Tensor, " tracks"]

    def blend(
        self, known: Float[Tensor, "tracks ..."], seen: Float[Tensor, "instances ..."]
    ) -> Float[Tensor, "tracks ..."]:
        """Return running means, moved towards the mean of what the instances of each track say."""
        shape = (-1, *([1] * (known.dim() - 1)))
        mean = torch.zeros_like(known).index_add_(0, self.track, seen) / self.count.clamp(min=1).view(shape)
        return known + self.weight.view(shape) * (mean - known)


class TrackRows(Rows):
    """What a model remembers of each track; no other code reads the columns.

    A model declares its own: a frozen dataclass that names the columns. What happens to them when a track is
    seen, ages, or takes over another is said here: by default every column is a running mean, and a track
    that takes over another keeps what it has. A column that behaves otherwise overrides these two.
    """

    def observe(self: TrackRowsT, seen: TrackRowsT, sightings: Sightings) -> TrackRowsT:
        """Return the rows after a frame, tracks not seen included; `seen` has a row per instance."""
        return self.combine(seen, sightings.blend)

    def join(
        self: TrackRowsT, heirs: Int64[Tensor, " joined"], joined: Int64[Tensor, " joined"]
    ) -> TrackRowsT:
        """Return the rows after row `heirs[i]` took over the track of row `joined[i]`, which then ends."""
        return self

    def likeness(self: TrackRowsT, others: TrackRowsT) -> Float[Tensor, "rows others"] | None:
        """Return how alike each row and each other one look, wherever they are; None if not known."""
        return None

    def moved(self: TrackRowsT, moves: Float64[Tensor, "rows 4 4"]) -> TrackRowsT:
        """Return the rows after a rigid move of each track within the scene frame."""
        return self


@dataclass(frozen=True, eq=False)
class NoRows(TrackRows):
    """What a model without a memory of its own remembers: a column of nothing."""

    nothing: Float[Tensor, "rows 0"]

    @staticmethod
    def of(rows: int, device: torch.device | str = "cpu") -> NoRows:
        """Return so many rows of nothing."""
        return NoRows(torch.zeros(rows, 0, device=device))


@dataclass(frozen=True, eq=False)
class Tracks(Rows):
    """The objects with an identity over time, a row each, in order of birth.

    `hits` counts the frames that saw the track, `misses` the frames since the last that did, `voxels` the
    voxels of the scene map that carry its id, and `carved` those taken from it since by frames that saw
    through them; `backed` is the largest number of its voxels in which a frame has seen a surface since.
    `views` counts the different views among the hits, and `viewpoints` is the camera's place in the last of
    them; `overlooked` counts the frames that had it in view and did not find it, and `mature` tells whether
    all this is evidence enough (`tracking/maturity.py`).
    `anchors` is the keyframe at which it was last seen, `stood` its oriented box then, `looks`
    the mean of its colours (0 to 1) and their standard deviation. `label_votes` is by how much the scores
    that spoke for its label outweigh those that spoke for others. `world_reach` is the box of all that was
    ever taken for it. `extent` counts its firm voxels along each direction (`tracking/extent.py`), and
    `boxes` and `oriented_boxes` are what the counts say (`tracking/boxes.py`). Ids ascend.
    """

    ids: Int64[Tensor, " tracks"]
    remembered: TrackRows
    world_reach: Float[Tensor, "tracks 6"]
    extent: Int16[Tensor, "tracks directions bins"]
    boxes: Float[Tensor, "tracks 6"]
    oriented_boxes: Float[Tensor, "tracks 10"]
    stood: Float[Tensor, "tracks 10"]
    looks: Float[Tensor, "tracks 6"]
    centroids: Float[Tensor, "tracks 3"]
    scores: Float[Tensor, " tracks"]
    labels: Int64[Tensor, " tracks"]
    label_votes: Float[Tensor, " tracks"]
    mature: Bool[Tensor, " tracks"]
    views: Int64[Tensor, " tracks"]
    viewpoints: Float[Tensor, "tracks 3"]
    overlooked: Int64[Tensor, " tracks"]
    hits: Int64[Tensor, " tracks"]
    misses: Int64[Tensor, " tracks"]
    voxels: Int64[Tensor, " tracks"]
    carved: Int64[Tensor, " tracks"]
    backed: Int64[Tensor, " tracks"]
    anchors: Int64[Tensor, " tracks"]
    first_seen_ns: Int64[Tensor, " tracks"]
    last_seen_ns: Int64[Tensor, " tracks"]

    @staticmethod
    def empty(remembered: TrackRows | None = None, device: torch.device | str = "cpu") -> Tracks:
        """Return a table without rows; `remembered` has the columns of a model, and no rows either."""
        whole: dict[str, Any] = {"dtype": torch.int64, "device": device}
        real: dict[str, Any] = {"dtype": torch.float32, "device": device}
        return Tracks(
            ids=torch.zeros(0, **whole),
            remembered=NoRows.of(0, device) if remembered is None else remembered.to(device),
            world_reach=torch.zeros(0, 6, **real),
            extent=torch.zeros(0, EXTENT_DIRECTIONS, EXTENT_BINS, dtype=torch.int16, device=device),
            boxes=torch.zeros(0, 6, **real),
            oriented_boxes=torch.zeros(0, 10, **real),
            stood=torch.zeros(0, 10, **real),
            looks=torch.zeros(0, 6, **real),
            centroids=torch.zeros(0, 3, **real),
            scores=torch.zeros(0, **real),
            labels=torch.zeros(0, **whole),
            label_votes=torch.zeros(0, **real),
            mature=torch.zeros(0, dtype=torch.bool, device=device),
            views=torch.zeros(0, **whole),
            viewpoints=torch.zeros(0, 3, **real),
            overlooked=torch.zeros(0, **whole),
            hits=torch.zeros(0, **whole),
            misses=torch.zeros(0, **whole),
            voxels=torch.zeros(0, **whole),
            carved=torch.zeros(0, **whole),
            backed=torch.zeros(0, **whole),
            anchors=torch.zeros(0, **whole),
            first_seen_ns=torch.zeros(0, **whole),
            last_seen_ns=torch.zeros(0, **whole),
        )

    def index_of(self, ids: Int64[Tensor, " values"]) -> Int64[Tensor, " values"]:
        """Return the row of each id, `ABSENT` for an id that no row has."""
        if len(self) == 0:
            return torch.full_like(ids, ABSENT)
        row = torch.searchsorted(self.ids, ids).clamp(max=len(self) - 1)
        return torch.where(self.ids[row] == ids, row, ABSENT)


@dataclass(frozen=True, eq=False)
class MapChange(Rows):
    """What ids gained (1) and lost (-1) on the scene map: voxels at all, and those held firmly."""

    ids: Int64[Tensor, " rows"]
    keys: Int64[Tensor, " rows"]
    voxels: Int64[Tensor, " rows"]
    firm: Int64[Tensor, " rows"]
