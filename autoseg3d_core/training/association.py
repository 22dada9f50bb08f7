"""Trains what finds tracks on a network that stays as it is: AutoSeg3D's association, SAMosaic3D's matching.

Tracks live as they do at run time (`training/tracks.py`), by the same assigner and thresholds; what each
model learns is in `training/lessons.py`. The released AutoSeg3D never trains its merging; here it is trained
beside association.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor, nn

from autoseg3d_core import build
from autoseg3d_core.checkpoints.format import Checkpoint, load
from autoseg3d_core.checkpoints.network_weights import network_of
from autoseg3d_core.models.network import Network
from autoseg3d_core.structures import InputError
from autoseg3d_core.training.lessons import LESSONS, Lesson, Parts
from autoseg3d_core.training.network import network_checkpoint, start_from
from autoseg3d_core.training.row_batches import AssociationTrainingConfig, RowBatch
from autoseg3d_core.training.rows import ObjectRows
from autoseg3d_core.training.tracks import (
    KnownMemory,
    Life,
    as_instances,
    live_by_choice,
    live_by_the_truth,
    same_object,
)


class AssociationTrainee:
    """A network of which the parts learn that find a model's tracks."""

    def __init__(self, config: AssociationTrainingConfig, device: torch.device, command: str = "") -> None:
        if not config.start:
            raise InputError("association.start is not set: give the weights that `autoseg3d train` made")
        stored, self.lesson = load(config.start), LESSONS[config.model]
        self.config, self.command, self.device = config, command, device
        self.labels = tuple(stored.config.get("labels", ()))
        self.base = network_of(stored, config.start).to(device).eval()
        self.network = Network(self.lesson.shape(self.base.shape, config)).to(device).requires_grad_(False)
        start_from(self.network, config.start)
        for name in self.lesson.learned:
            getattr(self.network, name).requires_grad_(True)
        self.module: nn.Module = self.network
        run_time = build.Config()
        model, assigner = self.lesson.model(run_time, self.network)
        self.life = Life(model, assigner, run_time.tracks)

    def losses(self, batch: RowBatch) -> dict[str, Tensor]:
        """Return the weighted parts of the loss, means over frames."""
        config, total = self.config, defaultdict[str, list[Tensor]](list)
        own = np.random.default_rng(batch.number).random(len(batch.clips)) < config.own_share
        for place, stored in enumerate(batch.clips):
            clip = [frame.to(self.device) for frame in stored]
            of_pairs = pair_losses(
                config, self.lesson, self.life, [frame.instances for frame in clip], bool(own[place])
            )
            for name, value in [*of_pairs, *self.lesson.of_clip(config, self.network, clip)]:
                total[name].append(value)
        return {name: torch.stack(values).mean() for name, values in total.items()}

    def checkpoint(self, module: nn.Module, step: int) -> Checkpoint:
        """Return the whole network."""
        source = {"command": self.command, "step": step, **asdict(self.config)}
        return network_checkpoint(module, self.network.shape, self.labels, source)


def pair_losses(
    config: AssociationTrainingConfig, lesson: Lesson, life: Life, frames: Sequence[ObjectRows], own: bool
) -> Parts:
    """Yield the losses of the pairs of each frame after the first.

    Instances go to the tracks of their objects, or, where `own`, to those that the model itself chooses.
    """
    known = KnownMemory.empty(life.model, frames[0].ids.device)
    live = live_by_choice if own else live_by_the_truth
    for number, rows in enumerate(frames):
        comparison = life.model.compare(as_instances(rows), known.memory.tracks)
        if len(known.memory.tracks) and len(rows):
            told = (rows.ids[:, None] > 0) | (known.of_tracks[None] > 0)  # two false ones may be one thing
            yield from lesson.of_pairs(config, comparison, same_object(rows, known), told)
        known = live(life, known, rows, comparison, number)
