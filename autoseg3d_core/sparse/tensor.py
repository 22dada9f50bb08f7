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
    Distinct,
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
        coarser = _coarser(self._levels[max(self._levels)].keys)
        self._add(coarser, torch.stack([level.count for level in coarser]).tolist())

    def _add(self, coarser: Sequence[Distinct], counts: Sequence[int]) -> None:
        """Take the next levels, of which so many rows are cells."""
        stride = max(self._levels)
        for found, count in zip(coarser, counts, strict=True):
            self._parents[stride] = found.index[: len(self._levels[stride])]
            stride *= 2
            self._levels[stride] = Level(stride, found.keys[:count])

    @staticmethod
    def of_points(cells: Sequence[Int64[Tensor, "_ 3"]]) -> tuple[Geometry, Int64[Tensor, " points"]]:
        """Return the geometry of the cells that the points of some frames lie in, and each point's row.

        A GPU is asked once, for all levels. Raises `InputError` for cells out of range.
        """
        joined = _numbered(cells)
        finest = distinct(pack_cells(joined))
        coarser = _coarser(finest.shortest)
        asked = [_farthest(joined), finest.count, *(level.count for level in coarser)]
        farthest, count, *counts = torch.stack(asked).tolist()
        _check_range(farthest)
        geometry = Geometry(Level(1, finest.keys[:count]), len(cells))
        geometry._add(coarser, counts)
        return geometry, finest.index

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
    joined = _numbered(cells)
    _check_range(int(_farthest(joined)))
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


def _numbered(cells: Sequence[Int64[Tensor, "_ 3"]]) -> Int64[Tensor, "cells 4"]:
    """Return the cells of all frames, each behind the number of its frame."""
    if len(cells) > BATCH_LIMIT:
        raise InputError(f"a batch of {len(cells)} frames: use at most {BATCH_LIMIT}")
    return torch.cat([torch.nn.functional.pad(item, (1, 0), value=i) for i, item in enumerate(cells)])


def _farthest(cells: Int64[Tensor, "cells 4"]) -> Int64[Tensor, ""]:
    return cells[:, 1:].abs().max() if len(cells) else cells.new_zeros(())


def _coarser(keys: Int64[Tensor, " voxels"]) -> list[Distinct]:
    """Return the keys of the next levels, in as many rows as are known without waiting for a GPU."""
    found: list[Distinct] = []
    for _ in range(COARSER_LEVELS):
        found.append(distinct(torch.where(keys == NO_KEY, keys, halved(keys))))
        keys = found[-1].shortest
    return found


def _check_range(farthest: int) -> None:
    if farthest > CELL_LIMIT:
        raise InputError(
            f"a voxel lies {farthest} cells from the scene origin, over {CELL_LIMIT}: reset the scene "
            "(~/reset of the node) to start again from here, and leave origin.at at first_camera"
        )
