"""Average precision of 3D instances on a labelled cloud, as ScanNet's benchmark computes it.

Overlaps 0.50 to 0.90 in steps of 0.05 for AP, and AP50, AP25; instances under 100 points count neither as
truth nor as prediction; an unmatched prediction that lies mostly on what has no instance is not held
against it; AP is the area under the precision-recall curve with ScanNet's convolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

OVERLAPS = np.round(np.arange(0.5, 0.95, 0.05), 2)
LOOSE_OVERLAP = 0.25
MIN_POINTS = 100


@dataclass(frozen=True)
class AveragePrecision:
    """Mean over the overlaps 0.50 to 0.90, and at 0.50 and 0.25; NaN without any true instance."""

    ap: float
    ap50: float
    ap25: float


@dataclass(frozen=True, eq=False)
class SceneMatch:
    """The overlaps of one scene's predictions with its true instances, in points.

    `ignored` is the share of each prediction on void: points of no instance, or of one too small.
    """

    intersection: Int64[np.ndarray, "predictions truths"]
    predicted: Int64[np.ndarray, " predictions"]
    true: Int64[np.ndarray, " truths"]
    ignored: Float[np.ndarray, " predictions"]
    scores: Float[np.ndarray, " predictions"]


def match_scene(
    predicted_ids: Int64[np.ndarray, " points"],
    true_ids: Int64[np.ndarray, " points"],
    scores: dict[int, float],
    min_points: int = MIN_POINTS,
) -> SceneMatch:
    """Return the overlaps of two labellings of the same points; ids of 0 are nobody's."""
    names, predicted = np.unique(predicted_ids, return_inverse=True)
    objects, true = np.unique(true_ids, return_inverse=True)
    table = np.zeros((len(names), len(objects)), np.int64)
    np.add.at(table, (predicted, true), 1)
    sizes, true_sizes = table.sum(axis=1), table.sum(axis=0)
    counted = (objects > 0) & (true_sizes >= min_points)
    kept = (names > 0) & (sizes >= min_points)
    return SceneMatch(
        intersection=table[kept][:, counted],
        predicted=sizes[kept],
        true=true_sizes[counted],
        ignored=table[kept][:, ~counted].sum(axis=1) / np.maximum(sizes[kept], 1),
        scores=np.array([scores.get(int(name), 1.0) for name in names[kept]], dtype=float),
    )


def average_precision(scenes: list[SceneMatch]) -> AveragePrecision:
    """Return the class-agnostic average precision over scenes."""
    strict = [_at_overlap(scenes, overlap) for overlap in OVERLAPS]
    return AveragePrecision(float(np.mean(strict)), strict[0], _at_overlap(scenes, LOOSE_OVERLAP))


def _at_overlap(scenes: list[SceneMatch], overlap: float) -> float:
    """Return the average precision at one least intersection over union."""
    parts = [_judged(scene, overlap) for scene in scenes]
    hit = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0, bool)
    score = np.concatenate([part[1] for part in parts]) if parts else np.zeros(0)
    missed = sum(part[2] for part in parts)
    if hit.sum() + missed == 0:
        return float("nan")
    return _area(hit, score, missed)


def _judged(scene: SceneMatch, overlap: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Return hit or miss and score of each counted prediction, and the number of truths not found.

    A truth takes all predictions above the overlap; the best-scored is its hit, the others are misses.
    """
    union = scene.predicted[:, None] + scene.true[None] - scene.intersection
    above = scene.intersection / np.maximum(union, 1) > overlap
    hits, scores = [], []
    for column in above.T:  # true instances of one scene; offline
        own = np.sort(scene.scores[column])[::-1]
        scores += own.tolist()
        hits += [True, *[False] * (len(own) - 1)] if len(own) else []
    stray = ~above.any(axis=1) & (scene.ignored <= overlap)
    scores += scene.scores[stray].tolist()
    hits += [False] * int(stray.sum())
    return np.array(hits, bool), np.array(scores, float), int((~above.any(axis=0)).sum())


def _area(hit: np.ndarray, score: np.ndarray, missed: int) -> float:
    """Return the area under the precision-recall curve; equal scores make one point of it."""
    order = np.argsort(score)
    score, hit = score[order], hit[order]
    total, hits_below = len(hit), np.concatenate([[0], np.cumsum(hit)])
    _, first = np.unique(score, return_index=True)
    found = hits_below[-1] - hits_below[first]
    precision = found / np.maximum(total - first, 1)
    recall = found / (hits_below[-1] + missed)
    precision, recall = np.append(precision, 1.0), np.append(recall, 0.0)
    around = np.convolve(np.concatenate([recall[:1], recall, [0.0]]), [-0.5, 0, 0.5], "valid")
    return float(precision @ around)
