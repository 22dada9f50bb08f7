"""Sparse tensors: features on occupied voxels, and the geometry that all tensors of a frame share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from autoseg3d_core.structures import InputError

AXIS_BITS = 19
BATCH_BITS = 63 - 3 * AXIS_BITS
REACH = 64
"""Cells beyond the limit that a kernel may ask for without running into the next row of keys."""
CELL_LIMIT = (1 << (AXIS_BITS - 1)) - REACH
"""A cell coordinate lies in [-CELL_LIMIT, CELL_LIMIT]: 5.2 km each way at 2 cm."""
BATCH_LIMIT = 1 << BATCH_BITS

T = TypeVar("T")


def pack_cells(cells: Int64[Tensor, "voxels 4"]) -> Int64[Tensor, " voxels"]:
    """Return a key per (batch, x, y, z) cell, ordered by batch, then x, y and z; cells are in range."""
    shifted = cells[:, 1:] + (1 << (AXIS_BITS - 1))
    key = (cells[:, 0] << AXIS_BITS) + shifted[:, 0]
    return (((key << AXIS_BITS) + shifted[:, 1]) << AXIS_BITS) + shifted[:, 2]


def key_shifts(offsets: Int64[Tensor, "offsets 3"]) -> Int64[Tensor, " offsets"]:
    """Return what to add to a cell's key to get the key of the cell at each (x, y, z) offset."""
    return (((offsets[:, 0] << AXIS_BITS) + offsets[:, 1]) << AXIS_BITS) + offsets[:, 2]


def unpack_keys(keys: Int64[Tensor, " voxels"]) -> Int64[Tensor, "voxels 4"]:
    """Return the (batch, x, y, z) cells of keys made by `pack_cells`."""
    mask, half = (1 << AXIS_BITS) - 1, 1 << (AXIS_BITS - 1)
    axes = [((keys >> (shift * AXIS_BITS)) & mask) - half for shift in (2, 1, 0)]
    return torch.stack([keys >> (3 * AXIS_BITS), *axes], dim=1)


@dataclass(frozen=True, eq=False)
class Level:
    """The occupied cells of a frame at one stride, sorted by key; a cell is `stride` voxels wide."""

    stride: int
    keys: Int64[Tensor, " voxels"]
    cells: Int64[Tensor, "voxels 4"]

    def __len__(self) -> int:
        return len(self.keys)


class Geometry:
    """The voxel sets of one frame at every stride, and whatever backends derive from them, built once.

    All tensors of a frame share one geometry, so a kernel map is built when the first layer asks for
    it and found by all others.
    """

    def __init__(self, finest: Level, batch_size: int) -> None:
        self.finest = finest
        self.batch_size = batch_size
        self._levels = {finest.stride: finest}
        self._cache: dict[Hashable, Any] = {}

    def level(self, stride: int) -> Level:
        """Return the cells at a stride that is the finest one times a power of two."""
        if stride not in self._levels:
            self.parents(stride // 2)
        return self._levels[stride]

    def parents(self, stride: int) -> Int64[Tensor, " voxels"]:
        """Return, for each cell at this stride, the index of the coarser cell (2 stride) around it."""
        return self.cached(("parents", stride), lambda: self._coarsen(self.level(stride)))

    def _coarsen(self, level: Level) -> Int64[Tensor, " voxels"]:
        halved = torch.cat([level.cells[:, :1], level.cells[:, 1:] >> 1], dim=1)
        keys, parent = torch.unique(pack_cells(halved), return_inverse=True)
        self._levels[2 * level.stride] = Level(2 * level.stride, keys, unpack_keys(keys))
        return parent

    def cached(self, key: Hashable, build: Callable[[], T]) -> T:
        """Return what `build` makes, kept under this key for the rest of the frame."""
        if key not in self._cache:
            self._cache[key] = build()
        return self._cache[key]


@dataclass(frozen=True, eq=False)
class SparseTensor:
    """Features on the occupied voxels of a batch of frames, in the order of the geometry's level."""

    features: Float[Tensor, "voxels channels"]
    stride: int
    geometry: Geometry

    def __len__(self) -> int:
        return len(self.features)

    @property
    def level(self) -> Level:
        """The cells that the features lie on."""
        return self.geometry.level(self.stride)

    @property
    def coordinates(self) -> Int64[Tensor, "voxels 4"]:
        """Batch index and corner (x, y, z) of each cell, in voxels of stride 1."""
        cells = self.level.cells
        return torch.cat([cells[:, :1], cells[:, 1:] * self.stride], dim=1)

    def replaced(self, features: Float[Tensor, "voxels channels"]) -> SparseTensor:
        """Return a tensor with other features on the same voxels."""
        return dataclasses.replace(self, features=features)


def sparse_tensor(
    features: Float[Tensor, "voxels channels"],
    cells: Int64[Tensor, "voxels 3"],
    stride: int = 1,
) -> SparseTensor:
    """Return one frame's tensor; cells (units of the stride) are unique and sorted by x, then y, z.

    Raises `InputError` for cells that are not so, and for cells out of range.
    """
    return sparse_batch([features], [cells], stride)


def sparse_batch(
    features: Sequence[Float[Tensor, "_ channels"]],
    cells: Sequence[Int64[Tensor, "_ 3"]],
    stride: int = 1,
) -> SparseTensor:
    """Return the tensor of a batch of frames, one frame's features and sorted cells each."""
    if len(cells) > BATCH_LIMIT:
        raise InputError(f"a batch of {len(cells)} frames: use at most {BATCH_LIMIT}")
    rows = [torch.nn.functional.pad(item, (1, 0), value=i) for i, item in enumerate(cells)]
    joined = torch.cat(rows)
    _check_range(joined)
    keys = pack_cells(joined)
    if len(keys) > 1 and not bool((keys[1:] > keys[:-1]).all()):
        raise InputError("voxel cells must be unique and sorted by x, y, z: make them with `voxelize`")
    geometry = Geometry(Level(stride, keys, joined), len(cells))
    return SparseTensor(torch.cat(list(features)), stride, geometry)


def _check_range(cells: Int64[Tensor, "voxels 4"]) -> None:
    if len(cells) == 0:
        return
    farthest = int(cells[:, 1:].abs().max())
    if farthest > CELL_LIMIT:
        raise InputError(
            f"a voxel lies {farthest} cells from the scene origin, over {CELL_LIMIT}: reset the scene "
            "(~/reset of the node) to start again from here, and leave origin.at at first_camera"
        )
