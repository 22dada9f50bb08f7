"""How far a track extends: its firm voxels on the scene map, counted in slices along many directions.

A voxel is firm where more than one sighting's votes hold it, so a mask that once ran over onto a wall does
not stretch the box. The slices are one voxel thick and used over and over again, like the marks of a
ruler that is laid end to end: nothing has to be moved when a track grows or two become one. They follow each
other along the vertical and along eighteen level directions ten degrees apart, the world's axes among them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from autoseg3d_core.geometry.groups import group_sum
from autoseg3d_core.geometry.voxels import unpack
from autoseg3d_core.structures import ABSENT, EXTENT_BINS, EXTENT_DIRECTIONS, MapChange, SceneOrigin, Tracks

LEVEL = EXTENT_DIRECTIONS - 1
"""Level directions, in half a turn; the last direction of all is the vertical."""
STEP = np.pi / LEVEL
"""The angle between two of them."""
FINENESS_BITS = 20
"""Directions are whole numbers, so that a voxel leaves the very slices that it once came into."""


@dataclass(frozen=True)
class Ruler:
    """How the slices lie in the world: which of its axes is vertical, which way is up, how thick they are."""

    vertical: int
    up: int
    voxel_size_m: float

    @staticmethod
    def of(origin: SceneOrigin, voxel_size_m: float) -> Ruler:
        """Return the ruler of a scene, whose vertical is one of the world's axes."""
        upward = origin.rotation[2].tolist()
        vertical = max(range(3), key=lambda axis: abs(upward[axis]))
        return Ruler(vertical, 1 if upward[vertical] > 0 else -1, voxel_size_m)

    @property
    def axes(self) -> tuple[int, int, int]:
        """The world's axes as a right-handed set: two level ones, then the vertical."""
        return ((self.vertical + 1) % 3, (self.vertical + 2) % 3, self.vertical)

    def directions(self) -> Float64[np.ndarray, "directions 3"]:
        """Return the directions in the world, of length 1: the level ones from the first axis on, then up."""
        angles = STEP * np.arange(LEVEL)
        result = np.zeros((EXTENT_DIRECTIONS, 3))
        result[:LEVEL, self.axes[0]], result[:LEVEL, self.axes[1]] = np.cos(angles), np.sin(angles)
        result[LEVEL, self.vertical] = 1.0
        return result

    def slices_of(self, cells: Int64[Tensor, "voxels 3"]) -> Int64[Tensor, "voxels directions"]:
        """Return the slice of each voxel's middle along each direction, not yet wrapped around."""
        whole = np.round(self.directions() * (1 << FINENESS_BITS)).astype(np.int64)
        x, y, z = torch.from_numpy(whole).to(cells.device).T
        in_x, in_y, in_z = (2 * cells + 1).T[:, :, None]  # the middles, in half voxels
        return (in_x * x + in_y * y + in_z * z) >> (FINENESS_BITS + 1)


def count_voxels(tracks: Tracks, change: MapChange, ruler: Ruler) -> Tracks:
    """Return the tracks with what their ids gained and lost on the scene map.

    Counts are kept modulo 65536, which no slice of a track that the slices can measure comes to.
    """
    row = tracks.index_of(change.ids)
    voxels = tracks.voxels + group_sum(change.voxels, row, len(tracks))
    firmer = ((row != ABSENT) & (change.firm != 0)).nonzero()[:, 0]
    row, change = row[firmer], change[firmer]
    first = (
        row[:, None] * EXTENT_DIRECTIONS + torch.arange(EXTENT_DIRECTIONS, device=row.device)
    ) * EXTENT_BINS
    place = first + ruler.slices_of(unpack(change.keys)) % EXTENT_BINS
    amount = change.firm.short()[:, None].expand_as(place)
    extent = tracks.extent.flatten().index_add(0, place.flatten(), amount.flatten())
    return dataclasses.replace(tracks, voxels=voxels, extent=extent.view_as(tracks.extent))
