"""Evidence of two tracks being one object: what fits both at once, against what fits each alone."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from autoseg3d_core.structures import TogetherVotes


def together_or_apart(fits: Bool[Tensor, "instances tracks"], ids: Int64[Tensor, " tracks"]) -> TogetherVotes:
    """Vote for every two tracks that one instance fits, and against those that different ones fit.

    `ids` ascend, so the first of a pair is the older.
    """
    seen = fits.any(dim=0).nonzero()[:, 0]
    fits = fits[:, seen].float()
    together = fits.T @ fits > 0
    first, second = torch.triu_indices(len(seen), len(seen), 1, device=ids.device)
    votes = together[first, second].long() * 2 - 1
    return TogetherVotes(ids[seen][first], ids[seen][second], votes)
