"""What both decoders are made of: a layer of cross-attention and self-attention, and masks over points."""

from __future__ import annotations

from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from autoseg3d_core.modules.attention import MultiHeadAttention
from autoseg3d_core.modules.linear_layers import FeedForward


class DecoderLayer(nn.Module):
    """Look at the keys, then at the other queries, then think."""

    def __init__(self, channels: int, heads: int, feedforward: int) -> None:
        super().__init__()
        self.cross = MultiHeadAttention(channels, heads)
        self.cross_norm = nn.LayerNorm(channels)
        self.among = MultiHeadAttention(channels, heads)
        self.among_norm = nn.LayerNorm(channels)
        self.feedforward = FeedForward(channels, feedforward)

    def forward(
        self,
        queries: Float[Tensor, "queries channels"],
        keys: Float[Tensor, "keys channels"],
        visible: Bool[Tensor, "queries keys"] | None = None,
        gate: Float[Tensor, "queries queries"] | None = None,
        among: bool = True,
    ) -> Float[Tensor, "queries channels"]:
        """Return the next queries.

        Each looks at the keys that are `visible` to it (all, if None), and at the others the more the higher
        the `gate` is, which is added to the logits. Without `among` they do not see one another.
        """
        queries = self.cross_norm(queries + self.cross(queries, keys, keys, visible))
        if among:
            queries = self.among_norm(queries + self.among(queries, queries, queries, gate))
        return self.feedforward(queries)


def point_logits(
    mask_layers: nn.Sequential,
    queries: Float[Tensor, "queries channels"],
    hidden: Float[Tensor, "points channels"],
) -> Float[Tensor, "queries points"]:
    """Return the product of queries and point mask features, whose last linear layer is yet to come.

    As queries are few and points many, that layer is applied to the queries instead.
    """
    last = cast(nn.Linear, mask_layers[2])
    return torch.addmm((queries @ last.bias)[:, None], queries @ last.weight, hidden.T)
