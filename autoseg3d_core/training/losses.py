"""Losses as pure functions of logits and truths: one number each, 0 where there is nothing to compare."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

from autoseg3d_core.geometry.boxes import box_volume

BACKGROUND_WEIGHT = 0.1
"""Queries on no object are many; each counts this much."""
SMALLEST_SIDE_M = 0.05
"""A side of a true box counts as no shorter than this."""
TEMPERATURE = 0.07
"""Of the contrast between embeddings (ESAM)."""


def class_loss(
    logits: Float[Tensor, "queries classes_and_background"], labels: Int64[Tensor, " queries"]
) -> Tensor:
    """Return the cross-entropy, where the last class is the background and weighs less.

    Of an object whose class nobody knows (-1) any class but the background will do.
    """
    if len(logits) == 0:
        return logits.sum()
    said = logits.log_softmax(dim=1)
    some = said[:, :-1].logsumexp(dim=1)
    right = torch.where(labels < 0, some, said.gather(1, labels.clamp(min=0)[:, None])[:, 0])
    weight = torch.where(labels == logits.shape[1] - 1, BACKGROUND_WEIGHT, 1.0).to(logits.dtype)
    return -(weight * right).sum() / weight.sum()


def mask_losses(
    logits: Float[Tensor, "pairs cells"], truth: Float[Tensor, "pairs cells"]
) -> tuple[Tensor, Tensor]:
    """Return binary cross-entropy and dice, means over the pairs."""
    if logits.numel() == 0:
        return logits.sum(), logits.sum()
    entropy = functional.binary_cross_entropy_with_logits(logits, truth)
    soft = logits.sigmoid()
    dice = 1 - (2 * (soft * truth).sum(1) + 1) / (soft.sum(1) + truth.sum(1) + 1)
    return entropy, dice.mean()


def mask_cost(
    logits: Float[Tensor, "queries cells"], truth: Float[Tensor, "objects cells"]
) -> Float[Tensor, "queries objects"]:
    """Return binary cross-entropy plus dice of every pair, for matching."""
    cells = max(logits.shape[1], 1)
    entropy = (functional.softplus(logits).sum(1, keepdim=True) - logits @ truth.T) / cells
    soft = logits.sigmoid()
    dice = 1 - (2 * soft @ truth.T + 1) / (soft.sum(1, keepdim=True) + truth.sum(1)[None] + 1)
    return entropy + dice


def box_loss(boxes: Float[Tensor, "pairs 6"], truth: Float[Tensor, "pairs 6"]) -> Tensor:
    """Return the mean of 1 - IoU, plus the share of the gap (GIoU), plus how far centre and size are off.

    The published loss is 1 - IoU, which says nothing to a box that misses its object altogether, and little
    to one that meets it badly; so the distance of the centres (in true sizes) and the logarithm of the ratio
    of sizes are added, as smooth L1 over the axes.
    """
    if len(boxes) == 0:
        return boxes.sum()
    overlap = _extent(torch.maximum(boxes[:, :3], truth[:, :3]), torch.minimum(boxes[:, 3:], truth[:, 3:]))
    around = _extent(torch.minimum(boxes[:, :3], truth[:, :3]), torch.maximum(boxes[:, 3:], truth[:, 3:]))
    union = box_volume(boxes) + box_volume(truth) - overlap
    iou = overlap / union.clamp(min=1e-9)
    gap = (around - union) / around.clamp(min=1e-9)
    size, true_size = (b[:, 3:] - b[:, :3] for b in (boxes, truth))
    true_size = true_size.clamp(min=SMALLEST_SIDE_M)
    off = (boxes[:, :3] + boxes[:, 3:] - truth[:, :3] - truth[:, 3:]) / 2 / true_size
    ratio = (size.clamp(min=1e-3) / true_size).log()
    apart = functional.smooth_l1_loss(torch.cat([off, ratio], 1), off.new_zeros(len(off), 6))
    return (1 - iou + gap).mean() + apart


def label_loss(
    logits: Float[Tensor, "queries classes_and_none"], labels: Int64[Tensor, " queries"]
) -> Tensor:
    """Return the cross-entropy of the queries that have a label (not -1)."""
    known = labels >= 0
    if not bool(known.any()):
        return logits.sum() * 0
    return functional.cross_entropy(logits[known], labels[known])


def contrast_loss(
    now: Float[Tensor, "objects channels"],
    before: Float[Tensor, "others channels"],
    ids: Int64[Tensor, " objects"],
    ids_before: Int64[Tensor, " others"],
) -> Tensor:
    """Return how badly embeddings of two frames tell objects apart (ESAM): InfoNCE, each way, added up."""
    same = ids[:, None] == ids_before[None]
    rows, columns = same.nonzero(as_tuple=True)
    if len(rows) == 0:
        return (now.sum() + before.sum()) * 0
    logits = now @ before.T / TEMPERATURE
    forwards = functional.cross_entropy(logits[rows], columns)
    backwards = functional.cross_entropy(logits.T[columns], rows)
    return forwards + backwards


def share_loss(logits: Float[Tensor, "instances tracks"], same: Bool[Tensor, "instances tracks"]) -> Tensor:
    """Return the cross-entropy of an object's tracks among all, for instances with one (AutoSeg3D, eq. 11).

    Of an object with several tracks, any will do.
    """
    some = same.any(dim=1)
    if not bool(some.any()):
        return logits.sum() * 0
    theirs = torch.where(same, logits, -torch.inf)[some].logsumexp(dim=1)
    return (logits[some].logsumexp(dim=1) - theirs).mean()


def confidence_loss(
    logits: Float[Tensor, "instances tracks"],
    same: Bool[Tensor, "instances tracks"],
    known: Bool[Tensor, "instances tracks"],
) -> Tensor:
    """Return the binary cross-entropy of the pairs of which one knows, each alike (AutoSeg3D, L_conf)."""
    if not bool(known.any()):
        return logits.sum() * 0
    return functional.binary_cross_entropy_with_logits(logits[known], same[known].to(logits.dtype))


def pair_loss(logits: Float[Tensor, "*pairs"], same: Bool[Tensor, "*pairs"]) -> Tensor:
    """Return the mean over pairs of one object plus the mean over the others (binary cross-entropy).

    There are far more others; each kind counts as one (AutoSeg3D, loss of mask integration).
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, same.to(logits.dtype), reduction="none")
    parts = [entropy[kind].mean() for kind in (same, ~same) if bool(kind.any())]
    return torch.stack(parts).sum() if parts else logits.sum()


def _extent(low: Tensor, high: Tensor) -> Float[Tensor, " pairs"]:
    return (high - low).clamp(min=0).prod(dim=1)
