"""Fragment merging: fragments of one object become one before decoding (AutoSeg3D's mask integration).

A mask maker cuts objects into parts. Pairs of fragments are scored by what they look like and by the
overlap of the boxes that each predicts for its whole object; those of one class whose score times overlap is
high enough are grouped by complete linkage, so that every pair of a group agrees (AutoSeg3D, learned mask
integration).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from torch import Tensor, nn

from autoseg3d_core.geometry.boxes import box_iou_3d
from autoseg3d_core.modules.attention import MultiHeadAttention
from autoseg3d_core.modules.pair_geometry import OverlapEmbedding, ResidualMlp
from autoseg3d_core.modules.part import Around

MIN_SIMILARITY = 0.5
"""Pairs of a group are at least this similar (the paper's delta)."""


@dataclass(frozen=True)
class MergingShape:
    """A network that merges fragments of one object before it decodes them."""

    def build(self, around: Around) -> FragmentMerging:
        """Return what merges fragments."""
        return FragmentMerging(around.query_channels)


class FragmentMerging(nn.Module):
    """Scores pairs of fragments, and groups those of one object."""

    def __init__(self, channels: int, heads: int = 8) -> None:
        super().__init__()
        self.among = MultiHeadAttention(channels, heads)
        self.among_norm = nn.LayerNorm(channels)
        self.think = ResidualMlp(channels)
        self.overlap = OverlapEmbedding(channels)
        self.gate = nn.Linear(2 * channels, channels)
        self.same = nn.Linear(channels, 1)

    def describe(self, queries: Float[Tensor, "fragments channels"]) -> Float[Tensor, "fragments channels"]:
        """Return the fragments' vectors after they have looked at one another."""
        return self.think(self.among_norm(queries + self.among(queries, queries, queries)))

    def logits(
        self,
        described: Float[Tensor, "fragments channels"],
        first: Int64[Tensor, " pairs"],
        second: Int64[Tensor, " pairs"],
        overlap: Float[Tensor, " pairs"],
    ) -> Float[Tensor, " pairs"]:
        """Return for each pair whether it is one object: appearance and overlap, mixed by a gate."""
        looks, meets = described[first] * described[second], self.overlap(overlap)
        gate = torch.sigmoid(self.gate(torch.cat([looks, meets], dim=1)))
        return self.same(gate * looks + (1 - gate) * meets)[:, 0]

    def forward(
        self,
        queries: Float[Tensor, "fragments channels"],
        class_logits: Float[Tensor, "fragments classes_and_background"],
        boxes: Float[Tensor, "fragments 6"],
    ) -> Int64[Tensor, " fragments"]:
        """Return the group of each fragment, counted from 0 in the order of their first members.

        Only pairs whose boxes overlap enough, whatever the score, are scored.
        """
        count = len(queries)
        overlap = box_iou_3d(boxes, boxes)
        first, second = (
            (_may_merge(class_logits) & (overlap >= MIN_SIMILARITY)).triu(1).nonzero(as_tuple=True)
        )
        if len(first) == 0:
            return torch.arange(count, device=queries.device)
        met = overlap[first, second]
        score = self.logits(self.describe(queries), first, second, met).sigmoid()
        similarity = torch.zeros_like(overlap).index_put((first, second), score * met)
        return group_by_linkage(similarity)


def _may_merge(class_logits: Float[Tensor, "fragments classes"]) -> Bool[Tensor, "fragments fragments"]:
    """Tell which pairs are of one class, and not both background."""
    label = class_logits.argmax(dim=1)
    return (label[:, None] == label[None]) & (label != class_logits.shape[1] - 1)[:, None]


def group_by_linkage(
    similarity: Float[Tensor, "rows rows"], least: float = MIN_SIMILARITY
) -> Int64[Tensor, " rows"]:
    """Return each row's group by complete linkage on the upper triangle; every pair is `least` similar."""
    count = len(similarity)
    if count < 2:
        return torch.arange(count, device=similarity.device)
    distance = (
        1 - (similarity + similarity.T).clamp(max=1).detach().cpu().double().numpy()
    )  # the solver's host
    for_pairs = squareform(distance, checks=False)
    cluster = torch.from_numpy(fcluster(linkage(for_pairs, "complete"), 1 - least, "distance")).long()
    _, cluster = torch.unique(cluster, return_inverse=True)
    first = torch.full((int(cluster.max()) + 1,), count).scatter_reduce(
        0, cluster, torch.arange(count), "amin"
    )
    rank = torch.empty_like(first).index_copy(0, first.argsort(), torch.arange(len(first)))
    return rank[cluster].to(similarity.device)
