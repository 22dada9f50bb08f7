"""Whether the objects are still there: what was seen through of each since it was last seen."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from autoseg3d_core.structures import ABSENT, MapChange, Presence, Tracks

MOSTLY = 0.5
"""An object is absent when more than this share of its voxels was seen through."""


def count_carved(tracks: Tracks, carved: MapChange) -> Tracks:
    """Return the tracks with the voxels that a frame saw through and took; one seen now starts anew."""
    row = tracks.index_of(carved.ids)
    known = row != ABSENT
    count = tracks.carved.index_add(0, row[known], -carved.voxels[known])
    return dataclasses.replace(tracks, carved=torch.where(tracks.misses == 0, 0, count))


def is_seen_through(tracks: Tracks, share: float) -> Bool[Tensor, " tracks"]:
    """Tell which tracks have lost such a share of their voxels to free space since they were last seen."""
    whole = tracks.carved + tracks.voxels.clamp(min=0)
    return (tracks.carved > 0) & (tracks.carved >= share * whole)


def presence_of(tracks: Tracks) -> Int64[Tensor, " tracks"]:
    """Return the `Presence` of each track."""
    absent = torch.where(is_seen_through(tracks, MOSTLY), int(Presence.ABSENT), int(Presence.UNSEEN))
    return torch.where(tracks.misses == 0, int(Presence.PRESENT), absent)
