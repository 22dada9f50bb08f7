"""Trains track association, fragment merging and the embedding head on a network that stays as it is.

Tracks live as they do at run time (`training/tracks.py`), by the same assigner and thresholds. The
released system never trains merging; here it is trained beside association.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor, nn

from autoseg3d_core import build
from autoseg3d_core.checkpoints.format import Checkpoint, load
from autoseg3d_core.checkpoints.network_weights import network_of
from autoseg3d_core.config import setting
from autoseg3d_core.geometry.boxes import box_iou_3d
from autoseg3d_core.models.network import Network
from autoseg3d_core.modules.embedding_head import EmbeddingHead, EmbeddingShape
from autoseg3d_core.modules.fragment_merging import FragmentMerging, MergingShape
from autoseg3d_core.modules.track_association import AssociationShape
from autoseg3d_core.structures import InputError
from autoseg3d_core.training import losses
from autoseg3d_core.training.network import network_checkpoint, start_from
from autoseg3d_core.training.rows import FrameRows, ObjectRows
from autoseg3d_core.training.tracks import (
    KnownMemory,
    Life,
    as_instances,
    live_by_choice,
    live_by_the_truth,
    same_object,
)

LEARNED = ("association", "merging", "embedding")
"""The parts that learn."""


@dataclass(frozen=True)
class AssociationTrainingConfig:
    """What is trained on a frozen network, and on which of its rows."""

    start: str = setting("", "weights of the network, which stay as they are")
    scenes: str = setting("out/scenes/train", "folder of scenes that `autoseg3d prepare` wrote")
    limit: int = setting(120, "scenes taken of it at most", low=1, high=100_000)
    masks: str = setting("fastsam", "prepared masks to run the network on")
    appearance: bool = setting(True, "instances and tracks are compared by what they look like too")
    gate: bool = setting(True, "a pair's share is weighed by its confidence")
    frames: int = setting(10, "frames per clip", low=2, high=1000)
    widest_step: int = setting(2, "frames of a clip are up to so many apart", low=1, high=100)
    clips: int = setting(4, "clips per batch", low=1, high=1024)
    score_threshold: float = setting(0.3, "instances above this score take part", low=0.0, high=1.0)
    own_share: float = setting(
        0.5, "share of the clips whose tracks are kept as at run time, not by the truth", low=0.0, high=1.0
    )
    lost_share: float = setting(0.15, "share of the instances left out at random", low=0.0, high=0.9)
    share_weight: float = setting(0.5, "of the choice among tracks", low=0.0)
    confidence_weight: float = setting(1.0, "of the confidence of pairs", low=0.0)
    merging_weight: float = setting(1.0, "of pairs of fragments", low=0.0)
    contrast_weight: float = setting(0.25, "of the embeddings' contrast between frames, each way", low=0.0)


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
        kept = torch.from_numpy(rng.random(len(rows)) >= self.config.lost_share)
        return ObjectRows(rows.queries[kept], rows.boxes[kept], rows.ids[kept])


class AssociationTrainee:
    """A network of which three parts learn."""

    def __init__(self, config: AssociationTrainingConfig, device: torch.device, command: str = "") -> None:
        if not config.start:
            raise InputError("association.start is not set: give the weights that `autoseg3d train` made")
        stored = load(config.start)
        self.config, self.command, self.device = config, command, device
        self.labels = tuple(stored.config.get("labels", ()))
        self.base = network_of(stored, config.start).to(device).eval()
        shape = dataclasses.replace(
            self.base.shape,
            association=AssociationShape(config.appearance, config.gate),
            merging=MergingShape(),
            embedding=EmbeddingShape(),
        )
        self.network = Network(shape).to(device).requires_grad_(False)
        start_from(self.network, config.start)
        for name in LEARNED:
            getattr(self.network, name).requires_grad_(True)
        self.module: nn.Module = self.network
        run_time = build.Config()
        model, assigner = build.autoseg3d(run_time, self.network)
        self.life = Life(model, assigner, run_time.tracks)

    def losses(self, batch: RowBatch) -> dict[str, Tensor]:
        """Return the weighted parts of the loss, means over frames."""
        merging, embedding = self.network.part(FragmentMerging), self.network.part(EmbeddingHead)
        assert merging is not None
        assert embedding is not None
        config, total = self.config, defaultdict[str, list[Tensor]](list)
        own = np.random.default_rng(batch.number).random(len(batch.clips)) < config.own_share
        for place, stored in enumerate(batch.clips):
            clip = [frame.to(self.device) for frame in stored]
            instances = [frame.instances for frame in clip]
            for share, confidence in clip_association(self.life, instances, bool(own[place])):
                total["share"].append(config.share_weight * share)
                if confidence is not None:
                    total["confidence"].append(config.confidence_weight * confidence)
            for frame in clip:
                total["merging"].append(config.merging_weight * merging_loss(merging, frame.fragments))
            for before, now in itertools.pairwise(clip):
                first, second = before.instances, now.instances
                contrast = losses.contrast_loss(
                    embedding(second.queries),
                    embedding(first.queries),
                    *named_apart(second.ids, first.ids),
                )
                total["contrast"].append(config.contrast_weight * contrast)
        return {name: torch.stack(values).mean() for name, values in total.items()}

    def checkpoint(self, module: nn.Module, step: int) -> Checkpoint:
        """Return the whole network."""
        source = {"command": self.command, "step": step, **asdict(self.config)}
        return network_checkpoint(module, self.network.shape, self.labels, source)


def clip_association(
    life: Life, frames: Sequence[ObjectRows], own: bool
) -> list[tuple[Tensor, Tensor | None]]:
    """Return the losses of share and confidence of each frame after the first.

    Instances go to the tracks of their objects, or to those that the association itself chooses.
    """
    known = KnownMemory.empty(life.model, frames[0].ids.device)
    live, found = live_by_choice if own else live_by_the_truth, []
    for number, rows in enumerate(frames):
        comparison = life.model.compare(as_instances(rows), known.memory.tracks)
        if len(known.memory.tracks) and len(rows):
            same, sure = same_object(rows, known), comparison.logits.confidence
            told = (rows.ids[:, None] > 0) | (known.of_tracks[None] > 0)  # two false ones may be one thing
            gate = None if sure is None else losses.confidence_loss(sure, same, told)
            found.append((losses.share_loss(comparison.logits.share, same), gate))
        known = live(life, known, rows, comparison, number)
    return found


def merging_loss(merging: FragmentMerging, rows: ObjectRows) -> Tensor:
    """Return how badly pairs of fragments are told to be one object; those on no object are left out."""
    inside = rows.ids > 0
    queries, boxes, ids = rows.queries[inside], rows.boxes[inside], rows.ids[inside]
    first, second = torch.triu_indices(len(ids), len(ids), 1, device=ids.device)
    if len(first) == 0:
        return merging.same.bias.sum() * 0
    overlap = box_iou_3d(boxes, boxes)[first, second]
    logits = merging.logits(merging.describe(queries), first, second, overlap)
    return losses.pair_loss(logits, ids[first] == ids[second])


def named_apart(now: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """Return ids in which instances on no object (0) are like none of the other frame."""
    return torch.where(now == 0, -1, now), torch.where(before == 0, -2, before)
