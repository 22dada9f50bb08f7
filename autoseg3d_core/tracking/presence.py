"""Whether the objects are still there: what was seen through of each since it was last seen."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from autoseg3d_core.geometry.groups import group_size, group_sum
from autoseg3d_core.structures import MapChange, Presence, Tracks

ABSENT_SHARE = 0.15
"""An object is absent when more than this share of its voxels was seen through."""
LEAST_AGAINST = 2
"""So many voxels have to be seen through for each in which one frame saw a surface."""


def count_carved(tracks: Tracks, carved: MapChange) -> Tracks:
    """Return the tracks with the voxels that a frame saw through and took; one seen now starts anew."""
    row = tracks.index_of(carved.ids)
    count = tracks.carved - group_sum(carved.voxels, row, len(tracks))
    return dataclasses.replace(tracks, carved=torch.where(tracks.misses == 0, 0, count))


def count_backed(tracks: Tracks, ids: Int64[Tensor, " voxels"]) -> Tracks:
    """Return the tracks with the voxels in which a frame sees a surface; `ids` is whose each of these is."""
    row = tracks.index_of(ids)
    now = group_size(row, len(tracks))
    backed = torch.where(tracks.misses == 0, 0, torch.maximum(tracks.backed, now))
    return dataclasses.replace(tracks, backed=backed)


def is_seen_through(tracks: Tracks, share: float) -> Bool[Tensor, " tracks"]:
    """Tell which tracks have lost such a share of their voxels to free space since they were last seen.

    What stands on the floor or before a wall never loses all: nothing is seen through close to a surface. So
    the share may be small; but where surfaces were seen in the other voxels the object may be there.
    """
    whole = tracks.carved + tracks.voxels.clamp(min=0)
    is_empty = (tracks.carved > 0) & (tracks.carved >= share * whole)
    return is_empty & (tracks.carved >= LEAST_AGAINST * tracks.backed)


def presence_of(tracks: Tracks) -> Int64[Tensor, " tracks"]:
    """Return the `Presence` of each track."""
    absent = torch.where(is_seen_through(tracks, ABSENT_SHARE), int(Presence.ABSENT), int(Presence.UNSEEN))
    return torch.where(tracks.misses == 0, int(Presence.PRESENT), absent)
