"""The network's voxel parts, stage after stage, against a slow float64 reference over single voxels.

The reference is written from the formulas alone: dictionaries from cells to vectors, loops over neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from autoseg3d_core.geometry.groups import group_mean
from autoseg3d_core.geometry.voxels import unpack, voxelize
from autoseg3d_core.modules.sparse_unet import SparseUNet, Stage, UNetShape
from autoseg3d_core.modules.voxel_memory import VoxelMemory, VoxelMemoryAdapter
from autoseg3d_core.sparse.tensor import SparseTensor, sparse_tensor

Cell = tuple[int, int, int]
Voxels = dict[Cell, np.ndarray]
SHAPE = UNetShape(
    4,
    5,
    (Stage(4, 2), Stage(6, 1), Stage(8, 1), Stage(8, 2)),
    (Stage(8, 1), Stage(6, 2), Stage(6, 1), Stage(5, 2)),
)
VOXEL_M = 0.02


def random_weights(module: nn.Module, seed: int) -> nn.Module:
    """Fill everything, running statistics included, with numbers that keep features near one."""
    generator = torch.Generator().manual_seed(seed)
    for name, values in module.state_dict().items():
        if not values.is_floating_point():
            continue
        noise = torch.randn(values.shape, generator=generator)
        if name.endswith("running_var"):
            values.copy_(noise.abs() + 0.5)
        elif values.ndim >= 2:
            values.copy_(noise / math.sqrt(values.shape[-1] * (6 if values.ndim == 3 else 1)))
        else:
            values.copy_(noise * 0.3 + (1.0 if name.endswith("weight") else 0.0))
    return module.double().eval()


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def frame_points(seed: int, shift: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Points on a floor and a wall that meet below zero, with colours."""
    generator = torch.Generator().manual_seed(seed)
    flat = torch.rand(220, 3, generator=generator, dtype=torch.float64)
    flat[:110, 2] *= 0.02
    flat[110:, 0] *= 0.02
    return flat * 0.5 - 0.2 + shift, torch.rand(220, 3, generator=generator, dtype=torch.float64)


# ---- reference: sparse layers ----


def array(values: torch.Tensor) -> np.ndarray:
    return values.detach().double().numpy()


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


# ---- reference: voxel memory, one level, unbounded ----


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


# ---- the network's side ----


def as_voxels(tensor: SparseTensor) -> Voxels:
    cells = map(tuple, tensor.level.cells[:, 1:].tolist())
    return dict(zip(cells, array(tensor.features), strict=True))


def assert_same(tensor: SparseTensor, expected: Voxels) -> None:
    assert [tuple(c) for c in tensor.level.cells[:, 1:].tolist()] == sorted(expected)
    np.testing.assert_allclose(
        array(tensor.features), [expected[c] for c in sorted(expected)], rtol=1e-8, atol=1e-8
    )


def frame_tensor(seed: int, shift: float = 0.0) -> tuple[SparseTensor, torch.Tensor]:
    xyz, colour = frame_points(seed, shift)
    voxels = voxelize(xyz, VOXEL_M)
    mean = group_mean(colour, voxels.point_voxel, len(voxels))
    return sparse_tensor(mean, unpack(voxels.keys)), voxels.point_voxel


def test_voxels_are_floored_cells_with_the_mean_colour_of_their_points():
    xyz, colour = frame_points(0)
    tensor, point_voxel = frame_tensor(0)
    groups: dict[Cell, list[np.ndarray]] = {}
    for point, c in zip(xyz.tolist(), array(colour), strict=True):
        groups.setdefault(tuple(math.floor(p / VOXEL_M) for p in point), []).append(c)
    assert_same(tensor, {cell: np.mean(rows, axis=0) for cell, rows in groups.items()})
    assert min(min(cell) for cell in groups) < 0
    cells = tensor.level.cells[point_voxel, 1:]
    assert (cells == torch.floor(xyz / VOXEL_M).long()).all()


def test_every_stage_of_the_unet_is_the_dense_one():
    net = random_weights(SparseUNet(SHAPE), seed=1)
    tensor, _ = frame_tensor(0)
    stem = net.stem(tensor)
    dense_stem = relu(normed(convolve(as_voxels(tensor), net.stem.conv), net.stem.norm))
    assert_same(stem, dense_stem)
    levels = net.encode(stem)
    dense_levels = reference_encode(net, dense_stem)
    for level, dense in zip(levels, dense_levels, strict=True):
        assert_same(level, dense)
    outs: list[SparseTensor] = []
    hooks = [d.register_forward_hook(lambda m, i, o: outs.append(o)) for d in net.decoders]
    final = net(tensor)
    for out, dense in zip(outs, reference_decode(net, dense_stem, dense_levels), strict=True):
        assert_same(out, dense)
    assert final.features is outs[-1].features
    assert len(hooks) == 4


def test_the_voxel_memory_is_the_dense_one_at_every_frame_and_level():
    net = random_weights(SparseUNet(SHAPE), seed=1)
    adapter = random_weights(VoxelMemoryAdapter(SHAPE.remembered_channels), seed=2)
    memories, dense_memories = [VoxelMemory.empty()], [{} for _ in SHAPE.down]
    for frame, shift in enumerate((0.0, 0.13, 0.9, 0.2)):
        levels = net.encode(net.stem(frame_tensor(frame, shift)[0]))
        adapted, memories = adapter(levels, memories)
        for i, (level, out) in enumerate(zip(levels, adapted, strict=True)):
            dense, dense_memories[i] = reference_adapt(adapter.levels[i], as_voxels(level), dense_memories[i])
            assert_same(out, dense)
            assert memories[0].stores[i].voxels == len(dense_memories[i])
