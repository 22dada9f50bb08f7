"""Embedding head: turns a decoded query into the unit vector by which an object is recognised."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from autoseg3d_core.modules.blocks import Norm
from autoseg3d_core.modules.part import Around

NORMS = {"layer": nn.LayerNorm, "batch": Norm}


@dataclass(frozen=True)
class EmbeddingShape:
    """A network with an embedding head; `norm` is that between its layers, "layer" or "batch"."""

    norm: str = "layer"

    def build(self, around: Around) -> EmbeddingHead:
        """Return the head."""
        return EmbeddingHead(around.query_channels, 2 * around.query_channels, self.norm)


class EmbeddingHead(nn.Module):
    """Two linear layers with norms, then unit length; `norm` is "layer" or "batch"."""

    def __init__(self, channels: int = 256, hidden: int = 512, norm: str = "layer") -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(channels, hidden),
            NORMS[norm](hidden),
            nn.ReLU(),
            nn.Linear(hidden, channels),
            NORMS[norm](channels),
        )

    def forward(self, queries: Float[Tensor, "queries channels"]) -> Float[Tensor, "queries channels"]:
        """Return a unit vector per query."""
        return functional.normalize(self.layers(queries), dim=1)
