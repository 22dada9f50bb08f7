"""Pairs of instances and tracks chosen from affinities."""

from __future__ import annotations

from typing import Protocol

import torch
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from autoseg3d_core.structures import Assignment

Affinity = Float[Tensor, "instances tracks"]


class Assigner(Protocol):
    """Chooses pairs from affinities; what it leaves out becomes a new track or a miss."""

    def __call__(self, affinity: Affinity) -> Assignment:
        """Return the chosen pairs, each instance at most once."""
        ...


class ManyToOne:
    """Gives each instance the track of its highest affinity; several may share a track."""

    def __init__(self, min_affinity: float) -> None:
        self.min_affinity = min_affinity

    def __call__(self, affinity: Affinity) -> Assignment:
        """Return the pairs whose affinity is at least the least; the older track wins a tie."""
        if affinity.numel() == 0:
            return _nobody(affinity)
        best, track = affinity.max(dim=1)
        instance = (best >= self.min_affinity).nonzero()[:, 0]
        return Assignment(instance, track[instance])


class OneToOne:
    """Gives each instance another track so that the sum of affinities is largest (Hungarian)."""

    def __init__(self, min_affinity: float) -> None:
        self.min_affinity = min_affinity

    def __call__(self, affinity: Affinity) -> Assignment:
        """Return the pairs whose affinity is above the least."""
        if affinity.numel() == 0:
            return _nobody(affinity)
        worth = affinity.detach().cpu().double().numpy()  # the solver runs on the host
        rows, columns = linear_sum_assignment(worth, maximize=True)
        kept = worth[rows, columns] > self.min_affinity
        device = affinity.device
        return Assignment(torch.from_numpy(rows[kept]).to(device), torch.from_numpy(columns[kept]).to(device))


def _nobody(affinity: Affinity) -> Assignment:
    nothing = torch.zeros(0, dtype=torch.int64, device=affinity.device)
    return Assignment(nothing, nothing)
