"""The Triton kernels: in Triton's interpreter against dense convolution, and compiled for GPUs."""

from __future__ import annotations

import importlib
import itertools
import os
import subprocess
import sys

import pytest
import torch
from torch.nn import functional

from autoseg3d_core.sparse.backends import Backend, backend_of
from autoseg3d_core.sparse.tensor import SparseTensor, sparse_tensor

pytest.importorskip(
    "triton", reason="triton is not installed: its kernels cannot be run (pip install triton)"
)
pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="test_sparse_on_a_gpu runs them for real")


@pytest.fixture(scope="module")
def triton() -> Backend:
    return backend_of("triton")


def with_gradients(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator).to(dtype).requires_grad_()


def gradients(output: torch.Tensor, *inputs: torch.Tensor) -> list[torch.Tensor]:
    towards = torch.randn(output.shape, generator=torch.Generator().manual_seed(9)).to(output.dtype)
    return [output, *torch.autograd.grad((output * towards).sum(), inputs)]


def full_grid(side: int) -> torch.Tensor:
    return torch.tensor(list(itertools.product(range(side), repeat=3))) - side // 2


def assert_all_close(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("inputs", "outputs"), [(7, 5), (16, 32), (33, 41)])
def test_on_a_full_grid_results_and_gradients_are_those_of_conv3d(triton, inputs, outputs):
    features, weight = with_gradients(64, inputs, seed=0), with_gradients(27, inputs, outputs, seed=1)
    out = triton.submanifold(sparse_tensor(features, full_grid(4)), weight).features
    volume = features.T.reshape(1, inputs, 4, 4, 4)
    kernel = weight.view(3, 3, 3, inputs, outputs).permute(4, 3, 2, 1, 0)
    dense = functional.conv3d(volume, kernel, padding=1)[0].reshape(outputs, 64).T
    assert_all_close(gradients(out, features, weight), gradients(dense, features, weight))


@pytest.mark.parametrize(("inputs", "outputs"), [(7, 5), (33, 41)])
def test_going_down_a_full_grid_is_conv3d_with_stride_two(triton, inputs, outputs):
    features, weight = with_gradients(64, inputs, seed=0), with_gradients(8, inputs, outputs, seed=1)
    out = triton.down(sparse_tensor(features, full_grid(4)), weight).features
    kernel = weight.view(2, 2, 2, inputs, outputs).permute(4, 3, 2, 1, 0)
    dense = functional.conv3d(features.T.reshape(1, inputs, 4, 4, 4), kernel, stride=2)
    assert_all_close(
        gradients(out, features, weight), gradients(dense[0].reshape(outputs, 8).T, features, weight)
    )


@pytest.mark.parametrize(("inputs", "outputs"), [(7, 5), (33, 41)])
def test_going_up_a_full_grid_is_conv3d_transposed(triton, inputs, outputs):
    features, weight = with_gradients(8, inputs, seed=0), with_gradients(8, inputs, outputs, seed=1)
    geometry = sparse_tensor(torch.zeros(64, 1), full_grid(4)).geometry
    out = triton.up(SparseTensor(features, 2, geometry), weight).features
    kernel = weight.view(2, 2, 2, inputs, outputs).permute(3, 4, 2, 1, 0)
    dense = functional.conv_transpose3d(features.T.reshape(1, inputs, 2, 2, 2), kernel, stride=2)
    assert_all_close(
        gradients(out, features, weight), gradients(dense[0].reshape(outputs, 64).T, features, weight)
    )


@pytest.mark.parametrize("cells", [torch.zeros(0, 3, dtype=torch.int64), torch.tensor([[-5, 7, 90]])])
def test_no_voxel_and_one_voxel_go_down_and_up_like_in_plain_torch(triton, cells):
    features, weight = with_gradients(len(cells), 9, seed=0), with_gradients(8, 9, 9, seed=1)
    wide = with_gradients(27, 9, 5, seed=2)

    def run(backend: Backend) -> torch.Tensor:
        tensor = sparse_tensor(features, cells)
        return backend.submanifold(backend.up(backend.down(tensor, weight), weight), wide).features

    ours, theirs = (gradients(run(b), features, weight, wide) for b in (triton, backend_of("torch")))
    assert_all_close(ours, theirs)


def test_gradients_at_some_voxels_are_those_of_plain_torch(triton):
    cells = torch.unique(torch.randint(-3, 3, (60, 3), generator=torch.Generator().manual_seed(0)), dim=0)
    features, weight = with_gradients(len(cells), 9, seed=0), with_gradients(27, 9, 5, seed=1)
    some = sparse_tensor(torch.zeros(len(cells[::3]), 1), cells[::3])
    found = []
    for backend in (triton, backend_of("torch")):
        out = backend.submanifold(sparse_tensor(features, cells), weight, 3, some).features
        found.append(gradients(out, features, weight))
    assert_all_close(*found)


def test_half_precision_adds_up_in_single(triton):
    """Of 1080 tenths added up in half precision, some would be lost on the way."""
    features = torch.ones(64, 40, dtype=torch.float16)
    weight = torch.full((27, 40, 3), 0.1, dtype=torch.float16)
    out = triton.submanifold(sparse_tensor(features, full_grid(4)), weight).features
    exact = features.new_tensor(27 * 40 * float(weight[0, 0, 0]))
    assert out.dtype == torch.float16
    assert out.max() == exact


def test_under_autocast_results_and_gradients_come_back_in_single_precision(triton):
    features, weight = with_gradients(64, 16, seed=0), with_gradients(27, 16, 8, seed=1)
    with torch.autocast("cpu", torch.float16):
        out = triton.submanifold(sparse_tensor(features, full_grid(4)), weight).features
    exact = backend_of("torch").submanifold(sparse_tensor(features, full_grid(4)), weight).features
    for a, b in zip(gradients(out, features, weight), gradients(exact, features, weight), strict=True):
        assert a.dtype == torch.float32
        assert float((a - b).detach().norm() / b.detach().norm()) < 0.02


def test_the_check_passes_and_finds_kernels_that_compute_something_else(triton, monkeypatch):
    triton_backend = importlib.import_module("autoseg3d_core.sparse.triton_backend")
    triton_backend.check(torch.device("cpu"))
    original = triton_backend.multiply_neighbours
    monkeypatch.setattr(triton_backend, "multiply_neighbours", lambda *given: 1.1 * original(*given))
    with pytest.raises(ArithmeticError, match="do not compute"):
        triton_backend.check(torch.device("cpu"))


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from autoseg3d_core.sparse import triton_kernels as kernels
blocks = {"volume": 27, "rows": kernels.ROWS, "columns": kernels.COLUMNS, "channels": kernels.CHANNELS}
numbers = ("targets", "inputs", "outputs")
for kernel in (kernels._multiply_neighbours, kernels._multiply_gradients):
    fixed = {name: blocks[name] for name in kernel.arg_names if name in blocks}
    kinds = {name: "i32" if name in numbers else "*fp16" for name in kernel.arg_names} | {"table": "*i32"}
    source = ASTSource(kernel, {**kinds, **dict.fromkeys(fixed, "constexpr")}, constexprs=fixed)
    assert triton.compile(source, target=GPUTarget("cuda", 87, 32)).asm["cubin"]
"""


def test_the_kernels_compile_for_a_gpu_without_one(tmp_path):
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
