"""Sparse tensors: keys, bounds, levels, and that a frame's geometry is built once."""

from __future__ import annotations

import pytest
import torch

from autoseg3d_core.sparse import gather_backend, kernel_maps, torch_backend
from autoseg3d_core.sparse.gather_backend import multiply_rows
from autoseg3d_core.sparse.keys import CELL_LIMIT, NO_KEY, distinct, halved, pack_cells, unpack_keys
from autoseg3d_core.sparse.layers import DownConv, SubmanifoldConv
from autoseg3d_core.sparse.tensor import Geometry, Level, SparseTensor, sparse_batch, sparse_tensor
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


def map_of(cells: torch.Tensor, kernel: int, dilation: int, at: torch.Tensor | None = None):
    onto = None if at is None else sparse_tensor(torch.zeros(len(at), 1), at)
    whole = sparse_tensor(torch.zeros(len(cells), 1), cells)
    return kernel_maps.submanifold_map(whole, torch.zeros(kernel**3, 1, 1), dilation, onto)


def test_cells_at_the_limit_have_no_neighbours_across_the_border():
    for kernel, dilation in ((3, 1), (5, 2), (3, 4)):
        table = map_of(cells_with_corners(), kernel, dilation).table
        lonely = torch.cat([table[: kernel**3 // 2], table[kernel**3 // 2 + 1 :]])
        assert (lonely >= 0).sum() == (2 if (kernel, dilation) == (3, 1) else 0)  # (-1, -1, -1), (0, 0, 0)


def test_a_kernel_that_reaches_too_far_is_refused():
    with pytest.raises(ValueError, match="reaches over more than 4 cells"):
        map_of(torch.zeros(1, 3, dtype=torch.int64), 3, 5)


def test_keys_are_halved_like_cells():
    cells = torch.nn.functional.pad(cells_with_corners(), (1, 0), value=63)
    expected = torch.cat([cells[:, :1], cells[:, 1:] >> 1], dim=1)
    assert (unpack_keys(halved(pack_cells(cells))) == expected).all()


@pytest.mark.parametrize("keys", [[], [7], [3, 3, 3], [5, 2, 9, 2, 5, 11], [4, NO_KEY, 1, 4, NO_KEY]])
def test_distinct_keys_are_those_of_unique_with_filler_behind(keys):
    given = torch.tensor(keys, dtype=torch.int64)
    found = distinct(given)
    expected = torch.unique(given[given != NO_KEY])
    assert found.count == len(expected)
    assert found.shortest.tolist() == expected.tolist()
    assert (found.keys[len(expected) :] == NO_KEY).all()
    assert (found.keys[found.index] == given).all()


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


def test_the_maps_of_a_frame_are_made_once_and_those_of_its_coarser_levels_together(monkeypatch):
    built = []
    original = kernel_maps.Directory.of
    monkeypatch.setattr(
        kernel_maps.Directory, "of", lambda levels: built.append(len(levels)) or original(levels)
    )
    x = sparse_tensor(torch.randn(3, 9), torch.tensor([[0, 0, 0], [0, 0, 1], [0, 1, 0]]))
    same, other = SubmanifoldConv(9, 9), SubmanifoldConv(9, 9, dilation=3)
    go_down = DownConv(9, 9)
    for layer in (same, same, other, go_down, same, go_down, same, go_down, go_down, same):
        x = layer(x)
    assert built == [1, 4]


def test_a_level_beyond_those_made_together_is_made_too():
    cells = torch.unique(torch.randint(-500, 500, (60, 3), generator=torch.Generator().manual_seed(0)), dim=0)
    geometry = sparse_tensor(torch.zeros(len(cells), 1), cells).geometry
    expected = torch.unique(cells >> 6, dim=0)
    level = geometry.level(64)
    assert level.cells[:, 1:].tolist() == expected.tolist()
    whole = SparseTensor(torch.zeros(len(level), 1), 64, geometry)
    table = kernel_maps.submanifold_map(whole, torch.zeros(27, 1, 1), 1).table
    again = map_of(expected, 3, 1).table
    assert (table == again).all()


def test_a_geometry_builds_what_is_asked_for_once():
    geometry = Geometry(Level(1, torch.zeros(0).long()), 1)
    first = geometry.cached("thing", object)
    assert geometry.cached("thing", object) is first


@pytest.mark.parametrize("share", [None, 2])
def test_the_slow_twin_of_the_kernel_map_finds_the_same_pairs(share):
    generator = torch.Generator().manual_seed(0)
    cells = torch.unique(torch.randint(-4, 5, (150, 3), generator=generator), dim=0)
    at = None if share is None else cells[::share]
    found = map_of(cells, 3, 2, at)
    expected = slow_pairs(cells, cells if at is None else at)
    assert pairs_of(found) == expected
    pairs = found.pairs
    elements = torch.arange(27).repeat_interleave(torch.tensor(pairs.counts))
    listed = list(zip(elements.tolist(), pairs.source.tolist(), pairs.target.tolist(), strict=True))
    assert len(listed) == len(expected)
    assert set(listed) == expected


def pairs_of(found: kernel_maps.KernelMap) -> set[tuple[int, int, int]]:
    return {
        (element, source, target)
        for element, row in enumerate(found.table.tolist())
        for target, source in enumerate(row)
        if source >= 0
    }


def slow_pairs(cells: torch.Tensor, at: torch.Tensor) -> set[tuple[int, int, int]]:
    index = {tuple(c): i for i, c in enumerate(cells.tolist())}
    expected = set()
    for k in range(27):
        offset = ((k % 3 - 1) * 2, (k // 3 % 3 - 1) * 2, (k // 9 - 1) * 2)
        for target, cell in enumerate(at.tolist()):
            source = index.get(tuple(c + o for c, o in zip(cell, offset, strict=True)))
            if source is not None:
                expected.add((k, source, target))
    return expected


def test_few_and_many_channels_take_ways_that_agree():
    cells = torch.unique(torch.randint(0, 6, (100, 3), generator=torch.Generator().manual_seed(0)), dim=0)
    features, weight = torch.randn(len(cells), 3), torch.randn(27, 3, 4)
    where = map_of(cells, 3, 1)
    paired = torch_backend._PairedProducts.apply(features, weight, where.pairs)
    torch.testing.assert_close(multiply_rows(features, weight, where), paired)


def test_a_gather_in_several_parts_gives_what_one_gives(monkeypatch):
    cells = torch.unique(torch.randint(0, 6, (100, 3), generator=torch.Generator().manual_seed(0)), dim=0)
    features, weight, where = torch.randn(len(cells), 9), torch.randn(27, 9, 4), map_of(cells, 3, 1)
    whole = multiply_rows(features, weight, where)
    monkeypatch.setattr(gather_backend, "MOST_NUMBERS", 27 * 9 * 7)
    torch.testing.assert_close(multiply_rows(features, weight, where), whole)


def test_a_map_reversed_twice_is_the_map():
    cells = torch.unique(torch.randint(0, 6, (100, 3), generator=torch.Generator().manual_seed(0)), dim=0)
    where = map_of(cells, 3, 1, cells[::2])
    back = where.reversed
    assert pairs_of(back) == {(element, target, source) for element, source, target in pairs_of(where)}
    assert (back.reversed.table == where.table).all()
