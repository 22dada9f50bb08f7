"""Average precision of 3D instances on a labelled cloud, as ScanNet's benchmark computes it.

Overlaps 0.50 to 0.90 in steps of 0.05 for AP, and AP50, AP25; instances under 100 points count neither as
truth nor as prediction; an unmatched prediction that lies mostly on what has no instance is not held
against it; AP is the area under the precision-recall curve with ScanNet's convolution. Some papers average
up to 0.95 instead; that is given beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int64

from autoseg3d_core.evaluation.scene_match import SceneMatch

LOOSE_OVERLAP = 0.25
UP_TO_95 = np.round(np.arange(0.5, 1.0, 0.05), 2)
OVERLAPS = UP_TO_95[:-1]
"""Those of the published AP, which ends at 0.90."""
JUDGED_AT = np.array([LOOSE_OVERLAP, *UP_TO_95])


@dataclass(frozen=True)
class AveragePrecision:
    """Mean over the overlaps 0.50 to 0.90, at 0.50 and 0.25, and mean up to 0.95; NaN without any truth."""

    ap: float
    ap50: float
    ap25: float
    ap_to_95: float


@dataclass(frozen=True, eq=False)
class Judgement:
    """What became of one scene's predictions, a row for each that counts at each overlap of `JUDGED_AT`.

    `missed` is the number of true instances not found at each overlap.
    """

    overlap: Int64[np.ndarray, " outcomes"]
    score: Float[np.ndarray, " outcomes"]
    hit: Bool[np.ndarray, " outcomes"]
    missed: Int64[np.ndarray, " overlaps"]


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Points of a precision-recall curve, by rising score; the last is the artificial one of recall 0."""

    precision: Float[np.ndarray, " points"]
    recall: Float[np.ndarray, " points"]

    @property
    def area(self) -> float:
        """The area under the curve by ScanNet's convolution."""
        recall = np.concatenate([self.recall[:1], self.recall, [0.0]])
        return float(self.precision @ np.convolve(recall, [-0.5, 0, 0.5], "valid"))


def average_precision(scenes: Sequence[SceneMatch]) -> AveragePrecision:
    """Return the class-agnostic average precision over scenes."""
    return pooled_precision([judge(scene) for scene in scenes])


def pooled_precision(scenes: Sequence[Judgement]) -> AveragePrecision:
    """Return the average precision over scenes that are judged."""
    loose, *strict = (_area(scenes, at) for at in range(len(JUDGED_AT)))
    published = strict[: len(OVERLAPS)]
    return AveragePrecision(float(np.mean(published)), strict[0], loose, float(np.mean(strict)))


def class_average_precision(scenes: list[SceneMatch]) -> dict[int, AveragePrecision]:
    """Return the average precision of each class that has a true or a predicted instance."""
    seen = [labels for scene in scenes for labels in (scene.predicted_labels, scene.true_labels)]
    classes = np.unique(np.concatenate(seen)).tolist() if seen else []
    return {label: average_precision([scene.of_label(label) for scene in scenes]) for label in classes}


def mean_average_precision(classes: Mapping[Any, AveragePrecision]) -> AveragePrecision:
    """Return the mean over the classes that have a true instance; NaN when none has."""
    rows = np.array([(c.ap, c.ap50, c.ap25, c.ap_to_95) for c in classes.values()]).reshape(-1, 4)
    rows = rows[~np.isnan(rows[:, 0])]
    return AveragePrecision(*(rows.mean(axis=0).tolist() if len(rows) else [float("nan")] * 4))


def judge(scene: SceneMatch) -> Judgement:
    """Return what becomes of a scene's predictions at every overlap.

    A truth takes all predictions above the overlap; the best-scored is its hit, and no other truth's any
    more, and the others are misses.
    """
    union = scene.predicted[:, None] + scene.true[None] - scene.intersection
    iou = scene.intersection / np.maximum(union, 1)
    parts = [_judged(scene, iou > overlap, overlap) for overlap in JUDGED_AT.tolist()]
    return Judgement(
        np.repeat(np.arange(len(parts)), [len(score) for score, _, _ in parts]),
        np.concatenate([score for score, _, _ in parts]),
        np.concatenate([hit for _, hit, _ in parts]),
        np.array([missed for _, _, missed in parts], dtype=np.int64),
    )


def _judged(scene: SceneMatch, above: np.ndarray, overlap: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Return score and hit or miss of each counted prediction, and the number of truths not found."""
    free = np.ones(len(scene.predicted), bool)
    hits: list[bool] = []
    taken: list[int] = []
    missed = 0
    for column in above[:, scene.counted].T:  # true instances of one scene; offline
        own = np.flatnonzero(column & free).tolist()
        missed += not own
        free[own[:1]] = False
        hits += [place == 0 for place in range(len(own))]
        taken += own
    ignored = scene.void + scene.intersection[:, ~scene.counted].sum(axis=1)
    stray = np.flatnonzero(~above.any(axis=1) & (ignored / np.maximum(scene.predicted, 1) <= overlap))
    score = scene.scores[np.array([*taken, *stray.tolist()], np.int64)]
    return score, np.array(hits + [False] * len(stray), bool), missed


def curve(scenes: Sequence[Judgement], at: int) -> PrecisionRecall | None:
    """Return the precision-recall curve at `JUDGED_AT[at]`, None without any true instance.

    Equal scores make one point of it.
    """
    own = [(scene.score[scene.overlap == at], scene.hit[scene.overlap == at]) for scene in scenes]
    score = np.concatenate([np.zeros(0), *(part for part, _ in own)])
    hit = np.concatenate([np.zeros(0, bool), *(part for _, part in own)])
    missed = sum(int(scene.missed[at]) for scene in scenes)
    if hit.sum() + missed == 0:
        return None
    order = np.argsort(score)
    score, hit = score[order], hit[order]
    total, hits_below = len(hit), np.concatenate([[0], np.cumsum(hit)])
    _, first = np.unique(score, return_index=True)
    found = hits_below[-1] - hits_below[first]
    precision = found / np.maximum(total - first, 1)
    recall = found / (hits_below[-1] + missed)
    return PrecisionRecall(np.append(precision, 1.0), np.append(recall, 0.0))


def _area(scenes: Sequence[Judgement], at: int) -> float:
    """Return the average precision at one least intersection over union."""
    points = curve(scenes, at)
    return float("nan") if points is None else points.area
