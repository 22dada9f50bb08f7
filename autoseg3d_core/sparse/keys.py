"""Keys of cells: one whole number per cell, so that looking for cells is looking for numbers.

A key holds batch, x, y and z, each from its own bit on, so it sorts by batch, then x, y and z.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

AXIS_BITS = 19
BATCH_BITS = 63 - 3 * AXIS_BITS
REACH = 64
"""Cells beyond the limit that may be asked for without running into the next row of keys."""
CELL_LIMIT = (1 << (AXIS_BITS - 1)) - REACH
"""A cell coordinate lies in [-CELL_LIMIT, CELL_LIMIT]: 5.2 km each way at 2 cm."""
BATCH_BEGIN = 3 * AXIS_BITS
BATCH_LIMIT = 1 << BATCH_BITS
NO_KEY = (1 << 63) - 1
"""No cell has this key; it sorts behind all others."""

HALF = 1 << (AXIS_BITS - 1)
AXES = (2 * AXIS_BITS, AXIS_BITS, 0)
"""Where the bits of x, y and z begin."""


def pack_cells(cells: Int64[Tensor, "voxels 4"]) -> Int64[Tensor, " voxels"]:
    """Return the key of each (batch, x, y, z) cell; cells are in range."""
    shifted = cells[:, 1:] + HALF
    key = (cells[:, 0] << AXIS_BITS) + shifted[:, 0]
    return (((key << AXIS_BITS) + shifted[:, 1]) << AXIS_BITS) + shifted[:, 2]


def unpack_keys(keys: Int64[Tensor, " voxels"]) -> Int64[Tensor, "voxels 4"]:
    """Return the (batch, x, y, z) cells of keys made by `pack_cells`."""
    mask = (1 << AXIS_BITS) - 1
    axes = [((keys >> begin) & mask) - HALF for begin in AXES]
    return torch.stack([keys >> BATCH_BEGIN, *axes], dim=1)


def key_shifts(offsets: Int64[Tensor, "offsets 3"]) -> Int64[Tensor, " offsets"]:
    """Return what to add to a cell's key to get the key of the cell at each (x, y, z) offset."""
    return (((offsets[:, 0] << AXIS_BITS) + offsets[:, 1]) << AXIS_BITS) + offsets[:, 2]


def _on_each_axis(value: int) -> int:
    return sum(value << begin for begin in AXES)


def halved(keys: Int64[Tensor, " voxels"]) -> Int64[Tensor, " voxels"]:
    """Return the key of the cell of twice the size around each cell (floor, also below zero)."""
    batch = -1 << BATCH_BEGIN
    axes = (keys >> 1) & _on_each_axis(HALF - 1)
    return (keys & batch) + axes + _on_each_axis(HALF // 2)


def corners(keys: Int64[Tensor, " voxels"], bits: int) -> Int64[Tensor, " voxels"]:
    """Return the key of the lowest cell of the block of 2^bits cells a side around each cell."""
    return keys & ~_on_each_axis((1 << bits) - 1)


def places(keys: Int64[Tensor, " voxels"], bits: int) -> Int64[Tensor, " voxels"]:
    """Return where in its block of 2^bits cells a side each cell lies: its x, y and z, x fastest."""
    side = (1 << bits) - 1
    x, y, z = ((keys >> begin) & side for begin in AXES)
    return x + (y << bits) + (z << (2 * bits))


@dataclass(frozen=True, eq=False)
class Distinct:
    """The distinct keys among some, sorted, and which of them each is; as many rows as there were keys.

    Behind the last of the `count` distinct keys stands `NO_KEY`.
    """

    keys: Int64[Tensor, " rows"]
    index: Int64[Tensor, " rows"]
    count: Int64[Tensor, ""]

    @property
    def shortest(self) -> Int64[Tensor, " distinct"]:
        """The distinct keys as short as may be without waiting for a GPU: on a CPU they alone."""
        return self.keys[: int(self.count.numpy())] if self.keys.device.type == "cpu" else self.keys


def distinct(keys: Int64[Tensor, " rows"]) -> Distinct:
    """Return the distinct keys; unlike `torch.unique` a GPU need not be waited for."""
    ordered, order = torch.sort(keys)
    first = torch.ones_like(ordered, dtype=torch.bool)
    torch.ne(ordered[1:], ordered[:-1], out=first[1:])
    place = torch.cumsum(first, dim=0) - 1
    index = torch.empty_like(place).scatter_(0, order, place)
    found = torch.full_like(keys, NO_KEY).scatter_(0, place, ordered)
    return Distinct(found, index, (found != NO_KEY).sum())
