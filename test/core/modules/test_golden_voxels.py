"""The network's voxel parts, stage after stage, against their slow twin over single voxels."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from slow_twins.samples import array, frame_points, random_weights
from slow_twins.voxels import (
    Cell,
    Voxels,
    convolve,
    normed,
    reference_adapt,
    reference_decode,
    reference_encode,
    relu,
)

from autoseg3d_core.geometry.groups import group_mean
from autoseg3d_core.geometry.voxels import unpack, voxelize
from autoseg3d_core.modules.sparse_unet import SparseUNet, Stage, UNetShape
from autoseg3d_core.modules.voxel_memory import VoxelMemoryAdapter
from autoseg3d_core.sparse.tensor import SparseTensor, sparse_tensor

SHAPE = UNetShape(
    4,
    5,
    (Stage(4, 2), Stage(6, 1), Stage(8, 1), Stage(8, 2)),
    (Stage(8, 1), Stage(6, 2), Stage(6, 1), Stage(5, 2)),
)
VOXEL_M = 0.02


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


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
    memories, dense_memories = [adapter.new_memory()], [{} for _ in SHAPE.down]
    for frame, shift in enumerate((0.0, 0.13, 0.9, 0.2)):
        levels = net.encode(net.stem(frame_tensor(frame, shift)[0]))
        adapted, memories = adapter(levels, memories)
        for i, (level, out) in enumerate(zip(levels, adapted, strict=True)):
            dense, dense_memories[i] = reference_adapt(adapter.levels[i], as_voxels(level), dense_memories[i])
            assert_same(out, dense)
            assert memories[0].stores[i].voxels == len(dense_memories[i])
