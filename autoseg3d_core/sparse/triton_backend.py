"""Sparse convolution by kernels of our own in Triton, for any GPU that it compiles for.

A layer is one kernel forwards and two backwards; nothing is laid out in memory, and nothing waits for it.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from autoseg3d_core.sparse import gather_backend
from autoseg3d_core.sparse.kernel_maps import KernelMap, parent_map, submanifold_map
from autoseg3d_core.sparse.precision import multiplied
from autoseg3d_core.sparse.tensor import SparseTensor, sparse_tensor
from autoseg3d_core.sparse.triton_kernels import multiply_gradients, multiply_neighbours

TOLERANCE = 0.02
"""How far the kernels may be from plain products, as a share of their size: half precision's rounding."""


def submanifold(
    tensor: SparseTensor,
    weight: Float[Tensor, "volume inputs outputs"],
    dilation: int = 1,
    at: SparseTensor | None = None,
) -> SparseTensor:
    """Convolve with a centred kernel; the output lies on the tensor's own voxels, or on those of `at`."""
    where = submanifold_map(tensor, weight, dilation, at)
    return (tensor if at is None else at).replaced(_convolve(tensor.features, weight, where))


def down(tensor: SparseTensor, weight: Float[Tensor, "8 inputs outputs"]) -> SparseTensor:
    """Convolve with a 2x2x2 kernel and stride 2, onto the coarser cells around the tensor's voxels."""
    children = parent_map(tensor.geometry, tensor.stride).children
    return SparseTensor(_convolve(tensor.features, weight, children), 2 * tensor.stride, tensor.geometry)


def up(tensor: SparseTensor, weight: Float[Tensor, "8 inputs outputs"]) -> SparseTensor:
    """Undo a `down`'s stride: each finer voxel receives from its parent by the kernel element it lies in."""
    stride = tensor.stride // 2
    parents = parent_map(tensor.geometry, stride).children.reversed
    return SparseTensor(_convolve(tensor.features, weight, parents), stride, tensor.geometry)


def check(device: torch.device) -> None:
    """Compile the kernels and compare them with plain products; raises whatever does not work."""
    generator = torch.Generator().manual_seed(0)
    cells = torch.unique(torch.randint(0, 6, (150, 3), generator=generator), dim=0).to(device)
    for kind in (torch.float32, torch.float16) if device.type == "cuda" else (torch.float32,):
        for inputs, outputs in ((20, 36), (32, 64)):  # Triton compiles anew for multiples of 16
            features = torch.randn(len(cells), inputs, generator=generator).to(device, kind)
            weight = torch.randn(27, inputs, outputs, generator=generator).to(device, kind)
            tensor = sparse_tensor(features, cells)
            ours = submanifold(tensor, weight).features.float()
            plain = gather_backend.submanifold(tensor, weight).features.float()
            if not float((ours - plain).norm()) < TOLERANCE * float(plain.norm()):
                raise ArithmeticError("the kernels compile, but do not compute what plain products do")


def _convolve(features: Tensor, weight: Tensor, where: KernelMap) -> Tensor:
    return multiplied(lambda x, w: _Convolution.apply(x, w, where), features, weight)


class _Convolution(torch.autograd.Function):
    """Each row that a target meets, times the matrix of the element it is met by; the same backwards."""

    @staticmethod
    def forward(ctx, features: Tensor, weight: Tensor, where: KernelMap) -> Tensor:  # type: ignore[no-untyped-def, override]
        ctx.save_for_backward(features, weight)
        ctx.where = where
        return multiply_neighbours(features, weight, where.table)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # type: ignore[no-untyped-def, override]
        features, weight = ctx.saved_tensors
        for_features = for_weight = None
        if ctx.needs_input_grad[0]:
            back = weight.transpose(1, 2)
            for_features = multiply_neighbours(gradient, back, ctx.where.reversed.table)
        if ctx.needs_input_grad[1]:
            for_weight = multiply_gradients(features, gradient, ctx.where.table)
        return for_features, for_weight, None
