"""Pairs of queries and true objects to learn from: an object takes the cheapest of the queries inside it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from autoseg3d_core.training.losses import mask_cost

CLASS_COST = 0.5


@dataclass(frozen=True, eq=False)
class Matches:
    """Queries and the rows of the true objects that they stand for, a pair each."""

    query: Int64[Tensor, " pairs"]
    object: Int64[Tensor, " pairs"]

    def __len__(self) -> int:
        return len(self.query)


@torch.no_grad()
def match(
    class_logits: Float[Tensor, "queries classes_and_background"],
    mask_logits: Float[Tensor, "queries cells"],
    query_object: Int64[Tensor, " queries"],
    labels: Int64[Tensor, " objects"],
    masks: Float[Tensor, "objects cells"],
    per_object: int = 1,
) -> Matches:
    """Return, for each object, the `per_object` cheapest queries that lie inside it (`query_object`).

    One each is ESAM's sparse matching; several are AutoSeg3D's one-to-many supervision. Cost: half the
    negative class probability, plus binary cross-entropy and dice of the mask.
    """
    objects = len(labels)
    inside = query_object[:, None] == torch.arange(objects, device=labels.device)[None]
    if not bool(inside.any()):
        nothing = torch.zeros(0, dtype=torch.int64, device=labels.device)
        return Matches(nothing, nothing)
    said = class_logits.softmax(dim=1)
    said = torch.cat([said, said[:, :-1].sum(dim=1, keepdim=True)], dim=1)  # label -1: any class
    cost = mask_cost(mask_logits, masks) - CLASS_COST * said[:, labels]
    cost = torch.where(inside, cost, torch.inf)
    least, query = cost.topk(min(per_object, len(cost)), dim=0, largest=False)  # (per_object, objects)
    found = torch.isfinite(least)
    row = torch.arange(objects, device=labels.device).expand_as(query)
    return Matches(query[found], row[found])
