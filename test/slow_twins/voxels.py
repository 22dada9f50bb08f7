"""Sparse layers, U-Net and voxel memory as dictionaries from cells to vectors, with loops over neighbours.

Written from the formulas alone, in double precision.
"""

from __future__ import annotations

import math

import numpy as np
from slow_twins.samples import array
from torch import nn

from autoseg3d_core.modules.sparse_unet import SparseUNet

Cell = tuple[int, int, int]
Voxels = dict[Cell, np.ndarray]


def convolve(source: Voxels, layer: nn.Module, at: Voxels | None = None) -> Voxels:
    weight, dilation = array(layer.weight), layer.dilation
    k, half = round(len(weight) ** (1 / 3)), round(len(weight) ** (1 / 3)) // 2
    out = {}
    for x, y, z in source if at is None else at:
        total = np.zeros(weight.shape[2])
        for iz in range(k):
            for iy in range(k):
                for ix in range(k):
                    cell = (
                        x + (ix - half) * dilation,
                        y + (iy - half) * dilation,
                        z + (iz - half) * dilation,
                    )
                    if cell in source:
                        total += source[cell] @ weight[ix + k * iy + k * k * iz]
        out[x, y, z] = total
    return out


def go_down(source: Voxels, weight: np.ndarray) -> Voxels:
    out: Voxels = {}
    for (x, y, z), row in source.items():
        parent = (math.floor(x / 2), math.floor(y / 2), math.floor(z / 2))
        out[parent] = out.get(parent, 0) + row @ weight[x % 2 + 2 * (y % 2) + 4 * (z % 2)]
    return out


def go_up(source: Voxels, weight: np.ndarray, finer: Voxels) -> Voxels:
    return {
        (x, y, z): source[x // 2, y // 2, z // 2] @ weight[x % 2 + 2 * (y % 2) + 4 * (z % 2)]
        for x, y, z in finer
    }


def normed(rows: Voxels, norm: nn.Module) -> Voxels:
    mean, var, w, b = (array(t) for t in (norm.running_mean, norm.running_var, norm.weight, norm.bias))
    return {cell: (row - mean) / np.sqrt(var + norm.eps) * w + b for cell, row in rows.items()}


def relu(rows: Voxels) -> Voxels:
    return {cell: np.maximum(row, 0) for cell, row in rows.items()}


def block(rows: Voxels, layer: nn.Module) -> Voxels:
    inner = relu(normed(convolve(rows, layer.first.conv), layer.first.norm))
    inner = normed(convolve(inner, layer.second), layer.norm)
    past = rows
    if not isinstance(layer.shortcut, nn.Identity):
        past = normed(
            {c: row @ array(layer.shortcut.linear.weight).T for c, row in rows.items()}, layer.shortcut.norm
        )
    return {cell: np.maximum(row + past[cell], 0) for cell, row in inner.items()}


def blocks(rows: Voxels, stage: nn.Module) -> Voxels:
    for layer in stage:
        rows = block(rows, layer)
    return rows


def reference_encode(net: SparseUNet, stem: Voxels) -> list[Voxels]:
    levels, here = [], stem
    for down, encoder in zip(net.downs, net.encoders, strict=True):
        here = blocks(relu(normed(go_down(here, array(down.conv.weight)), down.norm)), encoder)
        levels.append(here)
    return levels


def reference_decode(net: SparseUNet, stem: Voxels, levels: list[Voxels]) -> list[Voxels]:
    *skips, here = [stem, *levels]
    outs = []
    for up, decoder in zip(net.ups, net.decoders, strict=True):
        skip = skips.pop()
        raised = relu(normed(go_up(here, array(up.conv.weight), skip), up.norm))
        here = blocks({cell: np.concatenate([row, skip[cell]]) for cell, row in raised.items()}, decoder)
        outs.append(here)
    return outs


# The voxel memory: one level, unbounded.


def around(memory: Voxels, frame: Voxels) -> Voxels:
    cells = np.array(list(frame))
    low, high = cells.min(0), cells.max(0)
    margin = 0.75 * (high - low)
    return {c: row for c, row in memory.items() if (c >= low - margin).all() and (c <= high + margin).all()}


def reference_adapt(level: nn.Module, frame: Voxels, memory: Voxels) -> tuple[Voxels, Voxels]:
    """Return the adapted frame and the next memory."""
    seen = frame
    if memory:
        memory = dict(memory)
        for cell, row in frame.items():
            memory[cell] = np.maximum(memory[cell], row) if cell in memory else row
        seen = around(memory, frame)
    mean = np.mean(list(seen.values()), axis=0)
    near = relu(normed(convolve(seen, level.near.conv, at=frame), level.near.norm))
    far = relu(normed(convolve(seen, level.far.conv, at=frame), level.far.norm))
    mixed = {c: np.concatenate([near[c], far[c], mean]) @ array(level.mix.weight).T for c in frame}
    adapted = {c: np.maximum(frame[c] + row, 0) for c, row in normed(mixed, level.norm).items()}
    return adapted, memory or adapted
