"""Assembly by pairs: fragments are one object if they look and meet like parts of one (not from the paper).

A fixed bank of centres has to foretell every object from one vector of the whole frame, and what it learned
of furniture says little of other furniture. Here every two fragments are compared: by what each is, after it
has looked at the others, and by how they meet (`fragment_edges`). The scores are grouped by average linkage,
which is correlation clustering in its simplest form: two groups join as long as their pairs speak for it on
average. How many objects there are follows from the groups, so nothing is counted.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from torch import Tensor, nn
from torch.nn import functional

from autoseg3d_core.modules.attention import MultiHeadAttention
from autoseg3d_core.modules.fragment_assembly import Assembly
from autoseg3d_core.modules.fragment_edges import EDGE_CHANNELS
from autoseg3d_core.modules.linear_layers import FeedForward, two_layers

EDGE_WIDTH = 32
LEAST_ON_AVERAGE = 0.5
"""Two groups of fragments become one as long as their pairs are one object with this probability on
average."""


class EdgeLayer(nn.Module):
    """Fragments look at one another, more or less by how they meet, then think."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.bias = nn.Linear(EDGE_WIDTH, heads)
        self.among = MultiHeadAttention(channels, heads)
        self.norm = nn.LayerNorm(channels)
        self.feedforward = FeedForward(channels, 2 * channels)

    def forward(
        self, rows: Float[Tensor, "fragments channels"], edges: Float[Tensor, "fragments fragments width"]
    ) -> Float[Tensor, "fragments channels"]:
        """Return the next rows."""
        rows = self.norm(rows + self.among(rows, rows, rows, self.bias(edges).permute(2, 0, 1)))
        return self.feedforward(rows)


class PairAssembly(nn.Module):
    """Scores every pair of fragments, and groups them."""

    def __init__(self, channels: int, width: int, heads: int = 8, layers: int = 2) -> None:
        super().__init__()
        self.rows = nn.Sequential(nn.Linear(channels, width), nn.LayerNorm(width))
        self.edges = nn.Sequential(
            nn.LayerNorm(EDGE_CHANNELS),
            nn.Linear(EDGE_CHANNELS, EDGE_WIDTH),
            nn.ReLU(),
            nn.Linear(EDGE_WIDTH, EDGE_WIDTH),
        )
        self.layers = nn.ModuleList(EdgeLayer(width, heads) for _ in range(layers))
        self.looks = nn.Linear(width, EDGE_WIDTH)
        self.same = two_layers(EDGE_WIDTH, EDGE_WIDTH, 1)

    def forward(
        self,
        features: Float[Tensor, "fragments channels"],
        edges: Float[Tensor, "fragments fragments edge_channels"],
        groups: Int64[Tensor, " fragments"] | None = None,
    ) -> Assembly:
        """Return the assembly into these groups, as in training; else into those that the scores make."""
        logits = self.logits(features, edges)
        affinity = logits.sigmoid()
        if groups is None:
            groups, count = grouped_on_average(affinity)
        else:
            count = int(groups.max()) + 1 if len(groups) else 0
        return Assembly(share_of_groups(affinity, groups, count), affinity, {"pairs": logits})

    def logits(
        self,
        features: Float[Tensor, "fragments channels"],
        edges: Float[Tensor, "fragments fragments edge_channels"],
    ) -> Float[Tensor, "fragments fragments"]:
        """Return for each pair whether it is one object; the same for (i, j) and (j, i)."""
        rows, met = self.rows(features), self.edges(edges)
        for layer in self.layers:
            rows = layer(rows, met)
        look = self.looks(rows[:, None] * rows[None])  # (fragments, fragments, width)
        return self.same(functional.relu(met + look))[..., 0]


def grouped_on_average(
    affinity: Float[Tensor, "rows rows"], least: float = LEAST_ON_AVERAGE
) -> tuple[Int64[Tensor, " rows"], int]:
    """Return each row's group, and how many there are, by average linkage: members are so similar on average.

    The solver runs on the host, for which a GPU is waited for once: each of its up to `rows` steps depends
    on the one before, and would be several launches there.
    """
    count = len(affinity)
    if count < 2:
        return torch.zeros(count, dtype=torch.int64, device=affinity.device), count
    apart = 1 - affinity.detach().cpu().double().numpy()
    cluster = fcluster(
        linkage(squareform((apart + apart.T) / 2, checks=False), "average"), 1 - least, "distance"
    )
    numbers, groups = np.unique(cluster, return_inverse=True)
    return torch.from_numpy(groups).long().to(affinity.device), len(numbers)


def share_of_groups(
    affinity: Float[Tensor, "fragments fragments"], groups: Int64[Tensor, " fragments"], count: int
) -> Float[Tensor, "fragments groups"]:
    """Return how much each fragment belongs to each of `count` groups: its mean affinity to the members,
    itself included.

    Where that is more than one over all groups it is a share.
    """
    if len(groups) == 0:
        return affinity
    member = functional.one_hot(groups, count).to(affinity.dtype)
    own = torch.eye(len(groups), dtype=affinity.dtype, device=affinity.device)
    whole = affinity * (1 - own) + own  # a fragment is surely one with itself
    belongs = whole @ member / member.sum(dim=0).clamp(min=1)
    return belongs / belongs.sum(dim=1, keepdim=True).clamp(min=1)
