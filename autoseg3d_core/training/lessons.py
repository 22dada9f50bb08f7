"""What each model teaches the parts that find its tracks: which these are, and what they get wrong."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from autoseg3d_core import build
from autoseg3d_core.geometry.boxes import box_iou_3d
from autoseg3d_core.models.autoseg3d import Comparison
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.models.samosaic3d import Match
from autoseg3d_core.modules.embedding_head import EmbeddingHead, EmbeddingShape
from autoseg3d_core.modules.fragment_merging import FragmentMerging, MergingShape
from autoseg3d_core.modules.scene_matching import MatchingShape
from autoseg3d_core.modules.track_association import AssociationShape
from autoseg3d_core.tracking.assignment import Assigner
from autoseg3d_core.training import losses
from autoseg3d_core.training.row_batches import AssociationTrainingConfig
from autoseg3d_core.training.rows import FrameRows, ObjectRows
from autoseg3d_core.training.tracks import FindsTracks

Parts = Iterator[tuple[str, Tensor]]
"""Weighted losses by name; a name may come more than once."""


@dataclass(frozen=True)
class Lesson:
    """A model's lesson: the network that it wants, the parts of it that learn, and their losses.

    `of_pairs` takes what the model says of the pairs of instance and track, which are one object, and of
    which pairs that is known; `of_clip` all frames of a clip.
    """

    shape: Callable[[NetworkShape, AssociationTrainingConfig], NetworkShape]
    learned: tuple[str, ...]
    model: Callable[[build.Config, Network], tuple[FindsTracks, Assigner]]
    of_pairs: Callable[[AssociationTrainingConfig, Any, Tensor, Tensor], Parts]
    of_clip: Callable[[AssociationTrainingConfig, Network, Sequence[FrameRows]], Parts]


def _autoseg3d_shape(base: NetworkShape, config: AssociationTrainingConfig) -> NetworkShape:
    return dataclasses.replace(
        base,
        association=AssociationShape(config.appearance, config.gate),
        merging=MergingShape(),
        embedding=EmbeddingShape(),
    )


def _association(
    config: AssociationTrainingConfig, comparison: Comparison, same: Tensor, told: Tensor
) -> Parts:
    """Yield the losses of share and confidence (AutoSeg3D, training of the long-term memory)."""
    yield "share", config.share_weight * losses.share_loss(comparison.logits.share, same)
    sure = comparison.logits.confidence
    if sure is not None:
        yield "confidence", config.confidence_weight * losses.confidence_loss(sure, same, told)


def _merging_and_contrast(
    config: AssociationTrainingConfig, network: Network, clip: Sequence[FrameRows]
) -> Parts:
    """Yield the losses of pairs of fragments, and of embeddings from frame to frame."""
    merging, embedding = network.part(FragmentMerging), network.part(EmbeddingHead)
    assert merging is not None
    assert embedding is not None
    for frame in clip:
        yield "merging", config.merging_weight * merging_loss(merging, frame.fragments)
    for before, now in itertools.pairwise(clip):
        first, second = before.instances, now.instances
        contrast = losses.contrast_loss(
            embedding(second.queries),
            embedding(first.queries),
            *named_apart(second.ids, first.ids),
        )
        yield "contrast", config.contrast_weight * contrast


def _matching(config: AssociationTrainingConfig, match: Match, same: Tensor, told: Tensor) -> Parts:
    """Yield the loss of the pairs with the short memory (SAMosaic3D, L_merge)."""
    if len(match.short):
        same, told = same[:, match.short], told[:, match.short]
        yield "match", config.match_weight * losses.confidence_loss(match.logits, same, told)


def _nothing(config: AssociationTrainingConfig, network: Network, clip: Sequence[FrameRows]) -> Parts:
    return iter(())


LESSONS: dict[str, Lesson] = {
    "autoseg3d": Lesson(
        _autoseg3d_shape,
        ("association", "merging", "embedding"),
        build.autoseg3d,
        _association,
        _merging_and_contrast,
    ),
    "samosaic3d": Lesson(
        lambda base, config: dataclasses.replace(base, matching=MatchingShape()),
        ("matching",),
        build.samosaic3d,
        _matching,
        _nothing,
    ),
}
"""The lesson of each model."""


def merging_loss(merging: FragmentMerging, rows: ObjectRows) -> Tensor:
    """Return the loss of predicting which pairs of fragments are one object, without those on no object."""
    inside = rows.ids > 0
    queries, boxes, ids = (column[inside] for column in (rows.queries, rows.boxes, rows.ids))
    first, second = torch.triu_indices(len(ids), len(ids), 1, device=ids.device)
    if len(first) == 0:
        return merging.same.bias.sum() * 0
    overlap = box_iou_3d(boxes, boxes)[first, second]
    logits = merging.logits(merging.describe(queries), first, second, overlap)
    return losses.pair_loss(logits, ids[first] == ids[second])


def named_apart(now: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """Return ids in which instances on no object (0) are like none of the other frame."""
    return torch.where(now == 0, -1, now), torch.where(before == 0, -2, before)
