"""The published losses, one query and one object at a time, in double precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max())
    return e / e.sum()


def entropy(logits: Array, truth: Array) -> float:
    p = 1 / (1 + np.exp(-logits))
    return float(-(truth * np.log(p) + (1 - truth) * np.log(1 - p)).mean())


def dice(logits: Array, truth: Array) -> float:
    p = 1 / (1 + np.exp(-logits))
    return float(1 - (2 * (p * truth).sum() + 1) / (p.sum() + truth.sum() + 1))


@dataclass(frozen=True)
class Objects:
    """The truth of a frame: each object's class, its masks over points and fragments, its box and id."""

    classes: Array
    labels: Array
    point_masks: Array
    fragment_masks: Array
    boxes: Array
    ids: Array


@dataclass(frozen=True)
class Head:
    """What a head says of its queries, a fragment each."""

    queries: Array
    class_logits: Array
    mask_logits: Array
    over_points: bool
    boxes: Array
    semantics: Array | None


def owners(objects: Objects, fragment: Array, fragments: int) -> Array:
    """The object that holds more than half of each fragment's points, -1 for none."""
    owner = np.full(fragments, -1)
    for f in range(fragments):
        for o, mask in enumerate(objects.point_masks):
            if mask[fragment == f].mean() > 0.5:
                owner[f] = o
    return owner


def chosen(head: Head, objects: Objects, owner: Array, per_object: int) -> list[tuple[int, int]]:
    """Each object with the cheapest of the queries inside it."""
    masks = objects.point_masks if head.over_points else objects.fragment_masks
    pairs = []
    for o, mask in enumerate(masks):
        cost = {}
        for q in np.flatnonzero(owner == o).tolist():
            likely = softmax(head.class_logits[q])[objects.classes[o]]
            cost[q] = (
                entropy(head.mask_logits[q], mask) + dice(head.mask_logits[q], mask) - 0.5 * float(likely)
            )
        pairs += [(q, o) for q in sorted(cost, key=lambda q: cost[q])[:per_object]]
    return pairs


def head_losses(head: Head, objects: Objects, owner: Array, per_object: int) -> dict[str, float]:
    """Class, mask and dice of one head, without weights."""
    masks = objects.point_masks if head.over_points else objects.fragment_masks
    pairs = chosen(head, objects, owner, per_object)
    background = head.class_logits.shape[1] - 1
    wanted = np.full(len(head.queries), background)
    for q, o in pairs:
        wanted[q] = objects.classes[o]
    weight = np.where(wanted == background, 0.1, 1.0)
    each = [-np.log(softmax(row)[c]) for row, c in zip(head.class_logits, wanted, strict=True)]
    return {
        "class": float((weight * each).sum() / weight.sum()),
        "mask": float(np.mean([entropy(head.mask_logits[q], masks[o]) for q, o in pairs])),
        "dice": float(np.mean([dice(head.mask_logits[q], masks[o]) for q, o in pairs])),
    }


def label_loss(head: Head, objects: Objects, owner: Array) -> float:
    """How badly the queries inside objects tell their labels."""
    assert head.semantics is not None
    inside = np.flatnonzero(owner >= 0)
    said = [softmax(head.semantics[q])[objects.labels[owner[q]]] for q in inside.tolist()]
    return float(-np.mean(np.log(said)))


def object_embeddings(embeddings: Array, objects: Objects, owner: Array) -> dict[int, Array]:
    """The mean of the embeddings of all queries inside each object, by the object's id."""
    return {
        int(name): embeddings[owner == o].mean(0) for o, name in enumerate(objects.ids) if (owner == o).any()
    }


def contrast(now: dict[int, Array], before: dict[int, Array]) -> float:
    """InfoNCE from a frame to the one before it, plus the same the other way; temperature 0.07."""
    both = sorted(now.keys() & before.keys())

    def one_way(own: dict[int, Array], others: dict[int, Array]) -> float:
        names = list(others)
        rows = [softmax(np.array([own[i] @ others[n] for n in names]) / 0.07)[names.index(i)] for i in both]
        return float(-np.mean(np.log(rows)))

    return one_way(now, before) + one_way(before, now) if both else 0.0


def totals(parts: Sequence[dict[str, float]]) -> dict[str, float]:
    """The sums of each part over heads or frames."""
    return {name: sum(part.get(name, 0.0) for part in parts) for name in {n for part in parts for n in part}}
