"""Kernel maps: which source voxel meets which target voxel under which element of a kernel.

A kernel of size K has its K^3 elements ordered with x fastest: k = ix + K iy + K^2 iz. An odd kernel
is centred, an even one looks forward only (offset = index). No map needs a number from the device, but for
its list of pairs.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import torch
from jaxtyping import Float, Int32, Int64
from torch import Tensor

from autoseg3d_core.sparse.keys import NO_KEY, corners, distinct, key_shifts, places
from autoseg3d_core.sparse.tensor import Geometry, Level, SparseTensor

BLOCK_BITS = 2
BLOCK = 1 << BLOCK_BITS
"""Cells are found in blocks of 4 x 4 x 4; a kernel reaches no farther than the blocks next to a cell's own.

The lowest bits of a block's key are 0: they tell apart the levels made together, at most BLOCK of them.
"""


@dataclass(frozen=True, eq=False)
class Grouping:
    """An order of the pairs in which those of one row lie together, and where each row starts."""

    order: Int64[Tensor, " pairs"]
    starts: Int64[Tensor, " rows"]

    @staticmethod
    def by(rows: Int64[Tensor, " pairs"], count: int) -> Grouping:
        """Group pairs by the row that each belongs to, out of `count` rows."""
        order = torch.argsort(rows, stable=True)
        sizes = rows.new_zeros(count).index_add_(0, rows, torch.ones_like(rows))  # bincount waits for a GPU
        return Grouping(order, torch.cumsum(sizes, dim=0) - sizes)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of a source row and a target row: those of one kernel element together, `counts` of each."""

    source: Int32[Tensor, " pairs"]
    target: Int32[Tensor, " pairs"]
    counts: tuple[int, ...]
    source_rows: int
    target_rows: int

    @cached_property
    def by_source(self) -> Grouping:
        """The pairs grouped by source row."""
        return Grouping.by(self.source, self.source_rows)

    @cached_property
    def by_target(self) -> Grouping:
        """The pairs grouped by target row."""
        return Grouping.by(self.target, self.target_rows)

    @cached_property
    def parts(self) -> tuple[tuple[int, slice], ...]:
        """The kernel elements that have pairs, each with where its pairs lie."""
        ends = itertools.accumulate(self.counts)
        rows = enumerate(zip(ends, self.counts, strict=True))
        return tuple((element, slice(end - count, end)) for element, (end, count) in rows if count)

    @cached_property
    def reversed(self) -> Pairs:
        """The pairs with source and target swapped, for an inverse convolution."""
        return Pairs(self.target, self.source, self.counts, self.target_rows, self.source_rows)


@dataclass(frozen=True, eq=False)
class KernelMap:
    """The source row that each target row meets under each kernel element, -1 for none."""

    table: Int32[Tensor, "volume targets"]
    source_rows: int

    @cached_property
    def reversed(self) -> KernelMap:
        """The map from targets to sources, for gradients and inverse convolutions."""
        volume, targets = self.table.shape
        begin = torch.arange(volume, device=self.table.device)[:, None] * (self.source_rows + 1)
        place = (
            torch.where(self.table >= 0, self.table, self.source_rows) + begin
        )  # the last column is thrown away
        table = self.table.new_full((volume * (self.source_rows + 1),), -1)
        table.scatter_(0, place.flatten(), _arange(targets, table).repeat(volume))
        return KernelMap(table.view(volume, -1)[:, :-1].contiguous(), targets)

    @cached_property
    def columns(self) -> Int64[Tensor, " targets*volume"]:
        """One more than each source row, 0 for none, all those of a target together."""
        return (self.table.T + 1).flatten()

    @cached_property
    def pairs(self) -> Pairs:
        """The map as a list of pairs; a GPU has to be waited for."""
        targets = self.table.shape[1]
        met = self.table >= 0
        flat = met.flatten().nonzero()[:, 0].int()
        counts = tuple(met.sum(dim=1).tolist())
        source = self.table.flatten().index_select(0, flat)
        return Pairs(source, flat % max(targets, 1), counts, self.source_rows, targets)


@dataclass(frozen=True, eq=False)
class ParentMap:
    """Which finer cells lie in each coarser one by kernel element, and, the other way, the parent of each."""

    children: KernelMap
    parent: Int64[Tensor, " finer"]
    element: Int64[Tensor, " finer"]

    @cached_property
    def slot(self) -> Int64[Tensor, " finer"]:
        """The place of each finer cell among the eight of every coarser cell."""
        return 8 * self.parent + self.element


def submanifold_map(
    tensor: SparseTensor, weight: Float[Tensor, "volume _ _"], dilation: int, at: SparseTensor | None = None
) -> KernelMap:
    """Return the map of a centred kernel onto a tensor's own cells, or onto those among them that `at` has.

    The maps of all levels but the finest are made together. Raises `ValueError` for a kernel that reaches
    beyond the next block of cells.
    """
    kernel, geometry, level = round(len(weight) ** (1 / 3)), tensor.geometry, tensor.level
    if kernel // 2 * dilation > BLOCK:
        raise ValueError(f"kernel {kernel} with dilation {dilation} reaches over more than {BLOCK} cells")
    if at is not None:
        some = at.level
        rows = geometry.cached(("rows", some), lambda: torch.searchsorted(level.keys, some.keys))
        table = _directory(geometry, (level,)).around(kernel, dilation, rows)
        return KernelMap(table, len(level))
    together = (level,) if level is geometry.finest else geometry.coarser(level)
    maps = geometry.cached(
        ("submanifold", together, kernel, dilation), lambda: _own_maps(geometry, together, kernel, dilation)
    )
    return maps[together.index(level)]


