"""Masks made from the truth: parts broken, joined, lost and with ragged borders, as a mask maker's are.

How bad they are is drawn for each clip: from masks that are nearly parts, or nearly objects, to poor ones.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Int, Int32

from autoseg3d_core.datasets.clips import Clip

Labels = Int32[np.ndarray, "height width"]


@dataclass(frozen=True)
class Breakage:
    """How a mask maker errs: the chance that a part is cut, that an object comes in one piece, that a part is
    joined to a stranger, that a mask is lost; and how far borders stray."""

    cut: float = 0.15
    whole: float = 0.35
    stranger: float = 0.04
    lost: float = 0.08
    ragged_px: float = 2.4

    @staticmethod
    def drawn(rng: np.random.Generator) -> Breakage:
        """Return the errors of some mask maker, from hardly any to many."""
        worse = rng.uniform(0.0, 1.0)
        return Breakage(0.3 * worse, rng.uniform(0.0, 1.0), 0.08 * worse, 0.2 * worse, 5.0 * worse)


def with_broken_masks(clip: Clip, rng: np.random.Generator) -> Clip:
    """Return the clip with masks made from its truth, all of its frames' in one manner."""
    errors = Breakage.drawn(rng)
    made = [
        dataclasses.replace(f, masks=broken_masks(f.truth.part, f.truth.instance, rng, errors))
        for f in clip.frames
    ]
    return dataclasses.replace(clip, frames=tuple(made))


def wholeness_of(
    masks: Int[np.ndarray, "height width"], instance: Int[np.ndarray, "height width"]
) -> Float32[np.ndarray, " masks"]:
    """Return how well each mask (1 and up) overlaps the object it overlaps best (IoU), 0 on none."""
    columns = int(instance.max(initial=0)) + 1
    rows = int(masks.max(initial=0)) + 1
    cell = masks.ravel().astype(np.int64) * columns + instance.ravel()
    both = np.bincount(cell, minlength=rows * columns).reshape(rows, columns)
    union = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
    iou = (both / np.maximum(union, 1))[1:, 1:]
    return iou.max(axis=1, initial=0.0).astype(np.float32)


def broken_masks(part: Labels, instance: Labels, rng: np.random.Generator, errors: Breakage) -> Labels:
    """Return masks (0 none): parts of one object joined at random, others broken in two, some lost."""
    ragged = _ragged(part, rng, errors.ragged_px)
    parts = np.flatnonzero(np.bincount(ragged.ravel()))  # as np.unique, many times faster on small numbers
    row = np.searchsorted(parts, np.arange(parts[-1] + 1))[ragged]
    count = len(parts)
    owner = _owners(parts, part, instance)
    group = _joined(owner, rng, errors)
    halves = group[row] * 2 + _cut(row, count, rng, errors.cut)
    lost = rng.random(2 * count) < errors.lost
    return np.where((parts[row] > 0) & ~lost[halves], halves + 1, 0).astype(np.int32)


def _owners(parts: np.ndarray, part: Labels, instance: Labels) -> np.ndarray:
    """Return the object that each part belongs to."""
    owner = np.zeros(max(int(part.max()), int(parts[-1])) + 1, np.int64)
    owner[part.ravel()] = instance.ravel()
    return owner[parts]


def _joined(owner: np.ndarray, rng: np.random.Generator, errors: Breakage) -> np.ndarray:
    """Return the group of each part: that of another part of its object, seldom of any, else its own."""
    count = len(owner)
    group = np.arange(count)
    whole = rng.random(int(owner.max(initial=0)) + 1) < errors.whole  # objects that come in one piece
    _, first = np.unique(owner, return_index=True)
    leader = dict(zip(owner[first].tolist(), first.tolist(), strict=True))
    in_one = whole[owner] & (owner > 0)
    group[in_one] = [leader[o] for o in owner[in_one].tolist()]
    strange = rng.random(count) < errors.stranger
    group[strange] = group[rng.integers(0, count, int(strange.sum()))]
    return group


def _cut(row: np.ndarray, count: int, rng: np.random.Generator, chance: float) -> np.ndarray:
    """Return the side, 0 or 1, of each pixel on a line through its part; most parts are not cut."""
    if chance == 0:
        return np.zeros(row.shape, np.int64)
    height, width = row.shape
    y, x = np.mgrid[:height, :width]
    size = np.maximum(np.bincount(row.ravel(), minlength=count), 1)
    middle_x = np.bincount(row.ravel(), x.ravel(), count) / size
    middle_y = np.bincount(row.ravel(), y.ravel(), count) / size
    angle = rng.uniform(0, np.pi, count)
    side = (x - middle_x[row]) * np.cos(angle)[row] + (y - middle_y[row]) * np.sin(angle)[row] > 0
    return (side & (rng.random(count) < chance)[row]).astype(np.int64)


def _ragged(labels: Labels, rng: np.random.Generator, stray_px: float) -> Labels:
    """Shift pixels by a smooth random field, so that borders do not follow the truth exactly."""
    height, width = labels.shape
    coarse = rng.normal(0, stray_px, (2, height // 24 + 2, width // 24 + 2))
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
