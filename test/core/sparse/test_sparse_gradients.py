"""Gradients of the backends in plain PyTorch: against finite differences and against dense convolution."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.nn import functional

from autoseg3d_core.sparse.backends import Backend, backend_of
from autoseg3d_core.sparse.tensor import SparseTensor, sparse_tensor


@pytest.fixture(params=["torch", "gather"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return backend_of(request.param)


def cells_and_features(channels: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    cells = torch.unique(torch.randint(-3, 3, (14, 3), generator=generator), dim=0)
    features = torch.randn(len(cells), channels, generator=generator, dtype=torch.float64)
    return cells, features.requires_grad_()


@pytest.mark.parametrize("channels", [2, 9])
@pytest.mark.parametrize("kind", ["submanifold", "dilated", "down", "up"])
def test_gradients_are_those_of_finite_differences(backend, channels, kind):
    cells, features = cells_and_features(channels)
    volume = 27 if kind in ("submanifold", "dilated") else 8
    weight = torch.randn(volume, channels, 2, dtype=torch.float64, requires_grad=True)
    geometry = sparse_tensor(features.detach(), cells).geometry

    def output(features: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        x = SparseTensor(features, 1, geometry)
        if kind == "submanifold":
            return backend.submanifold(x, weight).features
        if kind == "dilated":
            return backend.submanifold(x, weight, 3).features
        if kind == "down":
            return backend.down(x, weight).features
        coarse = SparseTensor(features[: len(geometry.level(2))], 2, geometry)
        return backend.up(coarse, weight).features

    assert torch.autograd.gradcheck(output, (features, weight))


@pytest.mark.parametrize("channels", [3, 9])
def test_gradients_on_a_full_grid_are_those_of_conv3d(backend, channels):
    cells = torch.tensor(list(itertools.product(range(4), repeat=3)))
    features = torch.randn(64, channels, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(27, channels, 5, dtype=torch.float64, requires_grad=True)
    towards = torch.randn(64, 5, dtype=torch.float64)
    sparse = backend.submanifold(sparse_tensor(features, cells), weight).features
    volume = features.T.reshape(1, channels, 4, 4, 4)
    dense = functional.conv3d(volume, weight.view(3, 3, 3, channels, 5).permute(4, 3, 2, 1, 0), padding=1)
    ours = torch.autograd.grad((sparse * towards).sum(), (features, weight))
    theirs = torch.autograd.grad((dense[0].reshape(5, 64).T * towards).sum(), (features, weight))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_an_empty_frame_gives_weights_a_gradient_of_zero(backend):
    weight = torch.randn(27, 9, 5, requires_grad=True)
    x = sparse_tensor(torch.zeros(0, 9), torch.zeros(0, 3, dtype=torch.int64))
    backend.submanifold(x, weight).features.sum().backward()
    assert (weight.grad == 0).all()


@pytest.mark.parametrize("channels", [3, 16])
def test_under_autocast_results_and_gradients_are_those_of_single_precision_but_for_rounding(
    backend, channels
):
    cells, features = cells_and_features(channels)
    features = features.detach().float().requires_grad_()
    weight = torch.randn(27, channels, 8, requires_grad=True)
    found = []
    for half in (False, True):
        features.grad = weight.grad = None
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            out = backend.submanifold(sparse_tensor(features, cells), weight).features
        out.float().square().sum().backward()
        found.append((out.detach().float(), features.grad, weight.grad))
        assert features.grad.dtype == weight.grad.dtype == torch.float32
    for exact, rounded in zip(*found, strict=True):
        assert float((exact - rounded).norm() / exact.norm()) < 0.02
    assert not torch.equal(*(part[0] for part in found))
