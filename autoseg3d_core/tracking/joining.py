"""Joining: which tracks are one object, by votes that add up over frames."""

from __future__ import annotations

import torch
from jaxtyping import Int64
from torch import Tensor

from autoseg3d_core.structures import TogetherVotes, Tracks


def add_votes(votes: TogetherVotes, evidence: TogetherVotes) -> TogetherVotes:
    """Return the votes with this frame's evidence; a pair that was never together is not kept."""
    rows = votes.append(evidence)
    key = torch.stack([rows.older, rows.younger])
    pairs, place = torch.unique(key, dim=1, return_inverse=True)
    total = torch.zeros_like(pairs[0]).index_add_(0, place, rows.votes)
    known = torch.zeros_like(total).index_fill_(0, place[: len(votes)], 1) > 0
    kept = (known | (total > 0)).nonzero()[:, 0]
    return TogetherVotes(pairs[0][kept], pairs[1][kept], total[kept])


def find_joins(
    votes: TogetherVotes, tracks: Tracks, least_votes: int, least_share: float
) -> tuple[Int64[Tensor, " pairs"], Int64[Tensor, " pairs"]]:
    """Return the older and the younger id of each pair to join, each younger id once.

    A pair needs so many votes, and so large a share of the younger one's hits. A chain takes several frames.
    """
    hits = torch.cat([tracks.hits, tracks.hits.new_zeros(1)])[tracks.index_of(votes.younger)]
    ready = votes[(votes.votes >= least_votes) & (votes.votes >= least_share * hits)]
    ready = ready[~torch.isin(ready.older, ready.younger)]
    younger, first = _first_of_each(ready.younger)
    return ready.older[first], younger


def _first_of_each(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distinct values in ascending order, and the position of the first of each."""
    distinct, place = torch.unique(values, return_inverse=True)
    position = torch.arange(len(values), device=values.device)
    first = torch.full_like(distinct, len(values)).scatter_reduce(0, place, position, "amin")
    return distinct, first
