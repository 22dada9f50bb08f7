"""Pairs of instances and tracks chosen from affinities."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from autoseg3d_core.structures import Assignment

Affinity = Float[Tensor, "instances tracks"]
Stage = Int64[Tensor, " tracks"]


@runtime_checkable
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
    """Gives each instance another track so that the sum of affinities is largest (Hungarian)."""

    def __init__(self, min_affinity: float) -> None:
        self.min_affinity = min_affinity

    def __call__(self, affinity: Affinity, stage: Stage | None = None) -> Assignment:
        """Return the pairs whose affinity is above the least; all tracks choose at once."""
        if affinity.numel() == 0:
            return _nobody(affinity)
        worth = affinity.detach().cpu().double().numpy()  # the solver runs on the host
        worth = np.where(worth > self.min_affinity, worth, 0.0)  # what would not be kept takes nobody's place
        rows, columns = linear_sum_assignment(worth, maximize=True)
        kept = worth[rows, columns] > self.min_affinity
        instance, track = (torch.from_numpy(part[kept]).to(affinity.device) for part in (rows, columns))
        return Assignment(instance, track)


class InStages:
    """Lets a solver for each stage choose among the tracks of that stage and the instances that are left.

    Tracks of a stage without a solver take no part.
    """

    def __init__(self, *solvers: Assigner) -> None:
        self.solvers = solvers

    def __call__(self, affinity: Affinity, stage: Stage | None = None) -> Assignment:
        """Return the pairs of every stage, first to last; without stages all tracks are of the first."""
        worth = affinity.detach().cpu()  # once for all solvers
        turn = torch.zeros(worth.shape[1], dtype=torch.int64) if stage is None else stage.cpu()
        free, chosen = torch.arange(len(worth)), _nobody(worth)
        for number, solver in enumerate(self.solvers):
            tracks = (turn == number).nonzero()[:, 0]
            found = solver(worth[free[:, None], tracks])
            pairs = Assignment(free[found.instance], tracks[found.track])
            chosen, free = chosen.append(pairs), free[~torch.isin(free, pairs.instance)]
        return chosen.to(affinity.device)


class WithPieces:
    """Lets what a solver has left over join the track that it is surest to be a piece of.

    A mask maker cuts an object into several masks, and a solver gives only one of them to the track.
    """

    def __init__(self, solver: Assigner, min_affinity: float) -> None:
        self.solver, self.min_affinity = solver, min_affinity

    def __call__(self, affinity: Affinity, stage: Stage | None = None) -> Assignment:
        """Return the solver's pairs, and those of the leftovers whose affinity is at least the least."""
        worth = affinity.detach().cpu()  # the solver runs on the host
        solved = self.solver(worth, None if stage is None else stage.cpu())
        pieces = ManyToOne(self.min_affinity)(worth)
        left = ~torch.isin(pieces.instance, solved.instance) & torch.isin(pieces.track, solved.track)
        return solved.append(pieces[left]).to(affinity.device)


def _nobody(affinity: Affinity) -> Assignment:
    nothing = torch.zeros(0, dtype=torch.int64, device=affinity.device)
    return Assignment(nothing, nothing)
