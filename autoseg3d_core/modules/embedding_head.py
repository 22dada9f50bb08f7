"""Embedding head: turns a decoded query into the unit vector by which an object is recognised."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from autoseg3d_core.modules.blocks import Norm

NORMS = {"layer": nn.LayerNorm, "batch": Norm}


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
