"""Masks as unions of whole fragments: what a 2D mask says of borders is sharper than what a network does.

A network decides point by point, and its masks end in speckles near borders. Here the points of a fragment
vote as one, and the fragment goes to the instance that the network sees on most of it. Only where it is sure
that a fragment covers two objects, or an object and nothing, does each point keep its own. Points on no 2D
mask have no border to keep, and decide alone. Beyond the papers.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from autoseg3d_core.geometry.groups import group_mean
from autoseg3d_core.structures import FragmentCloud

SURE = 0.9
"""A point is surely on a mask above this, and surely on none where all are below one minus this."""


def owners(
    soft_masks: Float[Tensor, "candidates points"], cloud: FragmentCloud, threshold: float, split_share: float
) -> Int64[Tensor, " points"]:
    """Return the candidate that each point belongs to, -1 none.

    A fragment is split where at least `split_share` of its points surely belong elsewhere than most that are
    sure, and is whole otherwise.
    """
    best, winner = soft_masks.max(dim=0)
    alone = torch.where(best > threshold, winner, -1)
    masked = cloud.fragment_score[cloud.fragment] > 0
    shares = group_mean(soft_masks.T, cloud.fragment, len(cloud.fragment_score))  # (fragments, candidates)
    most, of_fragment = shares.max(dim=1)
    of_fragment = torch.where(most > threshold, of_fragment, -1)
    whole = of_fragment[cloud.fragment]
    apart = masked & split_fragments(best, winner, cloud, split_share)[cloud.fragment]
    return torch.where(masked & ~apart, whole, alone)


def split_fragments(
    best: Float[Tensor, " points"],
    winner: Int64[Tensor, " points"],
    cloud: FragmentCloud,
    split_share: float,
) -> Tensor:
    """Tell which fragments surely cover two: a share of their points is sure of another owner than most."""
    fragments, owner_count = len(cloud.fragment_score), int(winner.max()) + 2
    owner = torch.where(best > SURE, winner + 1, 0)  # 0 is nobody
    sure = (best > SURE) | (best < 1 - SURE)
    votes = torch.zeros(fragments, owner_count, device=best.device)
    place = cloud.fragment * owner_count + owner
    votes.view(-1).index_add_(0, place, sure.to(votes.dtype))
    size = torch.bincount(cloud.fragment, minlength=fragments).clamp(min=1)
    return votes.topk(2, dim=1).values[:, 1] >= split_share * size
