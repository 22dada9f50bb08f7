"""Kernel maps: which source voxel meets which target voxel under which element of a kernel.

A kernel of size K has its K^3 elements ordered with x fastest: k = ix + K iy + K^2 iz. An odd kernel
is centred, an even one looks forward only (offset = index).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from autoseg3d_core.sparse.tensor import REACH, Geometry, Level, key_shifts


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
class KernelMap:
    """Pairs of a source row and a target row, those of one kernel element together.

    The parts follow one another in the order of `elements`, with as many pairs each as `counts` says.
    """

    source: Int64[Tensor, " pairs"]
    target: Int64[Tensor, " pairs"]
    elements: tuple[int, ...]
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
        rows = zip(self.elements, ends, self.counts, strict=True)
        return tuple((element, slice(end - count, end)) for element, end, count in rows if count)

    def element_of_pairs(self) -> Int64[Tensor, " pairs"]:
        """Return the kernel element of each pair."""
        device = self.source.device
        counts = torch.tensor(self.counts, device=device)
        return torch.tensor(self.elements, device=device).repeat_interleave(counts)

    def reversed(self) -> KernelMap:
        """Return the map with source and target swapped, for an inverse convolution."""
        return KernelMap(
            self.target, self.source, self.elements, self.counts, self.target_rows, self.source_rows
        )


def submanifold_map(source: Level, target: Level, kernel: int, dilation: int) -> KernelMap:
    """Return the pairs of a centred kernel at the target's cells; both levels have one stride."""
    if kernel // 2 * dilation >= REACH:
        raise ValueError(f"kernel {kernel} with dilation {dilation} reaches {REACH} cells or more")
    if source is target:
        return _mirrored_map(source, kernel, dilation)
    position, found = _search(source, target, kernel, dilation, columns=kernel**2)
    rows, cells, counts = _pairs(position, found)
    return KernelMap(rows, cells, tuple(range(kernel**3)), counts, len(source), len(target))


def _mirrored_map(level: Level, kernel: int, dilation: int) -> KernelMap:
    """Return a level's map onto itself: a pair under one element is, swapped, one under its mirror image.

    So the columns before the central one and half of that are searched; the centre pairs each with itself.
    """
    columns = kernel**2 // 2 + 1
    position, found = _search(level, level, kernel, dilation, columns)
    found[kernel // 2 :, -1] = False
    rows, cells, counts = _pairs(position, found)
    searched = tuple(z * kernel**2 + column for z in range(kernel) for column in range(columns))
    mirrored = tuple(kernel**3 - 1 - element for element in searched)
    itself = torch.arange(len(level), device=rows.device)
    return KernelMap(
        source=torch.cat([rows, itself, cells]),
        target=torch.cat([cells, itself, rows]),
        elements=(*searched, kernel**3 // 2, *mirrored),
        counts=(*counts, len(level), *counts),
        source_rows=len(level),
        target_rows=len(level),
    )


def _search(
    source: Level, target: Level, kernel: int, dilation: int, columns: int
) -> tuple[Int64[Tensor, "kernel columns targets"], Bool[Tensor, "kernel columns targets"]]:
    """Return per kernel element and target cell the row of the source cell there, and whether one is.

    Only the kernel's first `columns` columns along z are searched. Keys sort by z last, so the cells of
    a column lie in a row: a search finds where it begins, and its elements are met by walking on.
    """
    steps = (torch.arange(kernel, device=target.keys.device) - kernel // 2) * dilation
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    begins = torch.stack([x.flatten(), y.flatten(), steps[:1].expand(kernel**2)], dim=1)[:columns]
    wanted = target.keys + key_shifts(begins)[:, None]  # (columns, targets)
    end = source.keys.new_full((1,), torch.iinfo(torch.int64).max)
    keys = torch.cat([source.keys, end])
    position = torch.searchsorted(source.keys, wanted)
    positions, hits = [], []
    for i in range((kernel - 1) * dilation + 1):
        hit = keys.take(position) == wanted + i
        if i % dilation == 0:
            positions.append(position)
            hits.append(hit)
        position = position + hit
    return torch.stack(positions), torch.stack(hits)


def _pairs(position: Tensor, found: Tensor) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """Return the source rows, the target rows and the number of pairs per kernel element."""
    flat = found.flatten().nonzero()[:, 0]
    counts = found.sum(dim=-1).flatten().tolist()
    return position.flatten().index_select(0, flat), flat % max(found.shape[-1], 1), tuple(counts)


def down_map(geometry: Geometry, stride: int) -> KernelMap:
    """Return the pairs of the 2x2x2 kernel with stride 2 from the cells at `stride` to those around them."""
    fine, parent = geometry.level(stride), geometry.parents(stride)
    odd = fine.cells[:, 1:] & 1
    element = odd[:, 0] + 2 * odd[:, 1] + 4 * odd[:, 2]
    order = torch.argsort(element, stable=True)
    counts = tuple(torch.bincount(element, minlength=8).tolist())
    return KernelMap(
        order, parent[order], tuple(range(8)), counts, len(fine), len(geometry.level(2 * stride))
    )
