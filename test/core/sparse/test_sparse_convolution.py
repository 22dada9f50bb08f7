"""Every kind of sparse convolution on every backend against a dense float64 sum over voxels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from autoseg3d_core.sparse.backends import Backend, backend_of
from autoseg3d_core.sparse.tensor import sparse_batch, sparse_tensor

KERNELS = [(3, 1), (3, 2), (3, 3), (5, 1), (5, 2)]


@pytest.fixture(params=["torch", "gather", "spconv"])
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "spconv":
        pytest.importorskip("spconv", reason="spconv is not installed: its backend cannot be compared")
    return backend_of(request.param)


@pytest.fixture(autouse=True)
def _without_gradients():
    with torch.no_grad():
        yield


def some_cells(count: int = 200, low: int = -7, high: int = 6, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.unique(torch.randint(low, high, (count, 3), generator=generator), dim=0)


def random_tensor(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def kernel_offsets(kernel: int, dilation: int) -> list[tuple[int, int, int]]:
    """The offset of each kernel element, x fastest, written out from the definition."""
    half = kernel // 2
    return [
        (
            (k % kernel - half) * dilation,
            (k // kernel % kernel - half) * dilation,
            (k // kernel**2 - half) * dilation,
        )
        for k in range(kernel**3)
    ]


def dense_submanifold(cells, features, weight, kernel, dilation) -> np.ndarray:
    rows = {tuple(cell): row for cell, row in zip(cells.tolist(), features.double().numpy(), strict=True)}
    result = np.zeros((len(cells), weight.shape[2]))
    for u, cell in enumerate(cells.tolist()):
        for k, offset in enumerate(kernel_offsets(kernel, dilation)):
            neighbour = rows.get(tuple(c + o for c, o in zip(cell, offset, strict=True)))
            if neighbour is not None:
                result[u] += neighbour @ weight[k].double().numpy()
    return result


def dense_down(cells, features, weight) -> dict[tuple[int, ...], np.ndarray]:
    result: dict[tuple[int, ...], np.ndarray] = {}
    for cell, row in zip(cells.tolist(), features.double().numpy(), strict=True):
        parent = tuple(int(np.floor(c / 2)) for c in cell)
        bx, by, bz = (c - 2 * p for c, p in zip(cell, parent, strict=True))
        product = row @ weight[bx + 2 * by + 4 * bz].double().numpy()
        result[parent] = result.get(parent, 0) + product
    return dict(sorted(result.items()))


@pytest.mark.parametrize(("kernel", "dilation"), KERNELS)
@pytest.mark.parametrize("inputs", [3, 12])
def test_submanifold_convolution_is_the_dense_sum(backend, kernel, dilation, inputs):
    cells = some_cells()
    features, weight = random_tensor(len(cells), inputs), random_tensor(kernel**3, inputs, 5)
    out = backend.submanifold(sparse_tensor(features, cells), weight, dilation)
    expected = dense_submanifold(cells, features, weight, kernel, dilation)
    np.testing.assert_allclose(out.features.numpy(), expected, rtol=1e-4, atol=1e-4)


def test_submanifold_convolution_on_a_full_grid_is_conv3d(backend):
    cells = torch.tensor(list(itertools.product(range(6), repeat=3))) - 4
    features, weight = random_tensor(216, 9), random_tensor(27, 9, 5)
    out = backend.submanifold(sparse_tensor(features, cells), weight)
    volume = features.T.reshape(1, 9, 6, 6, 6)  # axes x, y, z
    dense = functional.conv3d(volume, weight.view(3, 3, 3, 9, 5).permute(4, 3, 2, 1, 0), padding=1)
    torch.testing.assert_close(out.features, dense[0].reshape(5, 216).T, rtol=1e-4, atol=1e-4)


def test_evaluating_at_some_voxels_gives_the_rows_of_evaluating_at_all(backend):
    cells = some_cells()
    some = cells[::3]
    features, weight = random_tensor(len(cells), 12), random_tensor(27, 12, 5)
    whole = sparse_tensor(features, cells)
    at = sparse_tensor(torch.zeros(len(some), 1), some)
    out = backend.submanifold(whole, weight, 3, at)
    torch.testing.assert_close(out.features, backend.submanifold(whole, weight, 3).features[::3])
    assert out.geometry is at.geometry


def test_down_convolution_is_the_sum_over_children(backend):
    cells = some_cells()
    features, weight = random_tensor(len(cells), 12), random_tensor(8, 12, 5)
    out = backend.down(sparse_tensor(features, cells), weight)
    expected = dense_down(cells, features, weight)
    assert out.stride == 2
    assert [tuple(row) for row in out.level.cells[:, 1:].tolist()] == list(expected)
    assert (out.coordinates[:, 1:] == 2 * out.level.cells[:, 1:]).all()
    np.testing.assert_allclose(out.features.numpy(), np.stack(list(expected.values())), rtol=1e-4, atol=1e-4)


def test_up_convolution_gives_each_voxel_its_parent_under_its_parity(backend):
    cells = some_cells()
    first, second = random_tensor(8, 12, 9), random_tensor(8, 9, 5, seed=2)
    coarse = backend.down(sparse_tensor(random_tensor(len(cells), 12), cells), first)
    out = backend.up(coarse, second)
    rows = dict(
        zip(map(tuple, coarse.level.cells[:, 1:].tolist()), coarse.features.double().numpy(), strict=True)
    )
    expected = [
        rows[tuple(c // 2 for c in cell)]
        @ second[cell[0] % 2 + 2 * (cell[1] % 2) + 4 * (cell[2] % 2)].double().numpy()
        for cell in cells.tolist()
    ]
    np.testing.assert_allclose(out.features.numpy(), np.stack(expected), rtol=1e-4, atol=1e-4)


def test_up_returns_to_exactly_the_voxels_that_down_left(backend):
    tensor = sparse_tensor(random_tensor(len(some_cells()), 9), some_cells())
    weight = random_tensor(8, 9, 9)
    deep = backend.down(backend.down(backend.down(tensor, weight), weight), weight)
    back = backend.up(backend.up(backend.up(deep, weight), weight), weight)
    assert back.level is tensor.level
    assert back.stride == 1


def test_up_needs_no_down_by_the_same_backend(backend):
    tensor = sparse_tensor(random_tensor(len(some_cells()), 9), some_cells())
    coarse = backend_of("torch").down(tensor, random_tensor(8, 9, 9))
    weight = random_tensor(8, 9, 4, seed=3)
    torch.testing.assert_close(
        backend.up(coarse, weight).features,
        backend_of("torch").up(coarse, weight).features,
        rtol=1e-4,
        atol=1e-4,
    )


def small_net(tensor, backend):
    """One of each layer, with weights fixed by their seed."""
    inner = backend.submanifold(tensor, random_tensor(27, 9, 9))
    deep = backend.submanifold(
        backend.down(inner, random_tensor(8, 9, 12)), random_tensor(125, 12, 9, seed=5)
    )
    return backend.submanifold(backend.up(deep, random_tensor(8, 9, 9)), random_tensor(27, 9, 5), 3).features


def test_a_batch_of_two_equals_two_singles(backend):
    one, two = some_cells(seed=3), some_cells(90, low=-20, high=9, seed=4)
    a, b = random_tensor(len(one), 9), random_tensor(len(two), 9, seed=8)
    batch = small_net(sparse_batch([a, b], [one, two]), backend)
    singles = torch.cat(
        [small_net(sparse_tensor(a, one), backend), small_net(sparse_tensor(b, two), backend)]
    )
    torch.testing.assert_close(batch, singles, rtol=1e-4, atol=1e-3)


def test_an_empty_sample_in_a_batch_changes_nothing(backend):
    cells, features = some_cells(), random_tensor(len(some_cells()), 9)
    none = torch.zeros(0, 3, dtype=torch.int64)
    batch = small_net(sparse_batch([torch.zeros(0, 9), features], [none, cells]), backend)
    torch.testing.assert_close(
        batch, small_net(sparse_tensor(features, cells), backend), rtol=1e-4, atol=1e-3
    )


def test_an_empty_tensor_stays_empty(backend):
    out = small_net(sparse_tensor(torch.zeros(0, 9), torch.zeros(0, 3, dtype=torch.int64)), backend)
    assert out.shape == (0, 5)


@pytest.mark.parametrize("cell", [(0, 0, 0), (-1, -1, -1), (-100_001, 99_999, 7)])
def test_one_voxel_sees_only_itself(backend, cell):
    weight, features = random_tensor(27, 9, 5), random_tensor(1, 9)
    out = backend.submanifold(sparse_tensor(features, torch.tensor([cell])), weight)
    torch.testing.assert_close(out.features, features @ weight[13], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shift", [(100_000, -160_000, 32), (262_064, -262_064, -16)])
def test_moving_the_cells_by_the_coarsest_cell_changes_nothing(backend, shift):
    cells, features = some_cells(), random_tensor(len(some_cells()), 9)
    moved = small_net(sparse_tensor(features, cells + torch.tensor(shift)), backend)
    torch.testing.assert_close(
        moved, small_net(sparse_tensor(features, cells), backend), rtol=1e-4, atol=1e-3
    )
