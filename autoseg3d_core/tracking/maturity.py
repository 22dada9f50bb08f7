"""When a track is mature, which is when it is reported as confirmed: by what speaks for it and against it.

For it speaks that frames saw it, from more than one place, and how sure the model was. Against it speaks
that frames looked at its place and did not find it there: a piece of floor that is a thing in one frame and
none in the next, or a part that is mostly taken for the whole.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from autoseg3d_core.config import setting
from autoseg3d_core.geometry.groups import group_size
from autoseg3d_core.structures import Event, EventKind, Tracks

LEAST_IN_VIEW = 5
"""Voxels of a track in which a frame has to see a surface, for not finding the track to count against it."""


@dataclass(frozen=True)
class MaturityConfig:
    """When a track is confirmed; until then it is tentative."""

    hits: int = setting(
        3,
        "a track is confirmed only after it was seen in this many frames; raise it against false objects",
        unit="frames",
        low=1,
        high=1000,
        live=True,
    )
    views_apart: float = setting(
        0.03,
        "a track is confirmed only after it was seen in two views: the camera has moved in between by at "
        "least this fraction of its distance to the track; 0 asks for one view only",
        low=0.0,
        high=10.0,
        live=True,
    )
    still_hits: int = setting(
        8,
        "a track seen in this many frames needs no second view, so that a camera that stands still "
        "confirms tracks too",
        unit="frames",
        low=1,
        high=100_000,
        live=True,
    )
    total_score: float = setting(
        0.75,
        "a track is confirmed only if its scores in all frames add up to at least this; raise it "
        "against false objects",
        low=0.0,
        high=1000.0,
        live=True,
    )
    found_share: float = setting(
        0.6,
        "a track is confirmed only if it was found in at least this fraction of the frames that had part "
        "of it in view; raise it against false objects",
        low=0.0,
        high=1.0,
        live=True,
    )


def weigh(
    tracks: Tracks, on_map: Int64[Tensor, " voxels"], camera: Float[Tensor, "3"], config: MaturityConfig
) -> tuple[Tracks, tuple[Event, ...]]:
    """Return the tracks with what a frame says for and against each, and an event for each that matured.

    `on_map` is the id that the map has in each voxel in which the frame sees a surface; `camera` is the place
    that it is seen from.
    """
    seen = tracks.misses == 0
    way = (camera - tracks.viewpoints).norm(dim=1)
    is_new = way >= config.views_apart * (camera - tracks.centroids).norm(dim=1)
    fresh = seen & (is_new | (tracks.views == 0))
    row = tracks.index_of(on_map)
    in_view = group_size(row, len(tracks)) >= LEAST_IN_VIEW
    weighed = dataclasses.replace(
        tracks,
        views=tracks.views + fresh,
        viewpoints=torch.where(fresh[:, None], camera, tracks.viewpoints),
        overlooked=tracks.overlooked + (in_view & ~seen),
    )
    mature = is_mature(weighed, config)
    ids, matured = torch.stack([weighed.ids, mature & ~tracks.mature]).cpu().numpy()  # one wait for a GPU
    events = tuple(Event(EventKind.CONFIRMED, track_id) for track_id in ids[matured > 0].tolist())
    return dataclasses.replace(weighed, mature=mature), events


def is_mature(tracks: Tracks, config: MaturityConfig) -> Bool[Tensor, " tracks"]:
    """Tell which tracks there is enough evidence for."""
    enough = (tracks.hits >= config.hits) & (tracks.scores * tracks.hits >= config.total_score)
    has_views = (tracks.views >= min(2, config.hits)) | (tracks.hits >= config.still_hits)
    found = tracks.hits >= config.found_share * (tracks.hits + tracks.overlooked)
    return enough & has_views & found
