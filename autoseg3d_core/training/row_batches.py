"""Clips of a frozen network's rows, drawn by number, and how what finds tracks is trained on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from autoseg3d_core.config import setting
from autoseg3d_core.training.rows import FrameRows, ObjectRows


@dataclass(frozen=True)
class AssociationTrainingConfig:
    """What is trained on a frozen network, and on which of its rows."""

    model: str = setting(
        "autoseg3d", "model whose association is trained", choices=("autoseg3d", "samosaic3d")
    )
    start: str = setting("", "weights of the network, which stays frozen")
    scenes: str = setting("out/scenes/train", "folder of scenes written by `autoseg3d prepare`")
    limit: int = setting(120, "maximum number of scenes", low=1, high=100_000)
    masks: str = setting("fastsam", "names of the prepared masks to run the network on, separated by commas")
    appearance: bool = setting(True, "compare instances and tracks by appearance too")
    gate: bool = setting(True, "multiply a pair's share by its confidence")
    frames: int = setting(10, "frames per clip", low=2, high=1000)
    widest_step: int = setting(
        2, "consecutive frames of a clip are at most this many recorded frames apart", low=1, high=100
    )
    clips: int = setting(4, "clips per batch", low=1, high=1024)
    score_threshold: float = setting(0.3, "use instances with a higher score", low=0.0, high=1.0)
    own_share: float = setting(
        0.5,
        "fraction of the clips whose tracks follow the model's own choices, as at run time, "
        "instead of the ground truth",
        low=0.0,
        high=1.0,
    )
    lost_share: float = setting(0.15, "fraction of the instances dropped at random", low=0.0, high=0.9)
    share_weight: float = setting(0.5, "weight of the loss for the choice among tracks", low=0.0)
    confidence_weight: float = setting(1.0, "weight of the loss for the pairs' confidence", low=0.0)
    merging_weight: float = setting(1.0, "weight of the loss for merging fragments", low=0.0)
    contrast_weight: float = setting(
        0.25, "weight of the contrastive loss between frames, in each direction", low=0.0
    )
    match_weight: float = setting(
        1.0, "weight of the loss for matching instances and tracks (samosaic3d)", low=0.0
    )


@dataclass(frozen=True, eq=False)
class RowBatch:
    """Clips of rows, and the number that seeds what is drawn of them."""

    number: int
    clips: Sequence[Sequence[FrameRows]]


class RowBatches:
    """Makes batches by number: frames at even steps, in either direction."""

    def __init__(
        self, config: AssociationTrainingConfig, scenes: Sequence[Sequence[FrameRows]], seed: int
    ) -> None:
        self.config, self.scenes, self.seed = config, scenes, seed

    def __call__(self, number: int) -> RowBatch:
        """Return the batch of this number."""
        rng = np.random.default_rng((self.seed, number))
        return RowBatch(number, [self._clip(rng) for _ in range(self.config.clips)])

    def _clip(self, rng: np.random.Generator) -> list[FrameRows]:
        scene = self.scenes[int(rng.integers(len(self.scenes)))]
        step = int(rng.integers(1, self.config.widest_step + 1))
        start = int(rng.integers(max(1, len(scene) - (self.config.frames - 1) * step)))
        clip = list(scene[start::step][: self.config.frames])
        clip = clip[::-1] if rng.random() < 0.5 else clip
        return [dataclasses.replace(f, instances=self._some(f.instances, rng)) for f in clip]

    def _some(self, rows: ObjectRows, rng: np.random.Generator) -> ObjectRows:
        return rows[torch.from_numpy(rng.random(len(rows)) >= self.config.lost_share)]
