"""Overlapping masks become one image of disjoint ones: the larger is painted first, the smaller over it."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int64
from torch import Tensor


def flatten(masks: Bool[Tensor, "masks height width"]) -> Int64[Tensor, "height width"]:
    """Return the index of the smallest mask that covers each pixel, -1 where none does.

    Of masks of one size the later covers the earlier. Masks are indexed as given.
    """
    if len(masks) == 0:
        return torch.full(masks.shape[1:], -1, dtype=torch.int64, device=masks.device)
    area = masks.flatten(1).sum(dim=1)
    later_first = torch.arange(len(masks), device=masks.device).flip(0)
    order = later_first[torch.argsort(area[later_first], stable=True)]  # smallest first
    first = masks[order].to(torch.uint8).argmax(dim=0)  # of equal values argmax gives the first
    return torch.where(masks.any(dim=0), order[first], -1)


def renumbered(index: Int64[Tensor, "height width"], count: int) -> tuple[Tensor, Int64[Tensor, " shown"]]:
    """Return the image with the masks that show numbered without gaps, and which they are."""
    shown = torch.zeros(count + 1, dtype=torch.bool, device=index.device)
    shown[index.flatten() + 1] = True
    shown[0] = False
    number = torch.cumsum(shown, dim=0) - 1
    number = torch.where(shown, number, -1)
    return number[index + 1], shown[1:].nonzero()[:, 0]
