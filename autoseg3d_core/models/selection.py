"""Selection: which of a frame's queries are instances, by score, agreement among them, and size."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from autoseg3d_core.config import setting
from autoseg3d_core.models.whole_fragments import owners
from autoseg3d_core.structures import NOBODY, UNLABELLED, FragmentCloud, Prediction, Rows


@dataclass(frozen=True)
class SelectionConfig:
    """How queries become instances; the defaults are for the bundled weights (published: docs/network.md)."""

    per_class: bool = setting(
        False,
        "let a query be a candidate for every class, as published for class-aware weights; "
        "otherwise only for its best class",
        live=True,
    )
    top_k: int = setting(
        60,
        "number of candidates per frame, chosen by class score",
        unit="candidates",
        low=1,
        high=1000,
        live=True,
    )
    suppress: bool = setting(True, "lower the score of a mask that overlaps a better one", live=True)
    mask_threshold: float = setting(
        0.5, "a point belongs to a mask if its mask probability is higher", low=0.0, high=1.0, live=True
    )
    score_threshold: float = setting(
        0.5,
        "keep instances with a higher score; lower it if objects are missed, raise it if there "
        "are false ones",
        low=0.0,
        high=1.0,
        live=True,
    )
    min_points: int = setting(
        30, "keep instances with more points than this", unit="points", low=0, high=100_000, live=True
    )
    exclusive: bool = setting(
        True,
        "a point on several masks belongs only to the one with the highest mask probability "
        "there; false as published",
        live=True,
    )
    whole_fragments: bool = setting(
        False,
        "assign all points of a 2D mask to one instance, for masks with sharp borders "
        "(config/good_masks.yaml); false decides each point separately, as published",
        live=True,
    )
    split_share: float = setting(
        0.3,
        "with whole_fragments, still split a 2D mask if the network is sure that at least this "
        "fraction of its points belongs to a second instance; 1 never splits",
        low=0.01,
        high=1.0,
        live=True,
    )


LEAST_OWN_SHARE = 0.3
"""A mask with a smaller share of points that no better mask has is taken for a duplicate, and left out."""


@dataclass(frozen=True, eq=False)
class Candidates(Rows):
    """The queries with the best class scores, best first; a query may stand for several classes."""

    query: Int64[Tensor, " candidates"]
    labels: Int64[Tensor, " candidates"]
    scores: Float[Tensor, " candidates"]
    soft_masks: Float[Tensor, "candidates points"]

    def ranked(self, scores: Float[Tensor, " candidates"]) -> Candidates:
        """Return the candidates with these scores, best first."""
        order = torch.argsort(scores, descending=True, stable=True)
        return dataclasses.replace(self, scores=scores)[order]


@dataclass(frozen=True, eq=False)
class Selected(Rows):
    """The queries that are instances, best first, with their masks over the points."""

    query: Int64[Tensor, " instances"]
    masks: Bool[Tensor, "instances points"]
    scores: Float[Tensor, " instances"]
    labels: Int64[Tensor, " instances"]


def select_instances(prediction: Prediction, cloud: FragmentCloud, config: SelectionConfig) -> Selected:
    """Return which of a frame's predicted queries are instances.

    A model of one class is class-agnostic, and its instances have no label.
    """
    candidates = suppress_overlaps(
        best_candidates(prediction, config.top_k, config.per_class), config.suppress, config.per_class
    )
    candidates = candidates[candidates.scores > config.score_threshold]
    candidates, masks = _separate(candidates, cloud, config)
    labels = candidates.labels
    if prediction.class_logits.shape[1] == 2:
        labels = torch.full_like(labels, UNLABELLED)
    return Selected(candidates.query, masks, candidates.scores, labels)


def _separate(
    candidates: Candidates, cloud: FragmentCloud, config: SelectionConfig
) -> tuple[Candidates, Bool[Tensor, "candidates points"]]:
    """Return the candidates that are large enough, with their masks.

    Where masks exclude one another, those that have too little for themselves give way first, and what they
    leave goes to the others.
    """
    masks = candidates.soft_masks > config.mask_threshold
    if config.exclusive and len(masks):
        own = _exclusive(candidates.soft_masks, cloud, config)
        kept = own.sum(dim=1) >= LEAST_OWN_SHARE * masks.sum(dim=1)
        kept &= own.sum(dim=1) > config.min_points
        candidates = candidates[kept]
        masks = _exclusive(candidates.soft_masks, cloud, config)
    large = (masks.sum(dim=1) > config.min_points).nonzero()[:, 0]
    return candidates[large], masks[large]


def _exclusive(
    soft_masks: Float[Tensor, "candidates points"], cloud: FragmentCloud, config: SelectionConfig
) -> Bool[Tensor, "candidates points"]:
    """Return masks of which no two share a point."""
    if len(soft_masks) == 0:
        return soft_masks > 0
    if config.whole_fragments:
        owner = owners(soft_masks, cloud, config.mask_threshold, config.split_share)
    else:
        best, winner = soft_masks.max(dim=0)  # the better one wins a tie
        owner = torch.where(best > config.mask_threshold, winner, NOBODY)
    return owner[None] == torch.arange(len(soft_masks), device=owner.device)[:, None]


def best_candidates(prediction: Prediction, top_k: int, per_class: bool = True) -> Candidates:
    """Return the pairs of query and class with the best scores; a score counts how sure its mask is too.

    Without `per_class` there is one pair per query: its best class, with the score of being an object at all.
    """
    scores = prediction.class_logits.softmax(dim=1)[:, :-1]
    if not per_class:
        scores = torch.zeros_like(scores).scatter(
            1, scores.argmax(1, keepdim=True), scores.sum(1, keepdim=True)
        )
    classes = scores.shape[1]
    wanted = min(top_k, scores.numel() if per_class else len(scores))
    best, flat = scores.flatten().topk(wanted)
    query = torch.div(flat, classes, rounding_mode="floor")
    logits = prediction.mask_logits[query]
    soft, on = logits.sigmoid(), logits > 0
    surety = (soft * on).sum(dim=1) / (on.sum(dim=1) + 1e-6)
    return Candidates(query, flat % classes, best, soft).ranked(best * surety)


def suppress_overlaps(candidates: Candidates, enabled: bool = True, per_class: bool = True) -> Candidates:
    """Lower each score by how much its soft mask overlaps better ones (matrix NMS, linear).

    With `per_class`, only better ones of its label count.

    A better mask counts less the more it is itself overlapped by a still better one. None is removed.
    """
    if not enabled or len(candidates.query) == 0:
        return candidates
    soft = candidates.soft_masks
    common, size = soft @ soft.T, soft.sum(dim=1)
    iou = common / (size[:, None] + size[None, :] - common).clamp(min=1e-6)
    if per_class:
        iou = iou * (candidates.labels[:, None] == candidates.labels[None, :])
    iou = torch.triu(iou, diagonal=1)  # row: the better one, column: the worse one
    overlapped = iou.amax(dim=0)
    decay = ((1 - iou) / (1 - overlapped[:, None]).clamp(min=1e-6)).where(iou > 0, 1.0)
    return candidates.ranked(candidates.scores * decay.amin(dim=0))
