"""What the 3D network gets wrong: the published losses of one frame, and of clips of frames in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from autoseg3d_core.config import setting
from autoseg3d_core.geometry.groups import group_mean, group_size
from autoseg3d_core.models.network import Network, NetworkMemory
from autoseg3d_core.modules.embedding_head import EmbeddingHead
from autoseg3d_core.modules.query_decoder import DecoderInput, HeadOutput
from autoseg3d_core.training import losses
from autoseg3d_core.training.matching import Matches, match
from autoseg3d_core.training.samples import Sample
from autoseg3d_core.training.targets import NO_LABEL, FrameTargets, fragment_objects


@dataclass(frozen=True)
class ObjectiveConfig:
    """Weights of the losses, as published, and how much of a frame is looked at."""

    class_weight: float = setting(0.5, "weight of the class loss", low=0.0)
    mask_weight: float = setting(1.0, "weight of the mask's cross-entropy", low=0.0)
    dice_weight: float = setting(1.0, "weight of the mask's dice loss", low=0.0)
    last_dice_weight: float = setting(
        1.0, "weight of the dice loss of the decoder's last head; published: 4", low=0.0
    )
    box_weight: float = setting(0.5, "weight of the box loss", low=0.0)
    label_weight: float = setting(0.5, "weight of the auxiliary loss for the fragments' labels", low=0.0)
    contrast_weight: float = setting(
        0.0, "weight of ESAM's contrastive loss between frames; needs the embedding head", low=0.0
    )
    many_weight: float = setting(
        0.0, "weight of the branch that supervises several queries per object (ICMS)", low=0.0
    )
    many: int = setting(4, "queries per object in that branch", low=1, high=100)
    query_share: float = setting(
        0.5, "minimum fraction of a frame's queries that is trained on", low=0.1, high=1.0
    )
    mask_points: int = setting(
        4096, "points of a frame on which the mask losses are computed", low=64, high=1_000_000
    )


@dataclass(frozen=True, eq=False)
class Supervision:
    """The truth of a frame in the decoder's terms: masks over points and fragments, and queries' objects."""

    targets: FrameTargets
    point_masks: Tensor
    fragment_masks: Tensor
    query_object: Tensor


class Objective:
    """Turns batches of clips into losses of a network; the generator chooses queries and points."""

    def __init__(self, network: Network, config: ObjectiveConfig, seed: int = 0) -> None:
        self.network, self.config, self.seed = network, config, seed
        self.generator = torch.Generator()

    def losses(self, clips: Sequence[Sequence[Sample]], number: int = 0) -> dict[str, Tensor]:
        """Return the weighted parts of the loss, each summed over frames and divided by their number.

        `number` seeds what is drawn. A part that some frames lack, as the contrast of a clip's first, is
        divided by all of them, so that parts weigh as much beside one another as in the published sums.
        """
        self.generator.manual_seed((self.seed << 32) + number)
        network, total = self.network, defaultdict[str, list[Tensor]](list)
        memories = [network.new_memory() for _ in clips]
        before: list[tuple[Tensor, Tensor] | None] = [None] * len(clips)
        for frames in zip(*clips, strict=True):
            clouds = [sample.cloud for sample in frames]
            features, voxels = network.encode(clouds, [memory.voxels for memory in memories])
            for row, sample in enumerate(frames):
                seen = network.pool(sample.cloud, features[row], memories[row].recent)
                memories[row] = NetworkMemory(voxels[row], network.recent_of(seen))
                parts, embeddings = self._frame(seen, sample)
                last = before[row]
                if embeddings is not None and last is not None:
                    contrast = losses.contrast_loss(embeddings[0], last[0], embeddings[1], last[1])
                    parts["contrast"] = self.config.contrast_weight * contrast
                before[row] = embeddings
                for name, value in parts.items():
                    total[name].append(value)
        count = sum(len(clip) for clip in clips)
        return {name: torch.stack(values).sum() / count for name, values in total.items()}

    def _frame(
        self, seen: DecoderInput, sample: Sample
    ) -> tuple[dict[str, Tensor], tuple[Tensor, Tensor] | None]:
        """Return the losses of one frame, and the embeddings of its objects with their ids, if wanted."""
        targets, config = sample.targets, self.config
        fragments = len(seen.fragments)
        rows = self._some(len(seen.xyz), config.mask_points)
        share = (
            config.query_share + (1 - config.query_share) * torch.rand((), generator=self.generator).item()
        )
        chosen = self._some(fragments, max(1, round(share * fragments)))
        shares = targets.shares(sample.cloud.fragment, fragments)
        truth = Supervision(
            targets,
            targets.masks(rows).float(),
            (shares > 0.5).float(),
            fragment_objects(shares)[chosen],
        )
        some = seen.at_points(rows)
        heads = self.network.decoder(some, chosen)
        total = self._branch(heads, truth, 1)
        total["label"] = config.label_weight * _label_loss(heads[-1], truth)
        if config.many_weight:
            many = self._branch(self.network.decoder(some, chosen, among=False), truth, config.many)
            total["many"] = config.many_weight * torch.stack(list(many.values())).sum()
        return total, self._embeddings(heads[-1], truth)

    def _branch(self, heads: list[HeadOutput], truth: Supervision, per_object: int) -> dict[str, Tensor]:
        """Return the losses of one decoder branch summed over its heads."""
        total = defaultdict[str, list[Tensor]](list)
        for head in heads:
            masks = truth.point_masks if head.over_points else truth.fragment_masks
            matches = match(
                head.class_logits,
                head.mask_logits,
                truth.query_object,
                _classes(head, truth),
                masks,
                per_object,
            )
            dice_weight = self.config.last_dice_weight if head is heads[-1] else self.config.dice_weight
            for name, value in self._head(head, truth, masks, matches, dice_weight).items():
                total[name].append(value)
        return {name: torch.stack(values).sum() for name, values in total.items()}

    def _head(
        self, head: HeadOutput, truth: Supervision, masks: Tensor, matches: Matches, dice_weight: float
    ) -> dict[str, Tensor]:
        config = self.config
        labels = torch.full_like(truth.query_object, head.class_logits.shape[1] - 1)
        labels[matches.query] = _classes(head, truth)[matches.object]
        entropy, dice = losses.mask_losses(head.mask_logits[matches.query], masks[matches.object])
        parts = {
            "class": config.class_weight * losses.class_loss(head.class_logits, labels),
            "mask": config.mask_weight * entropy,
            "dice": dice_weight * dice,
        }
        if head.boxes is not None:
            box = losses.box_loss(head.boxes[matches.query], truth.targets.boxes[matches.object])
            parts["box"] = config.box_weight * box
        return parts

    def _embeddings(self, head: HeadOutput, truth: Supervision) -> tuple[Tensor, Tensor] | None:
        """Return the mean embedding of all queries of each object, and the objects' ids (ESAM).

        None where nothing is asked of embeddings. A mean of unit vectors is not made a unit vector again.
        """
        embedding = self.network.part(EmbeddingHead)
        if embedding is None or not self.config.contrast_weight:
            return None
        count, embedded = len(truth.targets), embedding(head.queries)
        seen = group_size(truth.query_object, count) > 0
        return group_mean(embedded, truth.query_object, count)[seen], truth.targets.ids[seen]

    def _some(self, count: int, wanted: int) -> Tensor:
        """Return some of so many rows, in order, all where there are not enough."""
        if count <= wanted:
            return torch.arange(count)
        return torch.randperm(count, generator=self.generator)[:wanted].sort().values


def _classes(head: HeadOutput, truth: Supervision) -> Tensor:
    """Return each object's class, -1 where nobody named it; a class-agnostic network knows one."""
    labels = truth.targets.labels
    return torch.zeros_like(labels) if head.class_logits.shape[1] == 2 else labels


def _label_loss(head: HeadOutput, truth: Supervision) -> Tensor:
    """Return how badly each query tells the label of the object that it lies in."""
    assert head.semantics is not None, "the last head tells labels"
    labels = torch.cat([truth.targets.labels, truth.targets.labels.new_full((1,), NO_LABEL)])
    return losses.label_loss(head.semantics, labels[truth.query_object])
