"""Pairs of instances and tracks chosen from affinities."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from autoseg3d_core.structures import Assignment

Affinity = Float[Tensor, "instances tracks"]
Stage = Int64[Tensor, " tracks"]


class Assigner(Protocol):
    """Chooses pairs from affinities; what it leaves out becomes a new track or a miss."""

    def __call__(self, affinity: Affinity, stage: Stage | None = None) -> Assignment:
        """Return the chosen pairs, each instance at most once; tracks of an earlier stage choose first."""
        ...


class ManyToOne:
    """Gives each instance the track of its highest affinity; several may share a track."""

    def __init__(self, min_affinity: float) -> None:
        self.min_affinity = min_affinity

    def __call__(self, affinity: Affinity, stage: Stage | None = None) -> Assignment:
        """Return the pairs whose affinity is at least the least; the older track wins a tie.

        As tracks are shared, no stage takes anything from another.
        """
        if affinity.numel() == 0:
            return _nobody(affinity)
        best, track = affinity.max(dim=1)
        instance = (best >= self.min_affinity).nonzero()[:, 0]
        return Assignment(instance, track[instance])


class OneToOne:
    """Gives each instance another track so that the sum of affinities is largest (Hungarian).

    Tracks of stage `stages` and later take no part.
    """

    def __init__(self, min_affinity: float, stages: int = 2) -> None:
        self.min_affinity, self.stages = min_affinity, stages

    def __call__(self, affinity: Affinity, stage: Stage | None = None) -> Assignment:
        """Return the pairs whose affinity is above the least, stage by stage."""
        if affinity.numel() == 0:
            return _nobody(affinity)
        worth = affinity.detach().cpu().double().numpy()  # the solver runs on the host
        worth = np.where(worth > self.min_affinity, worth, 0.0)  # what would not be kept takes nobody's place
        turn = np.zeros(worth.shape[1]) if stage is None else stage.cpu().numpy()
        free, pairs = np.arange(len(worth)), []
        for number in range(self.stages):
            tracks = np.flatnonzero(turn == number)
            rows, columns = linear_sum_assignment(worth[free[:, None], tracks], maximize=True)
            kept = worth[free[rows], tracks[columns]] > self.min_affinity
            pairs.append((free[rows[kept]], tracks[columns[kept]]))
            free = np.delete(free, rows[kept])
        instance, track = (torch.from_numpy(np.concatenate(part)) for part in zip(*pairs, strict=True))
        return Assignment(instance.to(affinity.device), track.to(affinity.device))


class WithPieces:
    """Lets what a solver has left over join the track that it is surest to be a piece of.

    A mask maker cuts an object into several masks, and a solver gives only one of them to the track.
    """

    def __init__(self, solver: Assigner, min_affinity: float) -> None:
        self.solver, self.min_affinity = solver, min_affinity

    def __call__(self, affinity: Affinity, stage: Stage | None = None) -> Assignment:
        """Return the solver's pairs, and those of the leftovers whose affinity is at least the least."""
        solved = self.solver(affinity, stage)
        pieces = ManyToOne(self.min_affinity)(affinity)
        left = ~torch.isin(pieces.instance, solved.instance) & torch.isin(pieces.track, solved.track)
        return solved.append(pieces[left])


def _nobody(affinity: Affinity) -> Assignment:
    nothing = torch.zeros(0, dtype=torch.int64, device=affinity.device)
    return Assignment(nothing, nothing)
