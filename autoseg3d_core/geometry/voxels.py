"""Voxels: the grid cell of a point and its key, one whole number per cell."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

AXIS_BITS = 21
HALF_RANGE = 1 << (AXIS_BITS - 1)
"""A cell coordinate lies in [-HALF_RANGE, HALF_RANGE): 21 km each way at 2 cm."""


@dataclass(frozen=True, eq=False)
class Voxels:
    """The occupied voxels of a cloud in the order of their keys, and the voxel index of each point."""

    keys: Int64[Tensor, " voxels"]
    point_voxel: Int64[Tensor, " points"]

    def __len__(self) -> int:
        return len(self.keys)


def cells_of(xyz: Float[Tensor, "points 3"], size: float) -> Int64[Tensor, "points 3"]:
    """Return the grid cell of each point for a voxel size in metres (floor, also below zero)."""
    return torch.floor(xyz / size).to(torch.int64)


def pack(cells: Int64[Tensor, "cells 3"]) -> Int64[Tensor, " cells"]:
    """Return a key per cell, ordered by x, then y, then z; cells beyond the range are clamped to it."""
    shifted = cells.clamp(-HALF_RANGE, HALF_RANGE - 1) + HALF_RANGE
    return (shifted[:, 0] << (2 * AXIS_BITS)) | (shifted[:, 1] << AXIS_BITS) | shifted[:, 2]


def unpack(keys: Int64[Tensor, " cells"]) -> Int64[Tensor, "cells 3"]:
    """Return the cells of keys made by `pack`."""
    mask = (1 << AXIS_BITS) - 1
    columns = [keys >> (2 * AXIS_BITS), (keys >> AXIS_BITS) & mask, keys & mask]
    return torch.stack(columns, dim=1) - HALF_RANGE


def coarsen(keys: Int64[Tensor, " cells"], bits: int) -> Int64[Tensor, " cells"]:
    """Return the keys of the cells on a grid whose cells are 2^`bits` times as long.

    The same as `pack(unpack(keys) >> bits)`.
    """
    kept = _in_each_axis(((1 << AXIS_BITS) - 1) >> bits)
    return ((keys >> bits) & kept) + _in_each_axis(HALF_RANGE - (HALF_RANGE >> bits))


def _in_each_axis(value: int) -> int:
    return (value << (2 * AXIS_BITS)) | (value << AXIS_BITS) | value


def voxelize(xyz: Float[Tensor, "points 3"], size: float) -> Voxels:
    """Return the occupied voxels of a cloud for a voxel size in metres."""
    keys, point_voxel = torch.unique(pack(cells_of(xyz, size)), return_inverse=True)
    return Voxels(keys, point_voxel)
