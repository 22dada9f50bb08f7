"""Sparse convolution in plain PyTorch, a product per kernel element: the fastest on a CPU.

Gather the source rows of all pairs, multiply the pairs of each kernel element by its matrix, and add
up the products of each target row. A loop runs over kernel elements, never over voxels.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from autoseg3d_core.sparse.gather_backend import multiply_rows
from autoseg3d_core.sparse.kernel_maps import Grouping, Pairs, parent_map, submanifold_map
from autoseg3d_core.sparse.precision import multiplied
from autoseg3d_core.sparse.scratch import scratch
from autoseg3d_core.sparse.tensor import SparseTensor

FEW_CHANNELS = 8
"""Up to this many input channels one dense product over all kernel elements beats a product for each."""


def submanifold(
    tensor: SparseTensor,
    weight: Float[Tensor, "volume inputs outputs"],
    dilation: int = 1,
    at: SparseTensor | None = None,
) -> SparseTensor:
    """Convolve with a centred kernel; the output lies on the tensor's own voxels, or on those of `at`."""
    onto, where = tensor if at is None else at, submanifold_map(tensor, weight, dilation, at)
    if tensor.features.shape[1] <= FEW_CHANNELS:
        return onto.replaced(multiply_rows(tensor.features, weight, where))
    return onto.replaced(_convolve(tensor.features, weight, where.pairs))


def down(tensor: SparseTensor, weight: Float[Tensor, "8 inputs outputs"]) -> SparseTensor:
    """Convolve with a 2x2x2 kernel and stride 2, onto the coarser cells around the tensor's voxels."""
    pairs = parent_map(tensor.geometry, tensor.stride).children.pairs
    return SparseTensor(_convolve(tensor.features, weight, pairs), 2 * tensor.stride, tensor.geometry)


def up(tensor: SparseTensor, weight: Float[Tensor, "8 inputs outputs"]) -> SparseTensor:
    """Undo a `down`'s stride: each finer voxel receives from its parent by the kernel element it lies in."""
    stride = tensor.stride // 2
    pairs = parent_map(tensor.geometry, stride).children.pairs.reversed
    return SparseTensor(_convolve(tensor.features, weight, pairs), stride, tensor.geometry)


def _convolve(features: Tensor, weight: Tensor, pairs: Pairs) -> Tensor:
    return multiplied(lambda x, w: _PairedProducts.apply(x, w, pairs), features, weight)


class _PairedProducts(torch.autograd.Function):
    """Gather, multiply per kernel element, add up per target row; the same backwards."""

    @staticmethod
    def forward(ctx, features: Tensor, weight: Tensor, pairs: Pairs) -> Tensor:  # type: ignore[no-untyped-def, override]
        ctx.save_for_backward(features, weight)
        ctx.pairs = pairs
        gathered = _gather(features, pairs.source, "gathered")
        return _add_up(_multiply(gathered, weight, pairs), pairs.by_target)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # type: ignore[no-untyped-def, override]
        features, weight = ctx.saved_tensors
        pairs = ctx.pairs
        gathered = _gather(gradient, pairs.target, "gathered gradient")
        for_features = for_weight = None
        if ctx.needs_input_grad[0]:
            for_features = _add_up(_multiply(gathered, weight.transpose(1, 2), pairs), pairs.by_source)
        if ctx.needs_input_grad[1]:
            for_weight = torch.zeros_like(weight)
            inputs = _gather(features, pairs.source, "gathered")
            for k, rows in pairs.parts:
                torch.mm(inputs[rows].T, gathered[rows], out=for_weight[k])
        return for_features, for_weight, None


def _gather(features: Tensor, rows: Tensor, purpose: str) -> Tensor:
    out = scratch(purpose, len(rows), features.shape[1], features)
    return torch.index_select(features, 0, rows, out=out)


def _multiply(gathered: Tensor, weight: Tensor, pairs: Pairs) -> Tensor:
    products = scratch("products", len(gathered), weight.shape[2], gathered)
    for k, rows in pairs.parts:
        torch.mm(gathered[rows], weight[k], out=products[rows])
    return products


def _add_up(products: Tensor, rows: Grouping) -> Tensor:
    if len(products) == 0:
        return products.new_zeros(len(rows.starts), products.shape[1])
    return functional.embedding_bag(rows.order, products, rows.starts, mode="sum")
