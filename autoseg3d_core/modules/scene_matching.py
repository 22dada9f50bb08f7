"""Scene matching: which tracks the instances of a frame are, in two stages (SAMosaic3D's instance-to-scene
part).

The tracks that were found last make the short memory, all others the long one. Instances look at the short
memory, less at what is far or of another class, and a learned score tells whether a pair is one object. What
finds nothing there is compared with the long memory by the overlap of boxes alone, which asks nothing of what
the network remembers of things seen long ago. A member of the long memory that is found again is in the short
one, and what was found least recently makes room for it: both memories follow from when a track was found
last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from autoseg3d_core.geometry.boxes import box_iou_3d
from autoseg3d_core.modules.attention import MultiHeadAttention
from autoseg3d_core.modules.linear_layers import FeedForward, two_layers
from autoseg3d_core.modules.part import Around
from autoseg3d_core.modules.recent_queries import DistanceScale

LEAST_COMPATIBILITY = 1e-3
"""Two things of surely different classes count as compatible as this."""
RARELY = -2.0
"""The logit of a pair before anything is learned: most pairs are two objects."""


@dataclass(frozen=True, eq=False)
class Things:
    """Instances or tracks: what each is, its box in the scene frame, and the probability of each class.

    Where classes are not known there is one column of ones.
    """

    queries: Float[Tensor, "things channels"]
    boxes: Float[Tensor, "things 6"]
    classes: Float[Tensor, "things classes"]

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def centers(self) -> Float[Tensor, "things 3"]:
        """The middles of the boxes."""
        return (self.boxes[:, :3] + self.boxes[:, 3:]) / 2


@dataclass(frozen=True)
class MatchingShape:
    """A network that finds instances among recent tracks, by so many `layers` of attention."""

    layers: int = 2

    def build(self, around: Around) -> SceneMatching:
        """Return the matching."""
        return SceneMatching(around.query_channels, layers=self.layers)


class MemoryLayer(nn.Module):
    """Instances look at the short memory, then think."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.scale = DistanceScale(channels, heads)
        self.class_strength = nn.Parameter(torch.ones(()))
        self.attention = MultiHeadAttention(channels, heads)
        self.norm = nn.LayerNorm(channels)
        self.feedforward = FeedForward(channels, 2 * channels)

    def forward(
        self, queries: Float[Tensor, "instances channels"], seen: Things, memory: Things
    ) -> Float[Tensor, "instances channels"]:
        """Return the next queries; a pair counts less the farther it is apart and the less its classes
        agree."""
        near = self.scale(queries, seen.centers, memory.centers)
        alike = (seen.classes @ memory.classes.T).clamp(min=LEAST_COMPATIBILITY).log()
        bias = near + self.class_strength * alike
        queries = self.norm(queries + self.attention(queries, memory.queries, memory.queries, bias))
        return self.feedforward(queries)


class SceneMatching(nn.Module):
    """Refines instances by the short memory, and scores each against each of its members."""

    def __init__(self, channels: int, heads: int = 8, layers: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(MemoryLayer(channels, heads) for _ in range(layers))
        self.same = two_layers(channels + 1, channels, 1)
        nn.init.constant_(cast(nn.Linear, self.same[-1]).bias, RARELY)

    def refine(self, seen: Things, short: Things) -> Float[Tensor, "instances channels"]:
        """Return the instances' queries after they have looked at the short memory; those given where it is
        empty."""
        queries = seen.queries
        if len(short) == 0:
            return queries
        for layer in self.layers:
            queries = layer(queries, seen, short)
        return queries

    def forward(
        self, refined: Float[Tensor, "instances channels"], seen: Things, short: Things
    ) -> Float[Tensor, "instances members"]:
        """Return the logit of each pair being one object: from the product of both, and the overlap of their
        boxes."""
        product = refined[:, None] * short.queries[None]
        overlap = box_iou_3d(seen.boxes, short.boxes)
        return self.same(torch.cat([product, overlap[..., None]], dim=2))[..., 0]  # type: ignore[no-any-return]


def in_short_memory(misses: Int64[Tensor, " tracks"], size: int) -> Bool[Tensor, " tracks"]:
    """Tell which tracks are in the short memory: those found most recently, the younger of two in doubt."""
    if len(misses) <= size:
        return torch.ones_like(misses, dtype=torch.bool)
    place = torch.arange(len(misses), device=misses.device)
    order = (misses * len(misses) - place).argsort()  # later rows are younger
    return torch.zeros_like(misses, dtype=torch.bool).index_fill_(0, order[:size], True)
