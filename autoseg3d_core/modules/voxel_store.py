"""The voxels that a network remembers at one stride, in spatial tiles: work is done on the near ones only.

A store is a value: accumulating returns a new one that shares the tiles that did not change. When it
holds more voxels than its cap, the tiles that no frame touched for the longest are dropped. To be saved, a
store lays itself out as tables.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from autoseg3d_core.geometry.groups import group_size
from autoseg3d_core.sparse.keys import distinct, pack_cells, unpack_keys
from autoseg3d_core.structures import InputError, Rows

TILE_BITS = 5
"""A tile is a cube of 32 cells along each side."""

TOLD = 256
"""A GPU tells the host of so many tiles at once; of more in a second copy."""

TileIndex = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class VoxelRows(Rows):
    """Voxels and what is remembered of each; the keys are those of cells of batch 0, unique and sorted."""

    keys: Int64[Tensor, " voxels"]
    features: Float[Tensor, "voxels channels"]

    @property
    def cells(self) -> Int64[Tensor, "voxels 3"]:
        """The cell of each voxel."""
        return unpack_keys(self.keys)[:, 1:]

    @staticmethod
    def empty(channels: int = 0, like: Tensor | None = None) -> VoxelRows:
        """Return a table without rows, of the type and on the device of a tensor."""
        like = torch.zeros(0) if like is None else like
        return VoxelRows(like.new_zeros(0, dtype=torch.int64), like.new_zeros(0, channels))


@dataclass(frozen=True, eq=False)
class Tile:
    """The remembered voxels of one cube of space, and the time at which a frame last touched it."""

    rows: VoxelRows
    touched: int


@dataclass(frozen=True, eq=False)
class TileRows(Rows):
    """Tiles in the order in which frames last touched them: where, when, and how many voxels each has."""

    index: Int64[Tensor, "tiles 3"]
    touched: Int64[Tensor, " tiles"]
    voxels: Int64[Tensor, " tiles"]


@dataclass(frozen=True, eq=False)
class StoreTables:
    """All that a store holds, as tables: its tiles, their voxels one tile after another, and its counters."""

    tiles: TileRows
    voxels: VoxelRows
    time: int
    dropped: int


@dataclass(frozen=True, eq=False)
class VoxelStore:
    """What is remembered at one stride; `time` counts the frames that were accumulated.

    Tiles stand in the order in which frames last touched them. `nothing` has the columns of the voxels,
    without rows.
    """

    max_voxels: int
    tiles: dict[TileIndex, Tile] = field(default_factory=dict)
    voxels: int = 0
    time: int = 0
    dropped: int = 0
    nothing: VoxelRows = field(default_factory=VoxelRows.empty)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is remembered."""
        return self.voxels == 0

    def accumulated(self, seen: VoxelRows) -> VoxelStore:
        """Return the store with the voxelwise maximum of what it holds and what was seen."""
        if len(seen) == 0:
            return replace(self, time=self.time + 1)
        tiles = Tiles.of(seen.cells)
        olds = [self.tiles[tile].rows for tile in tiles.index if tile in self.tiles]
        merged = _maximum(_joined(olds), seen) if olds else seen
        if olds:
            tiles = Tiles.of(merged.cells)
        fresh = _split(merged, tiles, self.time + 1)
        voxels = self.voxels - sum(len(old) for old in olds) + len(merged)
        kept = dict(self.tiles)
        for tile in fresh:
            kept.pop(tile, None)  # what was touched last stands last
        store = replace(self, tiles=kept | fresh, voxels=voxels, time=self.time + 1)
        return store._capped()

    def within(self, low: Float[Tensor, " 3"], high: Float[Tensor, " 3"]) -> VoxelRows:
        """Return the voxels whose cells lie in a box (inclusive), sorted; at least one tile is near."""
        near = _joined([self.tiles[tile].rows for tile in self._near(low, high)])
        cells = near.cells
        kept = near[((cells >= low) & (cells <= high)).all(dim=1).nonzero()[:, 0]]
        order = torch.argsort(kept.keys)
        return VoxelRows(kept.keys[order], kept.features[order])

    def laid_out(self) -> StoreTables:
        """Return all that is remembered as tables; the cap is a setting, and none of it."""
        whole: dict[str, Any] = {"dtype": torch.int64, "device": self.nothing.keys.device}
        tiles = TileRows(
            torch.tensor(list(self.tiles), **whole).view(-1, 3),
            torch.tensor([tile.touched for tile in self.tiles.values()], **whole),
            torch.tensor([len(tile.rows) for tile in self.tiles.values()], **whole),
        )
        voxels = _joined([self.nothing, *(tile.rows for tile in self.tiles.values())])
        return StoreTables(tiles, voxels, self.time, self.dropped)

    def filled_with(self, tables: StoreTables) -> VoxelStore:
        """Return a store of this cap that remembers what the tables say.

        Raises `InputError` where tiles and voxels do not go together.
        """
        sizes = tables.tiles.voxels.tolist()
        if min(sizes, default=1) < 1 or sum(sizes) != len(tables.voxels):
            raise InputError("its tiles have other voxels than those there are")
        parts = zip(
            tables.tiles.index.tolist(),
            tables.tiles.touched.tolist(),
            tables.voxels.keys.split(sizes),
            tables.voxels.features.split(sizes),
            strict=True,
        )
        tiles = {(x, y, z): Tile(VoxelRows(k.clone(), f.clone()), at) for (x, y, z), at, k, f in parts}
        return replace(self, tiles=tiles, voxels=len(tables.voxels), time=tables.time, dropped=tables.dropped)

    def _near(self, low: Tensor, high: Tensor) -> list[TileIndex]:
        first, last = (torch.stack([torch.ceil(low), torch.floor(high)]).long() >> TILE_BITS).tolist()
        spans = [range(a, b + 1) for a, b in zip(first, last, strict=True)]
        if len(spans[0]) * len(spans[1]) * len(spans[2]) <= len(self.tiles):
            return [tile for tile in itertools.product(*spans) if tile in self.tiles]
        return [tile for tile in self.tiles if all(i in span for i, span in zip(tile, spans, strict=True))]

    def _capped(self) -> VoxelStore:
        """Return the store within its cap; what this frame touched stays in any case."""
        if self.voxels <= self.max_voxels:
            return self
        voxels, kept = self.voxels, dict(self.tiles)
        for tile in self.tiles:
            if voxels <= self.max_voxels or self.tiles[tile].touched == self.time:
                break
            voxels -= len(kept.pop(tile).rows)
        return replace(self, tiles=kept, voxels=voxels, dropped=self.dropped + self.voxels - voxels)


