"""Every backend on a GPU against the PyTorch backend on the CPU: forwards, backwards, in half precision."""

from __future__ import annotations

import pytest
import torch

from autoseg3d_core.sparse.backends import Backend, backend_of, spconv_is_for_gpus
from autoseg3d_core.sparse.layers import DownConv, SubmanifoldConv, UpConv
from autoseg3d_core.sparse.tensor import sparse_tensor

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture(params=["torch", "gather", "triton", "spconv"])
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "spconv" and not spconv_is_for_gpus():
        pytest.skip("no GPU build of spconv is installed")
    if request.param == "triton":
        pytest.importorskip("triton", reason="triton is not installed: its kernels cannot be run")
    return backend_of(request.param)


def one_of_each(backend: Backend) -> torch.nn.ModuleList:
    """One layer of each kind; weights depend on nothing but the seed."""
    torch.manual_seed(0)
    return torch.nn.ModuleList(
        [
            SubmanifoldConv(16, 16, backend=backend),
            DownConv(16, 32, backend),
            SubmanifoldConv(32, 32, 5, backend=backend),
            UpConv(32, 16, backend),
            SubmanifoldConv(16, 8, 3, 3, backend),
        ]
    )


def results(backend: Backend, device: str, dtype: torch.dtype) -> list[torch.Tensor]:
    """What comes out, and the gradients of the input and of every weight."""
    generator = torch.Generator().manual_seed(1)
    cells = torch.unique(torch.randint(-9, 9, (900, 3), generator=generator), dim=0)
    features = torch.randn(len(cells), 16, generator=generator).to(device, dtype).requires_grad_()
    layers = one_of_each(backend).to(device)
    tensor = sparse_tensor(features, cells.to(device))
    for layer in layers:
        tensor = layer(tensor)
    tensor.features.float().square().mean().backward()
    found = [tensor.features, features.grad, *(layer.weight.grad for layer in layers)]
    return [value.detach().float().cpu() for value in found]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-2), (torch.float16, 3e-2)])
def test_results_and_gradients_are_those_of_the_cpu(backend, dtype, tolerance):
    expected = results(backend_of("torch"), "cpu", torch.float32)
    for ours, theirs in zip(results(backend, "cuda", dtype), expected, strict=True):
        assert float((ours - theirs).norm() / theirs.norm()) < tolerance
