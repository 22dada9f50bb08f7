"""Masks made from the truth: parts broken, joined, lost and with ragged borders, as a mask maker's are."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Int32

Labels = Int32[np.ndarray, "height width"]
BREAK_CHANCE, JOIN_CHANCE, STRANGE_JOIN_CHANCE, LOSS_CHANCE = 0.15, 0.35, 0.04, 0.08
RAGGED_PX = 4.0


def broken_masks(part: Labels, instance: Labels, rng: np.random.Generator) -> Labels:
    """Return masks (0 none): parts of one object joined at random, others broken in two, some lost."""
    ragged = _ragged(part, rng)
    parts = np.flatnonzero(np.bincount(ragged.ravel()))  # as np.unique, many times faster on small numbers
    row = np.searchsorted(parts, np.arange(parts[-1] + 1))[ragged]
    count = len(parts)
    owner = _owners(parts, part, instance)
    group = _joined(owner, rng)
    halves = group[row] * 2 + _cut(row, count, rng)
    lost = rng.random(2 * count) < LOSS_CHANCE
    return np.where((parts[row] > 0) & ~lost[halves], halves + 1, 0).astype(np.int32)


def _owners(parts: np.ndarray, part: Labels, instance: Labels) -> np.ndarray:
    """Return the object that each part belongs to."""
    owner = np.zeros(max(int(part.max()), int(parts[-1])) + 1, np.int64)
    owner[part.ravel()] = instance.ravel()
    return owner[parts]


def _joined(owner: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the group of each part: that of another part of its object, seldom of any, else its own."""
    count = len(owner)
    group = np.arange(count)
    whole = rng.random(int(owner.max(initial=0)) + 1) < JOIN_CHANCE  # objects that come in one piece
    _, first = np.unique(owner, return_index=True)
    leader = dict(zip(owner[first].tolist(), first.tolist(), strict=True))
    in_one = whole[owner] & (owner > 0)
    group[in_one] = [leader[o] for o in owner[in_one].tolist()]
    strange = rng.random(count) < STRANGE_JOIN_CHANCE
    group[strange] = group[rng.integers(0, count, int(strange.sum()))]
    return group


def _cut(row: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return the side, 0 or 1, of each pixel on a line through its part; most parts are not cut."""
    height, width = row.shape
    y, x = np.mgrid[:height, :width]
    size = np.maximum(np.bincount(row.ravel(), minlength=count), 1)
    middle_x = np.bincount(row.ravel(), x.ravel(), count) / size
    middle_y = np.bincount(row.ravel(), y.ravel(), count) / size
    angle = rng.uniform(0, np.pi, count)
    side = (x - middle_x[row]) * np.cos(angle)[row] + (y - middle_y[row]) * np.sin(angle)[row] > 0
    return (side & (rng.random(count) < BREAK_CHANCE)[row]).astype(np.int64)


def _ragged(labels: Labels, rng: np.random.Generator) -> Labels:
    """Shift pixels by a smooth random field, so that borders do not follow the truth exactly."""
    height, width = labels.shape
    coarse = rng.normal(0, RAGGED_PX * rng.uniform(0.2, 1.0), (2, height // 24 + 2, width // 24 + 2))
    shift = [cv2.resize(c.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC) for c in coarse]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    moved = cv2.remap(
        labels.astype(np.float32),
        x + shift[0],
        y + shift[1],
        cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return moved.astype(np.int32)
