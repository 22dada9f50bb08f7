"""Blocks of the sparse U-Net: normalisation, convolution with ReLU, and the residual block."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from autoseg3d_core.sparse.backends import TORCH, Backend
from autoseg3d_core.sparse.layers import SubmanifoldConv
from autoseg3d_core.sparse.tensor import SparseTensor

BLOCK_MOMENTUM = 0.1
OUTER_MOMENTUM = 0.02
"""Batch norms between the blocks average more slowly than those inside, as in the published network."""


class Norm(nn.BatchNorm1d):
    """Batch normalisation of rows that does not fail on a level with fewer than two voxels."""

    def forward(self, input: Float[Tensor, "rows channels"]) -> Float[Tensor, "rows channels"]:
        """Normalise; one row alone uses the running statistics, as it has none of its own."""
        if self.training and len(input) > 1:
            return super().forward(input)
        return functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
        )


class ConvNormRelu(nn.Module):
    """A sparse convolution, batch norm and ReLU."""

    def __init__(
        self, conv: Callable[..., SparseTensor], channels: int, momentum: float = OUTER_MOMENTUM
    ) -> None:
        super().__init__()
        self.conv = conv
        self.norm = Norm(channels, momentum=momentum)

    def forward(self, tensor: SparseTensor, at: SparseTensor | None = None) -> SparseTensor:
        """Return the activated tensor, on the voxels of `at` where given."""
        out = self.conv(tensor) if at is None else self.conv(tensor, at)
        return out.replaced(functional.relu_(self.norm(out.features)))


class PointwiseNormRelu(nn.Module):
    """A 1x1 convolution, batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.norm = Norm(outputs, momentum=OUTER_MOMENTUM)

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """Return the activated tensor."""
        return tensor.replaced(functional.relu_(self.norm(self.linear(tensor.features))))


class Shortcut(nn.Module):
    """The way past a residual block whose width changes: 1x1 convolution and batch norm."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.norm = Norm(outputs, momentum=OUTER_MOMENTUM)

    def forward(self, features: Float[Tensor, "rows inputs"]) -> Float[Tensor, "rows outputs"]:
        """Return the features in the new width."""
        return self.norm(self.linear(features))


class ResidualBlock(nn.Module):
    """Two 3x3x3 convolutions with batch norm around a shortcut."""

    def __init__(self, inputs: int, outputs: int, backend: Backend = TORCH) -> None:
        super().__init__()
        self.first = ConvNormRelu(SubmanifoldConv(inputs, outputs, backend=backend), outputs, BLOCK_MOMENTUM)
        self.second = SubmanifoldConv(outputs, outputs, backend=backend)
        self.norm = Norm(outputs, momentum=BLOCK_MOMENTUM)
        self.shortcut = Shortcut(inputs, outputs) if inputs != outputs else nn.Identity()

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """Return the tensor with the residual added and activated."""
        inner = self.second(self.first(tensor))
        total = self.norm(inner.features) + self.shortcut(tensor.features)
        return inner.replaced(functional.relu_(total))
