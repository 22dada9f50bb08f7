"""The voxels that a network remembers at one stride, in spatial tiles: work is done on the near ones only.

A store is a value: accumulating returns a new one that shares the tiles that did not change. When it
holds more voxels than its cap, the tiles that no frame touched for the longest are dropped.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from autoseg3d_core.sparse.tensor import pack_cells, unpack_keys

TILE_BITS = 5
"""A tile is a cube of 32 cells along each side."""

TileIndex = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class VoxelRows:
    """Voxels and what is remembered of each; the keys are those of cells of batch 0, unique and sorted."""

    keys: Int64[Tensor, " voxels"]
    features: Float[Tensor, "voxels channels"]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def cells(self) -> Int64[Tensor, "voxels 3"]:
        """The cell of each voxel."""
        return unpack_keys(self.keys)[:, 1:]

    def where(self, kept: Bool[Tensor, " voxels"]) -> VoxelRows:
        """Return the rows that are kept."""
        return VoxelRows(self.keys[kept], self.features[kept])


def rows_of(cells: Int64[Tensor, "voxels 3"], features: Float[Tensor, "voxels channels"]) -> VoxelRows:
    """Return the rows of sorted cells."""
    return VoxelRows(pack_cells(torch.nn.functional.pad(cells, (1, 0))), features)


@dataclass(frozen=True, eq=False)
class Tile:
    """The remembered voxels of one cube of space, and the time at which a frame last touched it."""

    rows: VoxelRows
    touched: int


@dataclass(frozen=True, eq=False)
class VoxelStore:
    """What is remembered at one stride; `time` counts the frames that were accumulated.

    Tiles stand in the order in which frames last touched them.
    """

    max_voxels: int
    tiles: dict[TileIndex, Tile] = field(default_factory=dict)
    voxels: int = 0
    time: int = 0
    dropped: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is remembered."""
        return self.voxels == 0

    def accumulated(self, seen: VoxelRows) -> VoxelStore:
        """Return the store with the voxelwise maximum of what it holds and what was seen."""
        if len(seen) == 0:
            return replace(self, time=self.time + 1)
        tile_of_row, tiles = _tiles_of(seen.cells)
        olds = [self.tiles[tile].rows for tile in tiles if tile in self.tiles]
        merged = _maximum(_joined(olds), seen) if olds else seen
        if olds:
            tile_of_row, tiles = _tiles_of(merged.cells)
        fresh = _split(merged, tile_of_row, tiles, self.time + 1)
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
        inside = ((cells >= low) & (cells <= high)).all(dim=1)
        kept = near.where(inside)
        order = torch.argsort(kept.keys)
        return VoxelRows(kept.keys[order], kept.features[order])

    def _near(self, low: Tensor, high: Tensor) -> list[TileIndex]:
        first = (torch.ceil(low).long() >> TILE_BITS).tolist()
        last = (torch.floor(high).long() >> TILE_BITS).tolist()
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


def _tiles_of(cells: Int64[Tensor, "voxels 3"]) -> tuple[Int64[Tensor, " voxels"], list[TileIndex]]:
    """Return the index of each cell's tile among those occupied, and the occupied tiles."""
    tiles = torch.nn.functional.pad(cells >> TILE_BITS, (1, 0))
    keys, index = torch.unique(pack_cells(tiles), return_inverse=True)
    return index, [(x, y, z) for _, x, y, z in unpack_keys(keys).tolist()]


def _maximum(old: VoxelRows, new: VoxelRows) -> VoxelRows:
    """Return the union of both, with the elementwise maximum where a voxel is in both."""
    order = torch.argsort(old.keys)
    old = VoxelRows(old.keys[order], old.features[order])
    place = torch.searchsorted(old.keys, new.keys).clamp(max=len(old) - 1)
    known = old.keys[place] == new.keys
    at = place[known]
    raised = torch.maximum(old.features[at], new.features[known])
    return _joined([VoxelRows(old.keys, old.features.index_copy(0, at, raised)), new.where(~known)])


def _split(rows: VoxelRows, tile_of_row: Tensor, tiles: list[TileIndex], time: int) -> dict[TileIndex, Tile]:
    """Return the tiles of the rows; each owns its memory, so that none keeps that of others alive."""
    order = torch.argsort(tile_of_row, stable=True)
    sizes = torch.bincount(tile_of_row, minlength=len(tiles)).tolist()
    keys, features = rows.keys[order].split(sizes), rows.features[order].split(sizes)
    parts = zip(tiles, keys, features, strict=True)
    return {tile: Tile(VoxelRows(k.clone(), f.clone()), time) for tile, k, f in parts}
