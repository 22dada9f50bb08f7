"""Kernel maps: which source voxel meets which target voxel under which element of a kernel.

A kernel of size K has its K^3 elements ordered with x fastest: k = ix + K iy + K^2 iz. An odd kernel
is centred, an even one looks forward only (offset = index).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Int64
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
        sizes = torch.bincount(rows, minlength=count)
        return Grouping(order, torch.cumsum(sizes, dim=0) - sizes)


@dataclass(frozen=True, eq=False)
class KernelMap:
    """Pairs of a source row and a target row, ordered by kernel element, `counts` pairs for each."""

    source: Int64[Tensor, " pairs"]
    target: Int64[Tensor, " pairs"]
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
    def slices(self) -> tuple[tuple[int, slice], ...]:
        """The kernel elements that have pairs, each with where its pairs lie."""
        ends = torch.tensor(self.counts).cumsum(0).tolist()
        parts = zip(ends, self.counts, strict=True)
        return tuple((k, slice(end - n, end)) for k, (end, n) in enumerate(parts) if n)

    def reversed(self) -> KernelMap:
        """Return the map with source and target swapped, for an inverse convolution."""
        return KernelMap(self.target, self.source, self.counts, self.target_rows, self.source_rows)


def submanifold_map(source: Level, target: Level, kernel: int, dilation: int) -> KernelMap:
    """Return the pairs of a centred kernel at the target's cells; both levels have one stride."""
    if kernel // 2 * dilation >= REACH:
        raise ValueError(f"kernel {kernel} with dilation {dilation} reaches {REACH} cells or more")
    position, found = _runs(source, target, kernel, dilation)  # (kernel^3, targets)
    flat = found.view(-1).nonzero()[:, 0]
    rows = len(target)
    return KernelMap(
        source=position.view(-1).index_select(0, flat),
        target=flat % rows if rows else flat,
        counts=tuple(found.sum(dim=1).tolist()),
        source_rows=len(source),
        target_rows=rows,
    )


def _runs(source: Level, target: Level, kernel: int, dilation: int) -> tuple[Tensor, Tensor]:
    """Return per kernel element and target cell the row of the source cell there, and whether one is.

    Keys sort by z last, so the cells of one (x, y) column lie in a row: a search finds where the column
    begins, and the kernel's elements along z are met by walking on from there.
    """
    steps = (torch.arange(kernel, device=target.keys.device) - kernel // 2) * dilation
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    columns = torch.stack([x.flatten(), y.flatten(), torch.zeros_like(x).flatten()], dim=1)
    wanted = target.keys + key_shifts(columns)[:, None] + steps[0]  # (kernel^2, targets)
    end = source.keys.new_full((1,), torch.iinfo(torch.int64).max)
    keys = torch.cat([source.keys, end])
    position = torch.searchsorted(source.keys, wanted)
    positions, hits = [], []
    for i in range((kernel - 1) * dilation + 1):
        hit = keys[position] == wanted + i
        if i % dilation == 0:
            positions.append(position)
            hits.append(hit)
        position = position + hit
    return (torch.stack(m).view(kernel**3, len(target)) for m in (positions, hits))  # type: ignore[return-value]


def down_map(geometry: Geometry, stride: int) -> KernelMap:
    """Return the pairs of the 2x2x2 kernel with stride 2 from the cells at `stride` to those around them."""
    fine, parent = geometry.level(stride), geometry.parents(stride)
    odd = fine.cells[:, 1:] & 1
    element = odd[:, 0] + 2 * odd[:, 1] + 4 * odd[:, 2]
    order = torch.argsort(element, stable=True)
    counts = tuple(torch.bincount(element, minlength=8).tolist())
    return KernelMap(order, parent[order], counts, len(fine), len(geometry.level(2 * stride)))
