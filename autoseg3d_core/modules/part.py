"""What describes a learned part of a network: a frozen dataclass beside the part, which can build it.

A network's shape holds one for each part that is there, and None for a part that is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import nn

from autoseg3d_core.modules.sparse_unet import UNetShape
from autoseg3d_core.sparse.backends import TORCH, Backend


@dataclass(frozen=True)
class Around:
    """What a part has to fit to: the U-Net, the width of queries and tracks, the sparse backend."""

    unet: UNetShape
    query_channels: int
    backend: Backend = TORCH


@runtime_checkable
class PartShape(Protocol):
    """All that is needed to build a part empty; its fields are stored with the weights, as JSON."""

    def build(self, around: Around) -> nn.Module:
        """Return the part, not yet trained."""
        ...
