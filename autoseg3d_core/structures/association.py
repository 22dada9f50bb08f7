"""How the instances of a frame and the tracks fit together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from autoseg3d_core.structures.rows import Rows
from autoseg3d_core.structures.tracks import TrackRows


@dataclass(frozen=True, eq=False)
class TogetherVotes(Rows):
    """How often two tracks were seen under one fragment rather than apart, a row per pair of ids."""

    older: Int64[Tensor, " pairs"]
    younger: Int64[Tensor, " pairs"]
    votes: Int64[Tensor, " pairs"]

    @staticmethod
    def empty(device: torch.device | str = "cpu") -> TogetherVotes:
        """Return a table without rows."""
        nothing = torch.zeros(0, dtype=torch.int64, device=device)
        return TogetherVotes(nothing, nothing, nothing)


@dataclass(frozen=True, eq=False)
class Association:
    """Learned or counted fitness of each instance for each track; higher is better, 0 is none.

    `to_remember` is what a track is to remember of each instance, in the model's own columns. `evidence` says
    which tracks this frame showed under one fragment (+1) or apart (-1). `stage` says which tracks choose
    first; those of a later stage choose among what is left. None is all at once.
    """

    affinity: Float[Tensor, "instances tracks"]
    to_remember: TrackRows
    evidence: TogetherVotes
    stage: Int64[Tensor, " tracks"] | None = None


@dataclass(frozen=True, eq=False)
class Assignment(Rows):
    """Pairs chosen from affinities: instance index and track index, a row each."""

    instance: Int64[Tensor, " pairs"]
    track: Int64[Tensor, " pairs"]
