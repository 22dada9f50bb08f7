"""Multi-head attention of one sample, with a mask or a bias on its logits."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional


class MultiHeadAttention(nn.Module):
    """Queries look at keys and take from values, a share of the channels for each head."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)

    def forward(
        self,
        query: Float[Tensor, "queries channels"],
        key: Float[Tensor, "keys channels"],
        value: Float[Tensor, "keys channels"],
        bias: Float[Tensor, "... queries keys"] | Bool[Tensor, "... queries keys"] | None = None,
    ) -> Float[Tensor, "queries channels"]:
        """Attend; `bias` is added to the logits (per head where it has heads), or is true where to look."""
        q, k, v = (
            self._split(project(rows))
            for project, rows in ((self.query, query), (self.key, key), (self.value, value))
        )
        seen = functional.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=bias)[0]
        return self.out(seen.transpose(0, 1).flatten(1))

    def _split(self, rows: Float[Tensor, "rows channels"]) -> Float[Tensor, "heads rows share"]:
        return rows.unflatten(1, (self.heads, -1)).transpose(0, 1)
