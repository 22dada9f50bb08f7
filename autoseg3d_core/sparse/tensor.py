"""Sparse tensors: features on occupied voxels, and the geometry that all tensors of a frame share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from autoseg3d_core.sparse.keys import (
    BATCH_BEGIN,
    BATCH_LIMIT,
    CELL_LIMIT,
    NO_KEY,
    distinct,
    halved,
    pack_cells,
    unpack_keys,
)
from autoseg3d_core.structures import InputError

COARSER_LEVELS = 4
"""So many levels are made together, when the first of them is asked for: those of the U-Nets."""

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Level:
    """The occupied cells of a frame at one stride, sorted by key; a cell is `stride` voxels wide."""

    stride: int
    keys: Int64[Tensor, " voxels"]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def batch(self) -> Int64[Tensor, " voxels"]:
        """The frame of the batch that each cell belongs to."""
        return self.keys >> BATCH_BEGIN

    @cached_property
    def cells(self) -> Int64[Tensor, "voxels 4"]:
        """The batch index, x, y and z of each cell."""
        return unpack_keys(self.keys)


class Geometry:
    """The voxel sets of one frame at every stride, and whatever backends derive from them, built once.

    All tensors of a frame share one geometry, so a kernel map is built when the first layer asks for
    it and found by all others.
    """

    def __init__(self, finest: Level, batch_size: int) -> None:
        self.finest = finest
        self.batch_size = batch_size
        self._levels = {finest.stride: finest}
        self._parents: dict[int, Tensor] = {}
        self._cache: dict[Hashable, Any] = {}

    def level(self, stride: int) -> Level:
        """Return the cells at a stride that is the finest one times a power of two."""
        while stride not in self._levels:
            self._coarsen()
        return self._levels[stride]

    def coarser(self, level: Level) -> tuple[Level, ...]:
        """Return the levels that were made together with this one, which is not the finest."""
        steps = (level.stride // self.finest.stride).bit_length() - 2
        first = self.finest.stride << (steps // COARSER_LEVELS * COARSER_LEVELS + 1)
        return tuple(self.level(first << i) for i in range(COARSER_LEVELS))

    def parents(self, stride: int) -> Int64[Tensor, " voxels"]:
        """Return, for each cell at this stride, the index of the coarser cell (2 stride) around it."""
        self.level(2 * stride)
        return self._parents[stride]

    def _coarsen(self) -> None:
        """Make the next levels; a GPU is asked once how many cells all of them have."""
        coarsest = max(self._levels)
        keys, found = self._levels[coarsest].keys, []
        for _ in range(COARSER_LEVELS):
            found.append(distinct(torch.where(keys == NO_KEY, keys, halved(keys))))
            keys = found[-1].shortest
        rows = len(self._levels[coarsest])
        for i, count in enumerate(torch.stack([level.count for level in found]).tolist()):
            stride = coarsest << i
            self._parents[stride] = found[i].index[:rows]
            self._levels[2 * stride] = Level(2 * stride, found[i].keys[:count])
            rows = count

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
    geometry = Geometry(Level(stride, keys), len(cells))
    return SparseTensor(torch.cat(list(features)), stride, geometry)


def tensor_of_keys(
    features: Sequence[Float[Tensor, "_ channels"]], keys: Sequence[Int64[Tensor, " _"]], stride: int
) -> SparseTensor:
    """Return the tensor of a batch of frames whose keys were sorted and checked before, each as frame 0."""
    numbered = [frame + (i << BATCH_BEGIN) if i else frame for i, frame in enumerate(keys)]
    return SparseTensor(_cat(features), stride, Geometry(Level(stride, _cat(numbered)), len(keys)))


def _cat(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _check_range(cells: Int64[Tensor, "voxels 4"]) -> None:
    if len(cells) == 0:
        return
    farthest = int(cells[:, 1:].abs().max())
    if farthest > CELL_LIMIT:
        raise InputError(
            f"a voxel lies {farthest} cells from the scene origin, over {CELL_LIMIT}: reset the scene "
            "(~/reset of the node) to start again from here, and leave origin.at at first_camera"
        )
