"""Masks as unions of whole fragments: the borders of a 2D mask are sharper than those of a network's mask.

A network decides point by point, and its masks end in speckles near borders. Here the points of a fragment
vote as one, and the fragment goes to the instance that the network sees on most of it. Only where it is sure
that a fragment covers two objects, or an object and nothing, does each point keep its own. Points on no 2D
mask have no border to keep, and decide alone. Beyond the papers.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from autoseg3d_core.geometry.groups import group_mean, group_size
from autoseg3d_core.structures import FragmentCloud

BORDERED = 0.5
"""An instance with this share of its points on masks ends where they do, but for points that are sure."""
SURE = 0.9
"""A point is surely on a mask above this, and surely on none where all are below one minus this."""


def owners(
    soft_masks: Float[Tensor, "candidates points"], cloud: FragmentCloud, threshold: float, split_share: float
) -> Int64[Tensor, " points"]:
    """Return the candidate that each point belongs to, -1 none.

    A fragment is split where at least `split_share` of its points surely belong elsewhere than most that are
    sure, and is whole otherwise. A point on no mask has to be surer of an instance that lies on masks.
    """
    best, winner = soft_masks.max(dim=0)
    alone = torch.where(best > threshold, winner, -1)
    masked = cloud.fragment_score[cloud.fragment] > 0
    shares = group_mean(soft_masks.T, cloud.fragment, len(cloud.fragment_score))  # (fragments, candidates)
    most, of_fragment = shares.max(dim=1)
    whole = torch.where(most > threshold, of_fragment, -1)[cloud.fragment]
    split = split_fragments(best, winner, len(soft_masks), cloud, split_share)[cloud.fragment]
    owner = torch.where(masked & ~split, whole, alone)
    beyond = ~masked & (best < SURE) & lies_on_masks(owner, masked, len(soft_masks))[owner]
    return torch.where(beyond, -1, owner)


def lies_on_masks(
    owner: Int64[Tensor, " points"], masked: Bool[Tensor, " points"], count: int
) -> Bool[Tensor, " candidates_and_nobody"]:
    """Tell which of so many candidates have much of their points on masks; the last stands for nobody."""
    inside, everywhere = group_size(torch.where(masked, owner, -1), count), group_size(owner, count)
    return torch.cat([inside >= BORDERED * everywhere, inside.new_zeros(1, dtype=torch.bool)])


def split_fragments(
    best: Float[Tensor, " points"],
    winner: Int64[Tensor, " points"],
    count: int,
    cloud: FragmentCloud,
    split_share: float,
) -> Bool[Tensor, " fragments"]:
    """Tell which fragments surely cover two: a share of their points is sure of another owner than most.

    `winner` is the best of `count` candidates for each point.
    """
    fragments, owner_count = len(cloud.fragment_score), count + 1
    owner = torch.where(best > SURE, winner + 1, 0)  # 0 is nobody
    sure = (best > SURE) | (best < 1 - SURE)
    votes = torch.zeros(fragments, owner_count, device=best.device)
    place = cloud.fragment * owner_count + owner
    votes.view(-1).index_add_(0, place, sure.to(votes.dtype))
    size = group_size(cloud.fragment, fragments).clamp(min=1)
    return votes.topk(2, dim=1).values[:, 1] >= split_share * size
