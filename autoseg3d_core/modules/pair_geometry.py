"""Learned features of a pair from the overlap of its two boxes; shared by merging and association."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ResidualMlp(nn.Module):
    """Two linear layers around a ReLU, added to the input and normalised."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.expand = nn.Linear(channels, channels)
        self.contract = nn.Linear(channels, channels)
        self.norm = nn.LayerNorm(channels)

    def forward(self, rows: Float[Tensor, "rows channels"]) -> Float[Tensor, "rows channels"]:
        """Return the changed rows."""
        return self.norm(rows + self.contract(torch.relu(self.expand(rows))))


class OverlapEmbedding(nn.Module):
    """Turns the overlap of two boxes (intersection over union) into a vector."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(1, channels), ResidualMlp(channels))

    def forward(self, overlap: Float[Tensor, " pairs"]) -> Float[Tensor, "pairs channels"]:
        """Return a vector per pair."""
        return self.layers(overlap[:, None])


def box_rows(boxes: Float[Tensor, "rows 6"]) -> Float[Tensor, "rows 6"]:
    """Return boxes as centre and size, in metres, instead of corners."""
    low, high = boxes[:, :3], boxes[:, 3:]
    return torch.cat([(low + high) / 2, high - low], dim=1)
