"""Non-maximum suppression that stays on the device: what ultralytics' gives, without a loop over boxes.

ultralytics leaves suppression to torchvision where that has been imported (and fits the installed torch), and
to a loop over boxes elsewhere, which on a GPU waits for the device at every box.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

MOST_CANDIDATES = 3000
"""The surest boxes among which the suppression chooses; a frame's masks are a tenth of that at most."""
ROUNDS = 4
"""Rounds between two looks at whether anything still changes."""


def suppressed(
    rows: Float[Tensor, "columns anchors"], classes: int, confidence: float, iou: float, most: int
) -> Float[Tensor, "found outputs"]:
    """Return the boxes that no surer one overlaps by more than `iou`, the surest first.

    Columns are centre, size, a score per class and coefficients; outputs are corners, score, class and
    coefficients. Classes do not tell boxes apart.
    """
    score, label = rows[4 : 4 + classes].max(dim=0)
    candidate = (score > confidence).nonzero()[:, 0]
    order = score[candidate].sort(descending=True, stable=True).indices[:MOST_CANDIDATES]
    chosen = candidate[order]
    center, half = rows[:2, chosen].T, rows[2:4, chosen].T / 2
    boxes = torch.cat([center - half, center + half], dim=1)
    kept = greedy(overlaps(boxes) > iou).nonzero()[:most, 0]
    chosen = chosen[kept]
    found = [boxes[kept], score[chosen, None], label[chosen, None].to(boxes), rows[4 + classes :, chosen].T]
    return torch.cat(found, dim=1)


def greedy(too_close: Bool[Tensor, "boxes boxes"]) -> Bool[Tensor, " boxes"]:
    """Return the boxes that remain when each, in order, drops the later ones that are too close to it.

    A box remains unless one before it remains and is too close. Applied to all boxes at once, this settles
    the first box in the first round, and with each round at least one more.
    """
    rivals = too_close.triu(diagonal=1).float()  # (earlier, later)
    kept = rivals.new_ones(len(rivals))
    while True:
        before = kept
        for _ in range(ROUNDS):
            kept = (kept @ rivals < 0.5).float()
        if torch.equal(before, kept):
            return kept > 0


def overlaps(boxes: Float[Tensor, "boxes 4"]) -> Float[Tensor, "boxes boxes"]:
    """Return the intersection over union of every two boxes, 0 where both are empty."""
    low = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(dim=2)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    return shared / (area[:, None] + area[None] - shared).clamp(min=1e-9)
