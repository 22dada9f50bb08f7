"""How far a track extends: its firm voxels on the scene map, counted in slices along each axis.

A voxel is firm where more than one sighting's votes hold it, so a mask that once ran over onto a wall does
not stretch the box. The slices are one voxel thick and used over and over again, like the marks of a
ruler that is laid end to end: nothing has to be moved when a track grows or two become one.
"""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

from autoseg3d_core.geometry.voxels import unpack
from autoseg3d_core.structures import ABSENT, EXTENT_BINS, MapChange, Tracks

TAIL = 0.01
"""Share of a track's firm voxels that may lie outside its box at each end of each axis."""

WIDEST = EXTENT_BINS - 8
"""A track that fills more slices than this may go round the ruler: its reach is all that is known of it."""

LEAST_FIRM = 0.1
"""With a smaller share of firm voxels a track's reach is its box."""


def count_voxels(tracks: Tracks, change: MapChange) -> Tracks:
    """Return the tracks with what their ids gained and lost on the scene map."""
    row = tracks.index_of(change.ids)
    known = row != ABSENT
    row, change = row[known], change[known]
    axis = torch.arange(3, device=row.device)
    place = (row[:, None] * 3 + axis) * EXTENT_BINS + unpack(change.keys) % EXTENT_BINS
    amount = change.firm.int()[:, None].expand(-1, 3)
    extent = tracks.extent.flatten().index_add(0, place.flatten(), amount.flatten())
    return dataclasses.replace(
        tracks,
        voxels=tracks.voxels.index_add(0, row, change.voxels),
        extent=extent.view_as(tracks.extent),
    )


def track_boxes(tracks: Tracks, voxel_size_m: float) -> Float[Tensor, "tracks 6"]:
    """Return the box of each track's firm voxels without their outermost; its reach where that is unknown."""
    middle = torch.floor(tracks.centroids / voxel_size_m).long()  # (tracks, 3)
    first = middle - EXTENT_BINS // 2
    slices = torch.arange(EXTENT_BINS, device=first.device)
    ruler = tracks.extent.gather(2, (first[:, :, None] + slices) % EXTENT_BINS)
    total = ruler.sum(dim=2, keepdim=True)
    below, above = ruler.cumsum(dim=2), ruler.flip(2).cumsum(dim=2)
    low = first + (below <= TAIL * total).sum(dim=2)
    high = first + EXTENT_BINS - (above <= TAIL * total).sum(dim=2)
    firm = total[:, 0] >= (LEAST_FIRM * tracks.voxels[:, None]).clamp(min=1)
    known = firm & (high - low <= WIDEST)
    box = torch.cat([low, high], dim=1) * voxel_size_m
    return torch.where(known.repeat(1, 2), box, tracks.world_reach)
