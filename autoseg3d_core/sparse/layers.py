"""Sparse layers: they own their weights in one canonical layout and leave the work to a backend.

A weight is `(kernel volume, inputs, outputs)`, its elements ordered as `kernel_maps` says.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from autoseg3d_core.sparse.backends import TORCH, Backend
from autoseg3d_core.sparse.tensor import SparseTensor


class SubmanifoldConv(nn.Module):
    """Convolution with a centred kernel of odd size; the voxels stay as they are."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, dilation: int = 1, backend: Backend = TORCH
    ) -> None:
        super().__init__()
        self.weight = _weight(kernel**3, inputs, outputs)
        self.dilation = dilation
        self.backend = backend

    def forward(self, tensor: SparseTensor, at: SparseTensor | None = None) -> SparseTensor:
        """Convolve; with `at`, evaluate on that tensor's voxels only."""
        return self.backend.submanifold(tensor, _like(self.weight, tensor), self.dilation, at)


class DownConv(nn.Module):
    """Convolution with a 2x2x2 kernel and stride 2."""

    def __init__(self, inputs: int, outputs: int, backend: Backend = TORCH) -> None:
        super().__init__()
        self.weight = _weight(8, inputs, outputs)
        self.backend = backend

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """Return the tensor at twice the stride."""
        return self.backend.down(tensor, _like(self.weight, tensor))


class UpConv(nn.Module):
    """Inverse of a `DownConv`'s stride: back to exactly the voxels that it left."""

    def __init__(self, inputs: int, outputs: int, backend: Backend = TORCH) -> None:
        super().__init__()
        self.weight = _weight(8, inputs, outputs)
        self.backend = backend

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """Return the tensor at half the stride."""
        return self.backend.up(tensor, _like(self.weight, tensor))


def _weight(volume: int, inputs: int, outputs: int) -> nn.Parameter:
    """Return a new weight, scaled for ReLU by the outputs, as few of the elements meet a voxel."""
    spread = math.sqrt(2.0 / (volume * outputs))
    return nn.Parameter(torch.randn(volume, inputs, outputs) * spread)


def _like(weight: Float[Tensor, "..."], tensor: SparseTensor) -> Float[Tensor, "..."]:
    return weight.to(tensor.features.dtype)
