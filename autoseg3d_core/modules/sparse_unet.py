"""The sparse U-Net: colours per voxel in, features per voxel out; the only part that sees a batch.

A network is a `UNetShape`. `RES16UNET34C` is the published one (MinkUNet34C's widths, a block stage per
stride); `EDGE` is for CPUs and Jetsons: nothing but 1x1 layers at input resolution, where a layer costs most,
and few channels until the voxels are few. It costs a twelfth of the published one on two cores.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from autoseg3d_core.modules.blocks import ConvNormRelu, PointwiseNormRelu, ResidualBlock
from autoseg3d_core.sparse.backends import TORCH, Backend
from autoseg3d_core.sparse.layers import DownConv, SubmanifoldConv, UpConv
from autoseg3d_core.sparse.tensor import SparseTensor


@dataclass(frozen=True)
class Stage:
    """Width of a stage and how many residual blocks it has."""

    channels: int
    blocks: int


@dataclass(frozen=True)
class UNetShape:
    """Stem, the stages on the way down (strides 2, 4, ...) and those on the way back up.

    A voxel memory, where there is one, remembers the `remembered` coarsest stages on the way down.
    """

    stem_channels: int
    stem_kernel: int
    down: tuple[Stage, ...]
    up: tuple[Stage, ...]
    remembered: int = 4

    @property
    def channels(self) -> int:
        """The width of the output."""
        return self.up[-1].channels

    @property
    def remembered_channels(self) -> tuple[int, ...]:
        """The widths of the stages that a voxel memory remembers, finest first."""
        return tuple(stage.channels for stage in self.down[-self.remembered :])


RES16UNET34C = UNetShape(
    stem_channels=32,
    stem_kernel=5,
    down=(Stage(32, 2), Stage(64, 3), Stage(128, 4), Stage(256, 6)),
    up=(Stage(256, 2), Stage(128, 2), Stage(96, 2), Stage(96, 2)),
)
EDGE = UNetShape(
    stem_channels=16,
    stem_kernel=1,
    down=(Stage(24, 1), Stage(48, 1), Stage(64, 1), Stage(96, 1)),
    up=(Stage(64, 1), Stage(48, 1), Stage(32, 0), Stage(48, 0)),
    remembered=3,
)
SHAPES = {"res16unet34c": RES16UNET34C, "edge": EDGE}


class SparseUNet(nn.Module):
    """A U-Net over voxels; call it whole, or stem, encode and decode to work on what lies between."""

    def __init__(self, shape: UNetShape, inputs: int = 3, backend: Backend = TORCH) -> None:
        super().__init__()
        self.shape = shape
        self.stem = _stem(shape, inputs, backend)
        self.downs, self.encoders = nn.ModuleList(), nn.ModuleList()
        width, widths = shape.stem_channels, [shape.stem_channels]
        for stage in shape.down:
            self.downs.append(ConvNormRelu(DownConv(width, width, backend), width))
            self.encoders.append(_stage(width, stage, backend))
            width = stage.channels
            widths.append(width)
        self.ups, self.decoders = nn.ModuleList(), nn.ModuleList()
        for stage, skip in zip(shape.up, reversed(widths[:-1]), strict=True):
            self.ups.append(ConvNormRelu(UpConv(width, stage.channels, backend), stage.channels))
            self.decoders.append(_stage(stage.channels + skip, stage, backend))
            width = stage.channels

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """Return features on the same voxels."""
        stem = self.stem(tensor)
        return self.decode(stem, self.encode(stem))

    def encode(self, stem: SparseTensor) -> list[SparseTensor]:
        """Return the features at strides 2, 4, ... of what the stem made."""
        levels, here = [], stem
        for down, encoder in zip(self.downs, self.encoders, strict=True):
            here = encoder(down(here))
            levels.append(here)
        return levels

    def decode(self, stem: SparseTensor, levels: list[SparseTensor]) -> SparseTensor:
        """Return features on the stem's voxels from those at all strides."""
        *skips, here = [stem, *levels]
        for up, decoder in zip(self.ups, self.decoders, strict=True):
            raised = up(here)
            here = decoder(raised.replaced(torch.cat([raised.features, skips.pop().features], dim=1)))
        return here


def _stem(shape: UNetShape, inputs: int, backend: Backend) -> nn.Module:
    if shape.stem_kernel == 1:
        return PointwiseNormRelu(inputs, shape.stem_channels)
    conv = SubmanifoldConv(inputs, shape.stem_channels, shape.stem_kernel, backend=backend)
    return ConvNormRelu(conv, shape.stem_channels)


def _stage(inputs: int, stage: Stage, backend: Backend) -> nn.Module:
    if stage.blocks == 0:
        return PointwiseNormRelu(inputs, stage.channels)
    widths = [inputs] + [stage.channels] * (stage.blocks - 1)
    return nn.Sequential(*(ResidualBlock(width, stage.channels, backend) for width in widths))
