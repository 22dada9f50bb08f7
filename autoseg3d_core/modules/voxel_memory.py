"""Voxel memory: lets a frame's sparse features see what earlier frames left around the camera.

At each stride, features of all frames are kept as a voxelwise maximum. A frame's features are joined
with those remembered in its surroundings, seen through two convolutions and as a mean, and corrected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from autoseg3d_core.geometry.groups import group_mean
from autoseg3d_core.modules.blocks import ConvNormRelu, Norm
from autoseg3d_core.modules.part import Around
from autoseg3d_core.modules.voxel_store import VoxelRows, VoxelStore
from autoseg3d_core.sparse.backends import TORCH, Backend
from autoseg3d_core.sparse.keys import BATCH_BEGIN
from autoseg3d_core.sparse.layers import SubmanifoldConv
from autoseg3d_core.sparse.tensor import SparseTensor, tensor_of_keys

SURROUNDINGS = 0.75
"""The remembered box reaches this many times the frame's extent beyond it, on each side of each axis."""


@dataclass(frozen=True, eq=False)
class VoxelMemory:
    """What a network remembers of one scene, a store per remembered stride, finest first."""

    stores: tuple[VoxelStore, ...]


@dataclass(frozen=True)
class VoxelMemoryShape:
    """A network with a voxel memory at each of its U-Net's remembered strides."""

    def build(self, around: Around) -> VoxelMemoryAdapter:
        """Return the adapter, the identity when new."""
        return VoxelMemoryAdapter(around.unet.remembered_channels, around.backend)


class VoxelMemoryAdapter(nn.Module):
    """Adapts the features of each stride to what is remembered, and remembers them."""

    def __init__(self, channels: Sequence[int], backend: Backend = TORCH) -> None:
        super().__init__()
        self.levels = nn.ModuleList(LevelAdapter(width, backend) for width in channels)

    def new_memory(self, max_voxels: int = 200_000) -> VoxelMemory:
        """Return a memory that has seen nothing; the cap is that of the first level, halved with each.

        As channels double with each level, all levels then take the same number of bytes at most.
        """
        adapters = [cast(LevelAdapter, adapter) for adapter in self.levels]
        stores = (adapter.new_store(max(max_voxels >> level, 1)) for level, adapter in enumerate(adapters))
        return VoxelMemory(tuple(stores))

    def forward(
        self, levels: Sequence[SparseTensor], memories: Sequence[VoxelMemory]
    ) -> tuple[list[SparseTensor], list[VoxelMemory]]:
        """Return the adapted features and the next memories, given one memory per frame of the batch.

        Where there are more levels than adapters, the finest ones pass as they are.
        """
        passed = len(levels) - len(self.levels)
        adapted, stores = list(levels[:passed]), []
        for index, (adapter, tensor) in enumerate(zip(self.levels, levels[passed:], strict=True)):
            out, level_stores = adapter(tensor, [memory.stores[index] for memory in memories])
            adapted.append(out)
            stores.append(level_stores)
        return adapted, [VoxelMemory(tuple(column)) for column in zip(*stores, strict=True)]


class LevelAdapter(nn.Module):
    """The adapter of one stride: `relu(x + norm(mix [near, far, mean]))`, the identity when new."""

    def __init__(self, channels: int, backend: Backend = TORCH) -> None:
        super().__init__()
        near = SubmanifoldConv(channels, channels, backend=backend)
        far = SubmanifoldConv(channels, channels, dilation=3, backend=backend)
        self.near = ConvNormRelu(near, channels, momentum=0.1)
        self.far = ConvNormRelu(far, channels, momentum=0.1)
        self.mix = nn.Linear(3 * channels, channels, bias=False)
        self.norm = Norm(channels)
        nn.init.zeros_(self.norm.weight)  # kernels of zero, as published, would never get a gradient

    def new_store(self, max_voxels: int) -> VoxelStore:
        """Return a store of this stride that remembers nothing."""
        nothing = VoxelRows.empty(self.mix.out_features, self.mix.weight.detach())
        return VoxelStore(max_voxels, nothing=nothing)

    def forward(
        self, tensor: SparseTensor, stores: Sequence[VoxelStore]
    ) -> tuple[SparseTensor, list[VoxelStore]]:
        """Return the adapted tensor and the next stores, one per frame of the batch."""
        frames = _frames(tensor)
        before = [
            store if store.is_empty else store.accumulated(frame)
            for store, frame in zip(stores, frames, strict=True)
        ]
        around = _around(tensor, frames, before)
        adapted = self._adapt(tensor, around)
        # The first frame is remembered as adapted, later ones as they came: the weights expect it so.
        after = [
            store.accumulated(VoxelRows(frame.keys, out.features)) if store.is_empty else store
            for store, frame, out in zip(before, frames, _frames(adapted), strict=True)
        ]
        return adapted, after

    def _adapt(self, tensor: SparseTensor, around: SparseTensor) -> SparseTensor:
        batch = tensor.geometry.batch_size
        features = around.features
        exact = (
            features.float() if features.dtype == torch.float16 else features
        )  # a sum may pass half's range
        mean = group_mean(exact, around.level.batch, batch).to(features.dtype)
        near, far = self.near(around, tensor), self.far(around, tensor)
        seen = torch.cat([near.features, far.features, mean[tensor.level.batch]], dim=1)
        return tensor.replaced(functional.relu(tensor.features + self.norm(self.mix(seen))))


def _frames(tensor: SparseTensor) -> list[VoxelRows]:
    """Return the rows of each frame of a batch."""
    keys, batch = tensor.level.keys, tensor.geometry.batch_size
    if batch == 1:
        return [VoxelRows(keys, tensor.features)]
    sizes = torch.bincount(tensor.level.batch, minlength=batch).tolist()
    parts = zip(keys.split(sizes), tensor.features.split(sizes), strict=True)
    return [VoxelRows(k - (i << BATCH_BEGIN), f) for i, (k, f) in enumerate(parts)]


def _around(tensor: SparseTensor, frames: list[VoxelRows], stores: list[VoxelStore]) -> SparseTensor:
    """Return the remembered voxels in each frame's surroundings, or the frame itself when it is the first."""
    rows = [
        frame if store.is_empty or len(frame) == 0 else store.within(*_surroundings(frame))
        for frame, store in zip(frames, stores, strict=True)
    ]
    return tensor_of_keys([r.features for r in rows], [r.keys for r in rows], tensor.stride)


def _surroundings(frame: VoxelRows) -> tuple[Float[Tensor, " 3"], Float[Tensor, " 3"]]:
    """Return the lowest and highest cell of the frame's box, enlarged."""
    cells = frame.cells
    low, high = cells.amin(dim=0), cells.amax(dim=0)
    margin = SURROUNDINGS * (high - low).double()
    return low - margin, high + margin
