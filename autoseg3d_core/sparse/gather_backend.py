"""Sparse convolution as one gather and one matrix product per layer: for GPUs, where every launch counts.

The neighbours of a voxel stand in one row, zeros where there is none. So many products are with zeros; a CPU
is faster with a product per kernel element (`torch_backend`).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from autoseg3d_core.sparse.kernel_maps import KernelMap, parent_map, submanifold_map
from autoseg3d_core.sparse.tensor import SparseTensor

MOST_NUMBERS = 1 << 27
"""The rows laid out at once hold so many numbers at most: half a gigabyte in single precision."""


def submanifold(
    tensor: SparseTensor,
    weight: Float[Tensor, "volume inputs outputs"],
    dilation: int = 1,
    at: SparseTensor | None = None,
) -> SparseTensor:
    """Convolve with a centred kernel; the output lies on the tensor's own voxels, or on those of `at`."""
    where = submanifold_map(tensor, weight, dilation, at)
    return (tensor if at is None else at).replaced(multiply_rows(tensor.features, weight, where))


def down(tensor: SparseTensor, weight: Float[Tensor, "8 inputs outputs"]) -> SparseTensor:
    """Convolve with a 2x2x2 kernel and stride 2, onto the coarser cells around the tensor's voxels."""
    children = parent_map(tensor.geometry, tensor.stride).children
    return SparseTensor(multiply_rows(tensor.features, weight, children), 2 * tensor.stride, tensor.geometry)


def up(tensor: SparseTensor, weight: Float[Tensor, "8 inputs outputs"]) -> SparseTensor:
    """Undo a `down`'s stride: each parent is multiplied for all its possible children, which then choose."""
    stride = tensor.stride // 2
    volume, inputs, outputs = weight.shape
    where = parent_map(tensor.geometry, stride)
    products = tensor.features @ weight.transpose(0, 1).reshape(inputs, volume * outputs)
    features = products.view(-1, outputs).index_select(0, where.slot).to(tensor.features.dtype)
    return SparseTensor(features, stride, tensor.geometry)


def multiply_rows(
    features: Float[Tensor, "sources inputs"],
    weight: Float[Tensor, "volume inputs outputs"],
    where: KernelMap,
) -> Float[Tensor, "targets outputs"]:
    """Lay the neighbours of each target out in one row and multiply; in several parts where they are many."""
    volume, inputs, outputs = weight.shape
    padded, matrix = functional.pad(features, (0, 0, 1, 0)), weight.view(volume * inputs, outputs)
    at_once = max(MOST_NUMBERS // (volume * inputs), 1) * volume
    parts = [
        padded.index_select(0, rows).view(-1, volume * inputs) @ matrix
        for rows in where.columns.split(at_once)
    ]
    return (parts[0] if len(parts) == 1 else torch.cat(parts)).to(features.dtype)