def _joined(parts: list[VoxelRows]) -> VoxelRows:
    return VoxelRows(torch.cat([p.keys for p in parts]), torch.cat([p.features for p in parts]))


@dataclass(frozen=True, eq=False)
class Tiles:
    """The tiles that some cells lie in: which, how many cells each has, and which of them each cell is in."""

    index: list[TileIndex]
    sizes: list[int]
    of_cell: Int64[Tensor, " cells"]

    @staticmethod
    def of(cells: Int64[Tensor, "cells 3"]) -> Tiles:
        """Return the tiles of cells; a GPU is asked once which they are, twice if they are many."""
        packed = pack_cells(torch.nn.functional.pad(cells >> TILE_BITS, (1, 0)))
        found = distinct(packed)
        sizes = group_size(found.index, len(packed))
        first = torch.stack([found.keys[:TOLD], sizes[:TOLD]])
        told = torch.cat([found.count.expand(2, 1), first], dim=1).cpu()
        count, told = int(told[0, 0].numpy()), told[:, 1:]
        if count > TOLD:
            told = torch.stack([found.keys[:count], sizes[:count]]).cpu()
        keys, many = told[:, :count]
        rows = unpack_keys(keys)[:, 1:].numpy().tolist()
        return Tiles([(x, y, z) for x, y, z in rows], many.numpy().tolist(), found.index)


def _maximum(old: VoxelRows, new: VoxelRows) -> VoxelRows:
    """Return the union of both, with the elementwise maximum where a voxel is in both."""
    order = torch.argsort(old.keys)
    old = VoxelRows(old.keys[order], old.features[order])
    place = torch.searchsorted(old.keys, new.keys).clamp(max=len(old) - 1)
    is_known = old.keys[place] == new.keys
    known = is_known.nonzero()[:, 0]
    fresh = torch.argsort(is_known, stable=True)[: len(new) - len(known)]
    at = place[known]
    raised = torch.maximum(old.features[at], new.features[known])
    return _joined([VoxelRows(old.keys, old.features.index_copy(0, at, raised)), new[fresh]])


def _split(rows: VoxelRows, tiles: Tiles, time: int) -> dict[TileIndex, Tile]:
    """Return the tiles of the rows; each owns its memory, so that none keeps that of others alive."""
    order = torch.argsort(tiles.of_cell, stable=True)
    keys, features = rows.keys[order].split(tiles.sizes), rows.features[order].split(tiles.sizes)
    parts = zip(tiles.index, keys, features, strict=True)
    return {tile: Tile(VoxelRows(k.clone(), f.clone()), time) for tile, k, f in parts}