def _own_maps(
    geometry: Geometry, levels: tuple[Level, ...], kernel: int, dilation: int
) -> tuple[KernelMap, ...]:
    tables = _directory(geometry, levels).around(kernel, dilation).split([len(level) for level in levels], 1)
    return tuple(KernelMap(table, len(level)) for table, level in zip(tables, levels, strict=True))


def parent_map(geometry: Geometry, stride: int) -> ParentMap:
    """Return the map of the 2x2x2 kernel with stride 2 between the cells at `stride` and their parents."""

    def build() -> ParentMap:
        fine, coarse = geometry.level(stride), geometry.level(2 * stride)
        parent, element = geometry.parents(stride), places(fine.keys, bits=1)
        table = torch.full((8 * len(coarse),), -1, dtype=torch.int32, device=parent.device)
        table.scatter_(0, element * len(coarse) + parent, _arange(len(fine), parent))
        return ParentMap(KernelMap(table.view(8, len(coarse)), len(fine)), parent, element)

    return geometry.cached(("parents", stride), build)


@dataclass(frozen=True, eq=False)
class Directory:
    """Finds the cells around cells, by way of the block of each: a row's block, and its place in it.

    `near` says, for each block and the 27 blocks around it, where in `rows` that block begins; `rows` has the
    row of each of a block's cells, -1 for none. A block that is not there is the last, without any cell.
    """

    block: Int32[Tensor, " cells"]
    place: Int32[Tensor, " cells"]
    near: Int32[Tensor, " 27*blocks"]
    rows: Int32[Tensor, " 64*blocks+64"]

    @staticmethod
    def of(levels: Sequence[Level]) -> Directory:
        """Return the directory of the cells of some levels; rows count within their level."""
        keys = torch.cat([level.keys for level in levels])
        row = torch.cat([_arange(len(level), keys) for level in levels])
        tagged = [corners(level.keys, BLOCK_BITS) + i for i, level in enumerate(levels)]
        found = distinct(torch.cat(tagged))
        corner = found.shortest
        place = places(keys, BLOCK_BITS)
        rows = torch.full(((len(corner) + 1) * BLOCK**3,), -1, dtype=torch.int32, device=keys.device)
        rows.scatter_(0, found.index * BLOCK**3 + place, row)
        return Directory(found.index.int(), place.int(), _near(corner), rows)

    def around(
        self, kernel: int, dilation: int, rows: Int64[Tensor, " targets"] | None = None
    ) -> Int32[Tensor, "volume targets"]:
        """Return the row that each cell (or those of `rows`) meets under each element of a centred kernel."""
        block = self.block if rows is None else self.block.index_select(0, rows)
        place = self.place if rows is None else self.place.index_select(0, rows)
        step = _steps(kernel, dilation, block.device)
        near = step.block.index_select(0, place).add_(27 * block[:, None])
        cell = self.near.index_select(0, near.flatten()).add_(step.place.index_select(0, place).flatten())
        return self.rows.index_select(0, cell).view(near.shape).T.contiguous()


def _arange(count: int, like: Tensor) -> Int32[Tensor, " count"]:
    return torch.arange(count, dtype=torch.int32, device=like.device)


def _directory(geometry: Geometry, levels: tuple[Level, ...]) -> Directory:
    return geometry.cached(("directory", levels), lambda: Directory.of(levels))


def _near(corner: Int64[Tensor, " blocks"]) -> Int32[Tensor, " 27*blocks"]:
    """Return for each block where each of those around it begins, x slowest."""
    steps = BLOCK * (torch.cartesian_prod(*[torch.arange(3, device=corner.device)] * 3) - 1)
    wanted = corner[:, None] + key_shifts(steps)
    position = torch.searchsorted(corner, wanted)
    known = torch.cat([corner, corner.new_full((1,), NO_KEY)])
    found = known.index_select(0, position.flatten()) == wanted.flatten()
    return torch.where(found, position.flatten() * BLOCK**3, len(corner) * BLOCK**3).int()


@dataclass(frozen=True, eq=False)
class Steps:
    """Where each element of a kernel leads from each place in a block: to which block near it, and where."""

    block: Int32[Tensor, "64 volume"]
    place: Int32[Tensor, "64 volume"]


@cache
def _steps(kernel: int, dilation: int, device: torch.device) -> Steps:
    """Return a kernel's steps; they depend on nothing of a frame."""
    with torch.inference_mode(False):
        offset = (torch.arange(kernel) - kernel // 2) * dilation
        z, y, x = torch.meshgrid(offset, offset, offset, indexing="ij")  # x fastest, as the elements
        place = torch.arange(BLOCK**3)[:, None]
        to = [
            axis.flatten() + ((place >> (i * BLOCK_BITS)) & (BLOCK - 1)) for i, axis in enumerate((x, y, z))
        ]
        bx, by, bz = ((axis >> BLOCK_BITS) + 1 for axis in to)
        x, y, z = (axis & (BLOCK - 1) for axis in to)
        block, place = 9 * bx + 3 * by + bz, x + BLOCK * y + BLOCK**2 * z
        return Steps(block.int().to(device), place.int().to(device))
