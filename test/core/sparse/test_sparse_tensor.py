"""Sparse tensors: keys, bounds, levels, and that a frame's geometry is built once."""

from __future__ import annotations

import pytest
import torch

from autoseg3d_core.sparse import kernel_maps, tensor, torch_backend
from autoseg3d_core.sparse.layers import SubmanifoldConv
from autoseg3d_core.sparse.tensor import (
    CELL_LIMIT,
    Geometry,
    pack_cells,
    sparse_batch,
    sparse_tensor,
    unpack_keys,
)
from autoseg3d_core.structures import InputError


def cells_with_corners() -> torch.Tensor:
    far = CELL_LIMIT
    return torch.tensor(
        [[-far, -far, -far], [-far, 0, far], [-1, -1, -1], [0, 0, 0], [far, -far, 1], [far, far, far]]
    )


def test_keys_sort_like_cells_and_give_them_back():
    cells = torch.nn.functional.pad(cells_with_corners(), (1, 0), value=63)
    keys = pack_cells(cells)
    assert (keys[1:] > keys[:-1]).all()
    assert (keys > 0).all()
    assert (unpack_keys(keys) == cells).all()


def test_cells_at_the_limit_have_no_neighbours_across_the_border():
    cells = cells_with_corners()
    level = sparse_tensor(torch.zeros(len(cells), 1), cells).level
    for kernel, dilation in ((3, 1), (5, 16), (3, 63)):
        pairs = kernel_maps.submanifold_map(level, level, kernel, dilation)
        lonely = [n for k, n in zip(pairs.elements, pairs.counts, strict=True) if k != kernel**3 // 2]
        assert sum(lonely) == (2 if (kernel, dilation) == (3, 1) else 0)  # (-1, -1, -1) and (0, 0, 0)


def test_a_kernel_that_reaches_too_far_is_refused():
    level = sparse_tensor(torch.zeros(1, 1), torch.zeros(1, 3, dtype=torch.int64)).level
    with pytest.raises(ValueError, match="reaches 64"):
        kernel_maps.submanifold_map(level, level, 3, 64)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([[CELL_LIMIT + 1, 0, 0]], "reset the scene"),
        ([[0, -CELL_LIMIT - 1, 0]], "cells from the scene origin"),
        ([[0, 0, 1], [0, 0, 0]], "unique and sorted"),
        ([[0, 0, 1], [0, 0, 1]], "unique and sorted"),
    ],
)
def test_cells_that_cannot_be_used_are_refused(cells, words):
    with pytest.raises(InputError, match=words):
        sparse_tensor(torch.zeros(len(cells), 1), torch.tensor(cells))


def test_too_large_a_batch_is_refused():
    one = torch.zeros(1, 3, dtype=torch.int64)
    with pytest.raises(InputError, match="at most 64"):
        sparse_batch([torch.zeros(1, 1)] * 65, [one] * 65)


def test_coarser_levels_floor_below_zero():
    cells = torch.tensor([[-3, -2, -1], [-1, 0, 1], [0, 2, 5]])
    level = sparse_tensor(torch.zeros(3, 1), cells).geometry.level(2)
    assert level.cells.tolist() == [[0, -2, -1, -1], [0, -1, 0, 0], [0, 0, 1, 2]]


def test_a_geometry_of_points_in_one_voxel_has_one_cell_at_every_stride():
    geometry = sparse_tensor(torch.zeros(1, 1), torch.tensor([[-5, 7, 90]])).geometry
    assert [len(geometry.level(stride)) for stride in (1, 2, 4, 8, 16)] == [1] * 5


def test_layers_of_one_frame_share_their_kernel_map(monkeypatch):
    built = []
    original = kernel_maps.submanifold_map
    monkeypatch.setattr(kernel_maps, "submanifold_map", lambda *a: built.append(a) or original(*a))
    x = sparse_tensor(torch.randn(3, 9), torch.tensor([[0, 0, 0], [0, 0, 1], [0, 1, 0]]))
    layers = [SubmanifoldConv(9, 9), SubmanifoldConv(9, 9), SubmanifoldConv(9, 9, dilation=3)]
    for layer in layers:
        x = layer(x)
    assert len(built) == 2


def test_a_geometry_builds_what_is_asked_for_once():
    geometry = Geometry(tensor.Level(1, torch.zeros(0).long(), torch.zeros(0, 4).long()), 1)
    first = geometry.cached("thing", object)
    assert geometry.cached("thing", object) is first


def test_the_slow_twin_of_the_kernel_map_finds_the_same_pairs():
    generator = torch.Generator().manual_seed(0)
    cells = torch.unique(torch.randint(-4, 5, (150, 3), generator=generator), dim=0)
    level = sparse_tensor(torch.zeros(len(cells), 1), cells).level
    other = sparse_tensor(torch.zeros(len(cells), 1), cells).level
    for same_or_other in (level, other):
        pairs = kernel_maps.submanifold_map(level, same_or_other, 3, 2)
        assert pairs_of(pairs) == slow_pairs(cells)


def pairs_of(pairs: kernel_maps.KernelMap) -> set[tuple[int, int, int]]:
    element = pairs.element_of_pairs()
    found = set(zip(element.tolist(), pairs.source.tolist(), pairs.target.tolist(), strict=True))
    assert len(found) == len(element)
    return found


def slow_pairs(cells: torch.Tensor) -> set[tuple[int, int, int]]:
    index = {tuple(c): i for i, c in enumerate(cells.tolist())}
    expected = set()
    for k in range(27):
        offset = ((k % 3 - 1) * 2, (k // 3 % 3 - 1) * 2, (k // 9 - 1) * 2)
        for target, cell in enumerate(cells.tolist()):
            source = index.get(tuple(c + o for c, o in zip(cell, offset, strict=True)))
            if source is not None:
                expected.add((k, source, target))
    return expected


def test_few_and_many_channels_take_ways_that_agree():
    cells = torch.unique(torch.randint(0, 6, (100, 3), generator=torch.Generator().manual_seed(0)), dim=0)
    features, weight = torch.randn(len(cells), 3), torch.randn(27, 3, 4)
    pairs = kernel_maps.submanifold_map(*[sparse_tensor(features, cells).level] * 2, 3, 1)
    paired = torch_backend._PairedProducts.apply(features, weight, pairs)
    torch.testing.assert_close(torch_backend._convolve_columns(features, weight, pairs), paired)
