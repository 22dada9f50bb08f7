"""Recent queries: the fragments of a frame look at those of the frame before (AutoSeg3D's short-term memory).

Attention in which distance counts against a pair: logits are lowered by the distance between the two centres
times a scale that each fragment chooses for itself, one per head (AutoSeg3D, section on short-term memory).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from autoseg3d_core.modules.attention import MultiHeadAttention
from autoseg3d_core.modules.part import Around
from autoseg3d_core.structures import Rows

LARGEST_SCALE = 10.0
"""Per metre; a scale never falls below 0, where distance would speak for a pair."""


@dataclass(frozen=True, eq=False)
class Recent(Rows):
    """The fragments of the frame before: their vectors and their centres in the scene frame."""

    features: Float[Tensor, "fragments channels"]
    centers: Float[Tensor, "fragments 3"]


class DistanceScale(nn.Module):
    """How much distance matters to a row, for each head; at first between 0 and 2 per metre."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, heads)
        nn.init.zeros_(self.linear.weight)
        nn.init.uniform_(self.linear.bias, 0.0, 2.0)

    def forward(
        self,
        rows: Float[Tensor, "rows channels"],
        centers: Float[Tensor, "rows 3"],
        others: Float[Tensor, "others 3"],
    ) -> Float[Tensor, "heads rows others"]:
        """Return what to add to the logits of rows looking at others."""
        scale = self.linear(rows).clamp(0.0, LARGEST_SCALE)  # (rows, heads)
        return -scale.T[:, :, None] * distances(centers, others)[None]


class SharedScale(nn.Module):
    """How much distance matters, alike for every row and head; learned, and 1 per metre at first."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.ones(()))

    def forward(
        self,
        rows: Float[Tensor, "rows channels"],
        centers: Float[Tensor, "rows 3"],
        others: Float[Tensor, "others 3"],
    ) -> Float[Tensor, "rows others"]:
        """Return what to add to the logits of rows looking at others."""
        return -self.value.clamp(0.0, LARGEST_SCALE) * distances(centers, others)


SCALES: dict[str, type[nn.Module] | None] = {"query": DistanceScale, "shared": SharedScale, "none": None}
"""How distance counts: by a scale that each fragment chooses, by one for all, or not at all."""


@dataclass(frozen=True)
class RecentShape:
    """A network with recent queries; `scale` is how distances are scaled (a name of `SCALES`)."""

    scale: str = "query"

    def build(self, around: Around) -> RecentQueries:
        """Return the recent queries, the identity when new."""
        return RecentQueries(around.unet.channels, scale=self.scale)


class RecentQueries(nn.Module):
    """Adds to each fragment what it finds among those of the frame before; the identity when new."""

    def __init__(self, channels: int, heads: int = 8, scale: str = "query") -> None:
        super().__init__()
        kind = SCALES[scale]
        self.scale = kind(channels, heads) if kind else None
        self.attention = MultiHeadAttention(channels, heads)
        nn.init.zeros_(self.attention.out.weight)
        nn.init.zeros_(self.attention.out.bias)

    def none_yet(self) -> Recent:
        """Return the fragments of a frame without any."""
        weight = self.attention.out.weight
        return Recent(weight.new_zeros(0, weight.shape[0]), weight.new_zeros(0, 3))

    def forward(
        self,
        features: Float[Tensor, "fragments channels"],
        centers: Float[Tensor, "fragments 3"],
        recent: Recent | None,
    ) -> Float[Tensor, "fragments channels"]:
        """Return the fragments' next vectors; without a frame before, those given."""
        if recent is None or len(recent.features) == 0 or len(features) == 0:
            return features
        bias = self.scale(features, centers, recent.centers) if self.scale is not None else None
        return features + self.attention(features, recent.features, recent.features, bias)


def distances(
    first: Float[Tensor, "rows 3"], second: Float[Tensor, "others 3"]
) -> Float[Tensor, "rows others"]:
    """Return the distance of each pair, with a gradient of 0 where it is 0."""
    squared = (first[:, None] - second[None]).square().sum(dim=2)
    return torch.where(squared > 0, squared.clamp(min=1e-12).sqrt(), 0.0)
