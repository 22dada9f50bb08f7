"""Average precision of 3D instances on a labelled cloud, as ScanNet's benchmark computes it.

Overlaps 0.50 to 0.90 in steps of 0.05 for AP, and AP50, AP25; instances under 100 points count neither as
truth nor as prediction; an unmatched prediction that lies mostly on what has no instance is not held
against it; AP is the area under the precision-recall curve with ScanNet's convolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64

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

    Predictions come by falling score and truths by rising id, which is the order of the greedy pairing.
    `void` counts a prediction's points on no instance; a truth that is not `counted` is too small to be
    looked for.
    """

    intersection: Int64[np.ndarray, "predictions truths"]
    predicted: Int64[np.ndarray, " predictions"]
    void: Int64[np.ndarray, " predictions"]
    scores: Float[np.ndarray, " predictions"]
    predicted_labels: Int64[np.ndarray, " predictions"]
    true: Int64[np.ndarray, " truths"]
    counted: Bool[np.ndarray, " truths"]
    true_labels: Int64[np.ndarray, " truths"]

    def of_label(self, label: int) -> SceneMatch:
        """Return what concerns one class; instances of the other classes are no void for it."""
        rows, columns = self.predicted_labels == label, self.true_labels == label
        return SceneMatch(
            intersection=self.intersection[rows][:, columns],
            predicted=self.predicted[rows],
            void=self.void[rows],
            scores=self.scores[rows],
            predicted_labels=self.predicted_labels[rows],
            true=self.true[columns],
            counted=self.counted[columns],
            true_labels=self.true_labels[columns],
        )


def match_scene(
    predicted_ids: Int64[np.ndarray, " points"],
    true_ids: Int64[np.ndarray, " points"],
    scores: Mapping[int, float],
    predicted_labels: Mapping[int, int] | None = None,
    true_labels: Mapping[int, int] | None = None,
    min_points: int = MIN_POINTS,
) -> SceneMatch:
    """Return the overlaps of two labellings of the same points; ids of 0 are nobody's.

    Scores and labels are by id; a missing score is 1, a missing label 0.
    """
    names, row = np.unique(predicted_ids, return_inverse=True)
    objects, column = np.unique(true_ids, return_inverse=True)
    table = _counts(row, column, len(names), len(objects))[names > 0]
    names = names[names > 0].tolist()
    labels = predicted_labels or {}
    return _match(
        table,
        objects,
        np.bincount(column, minlength=len(objects)),
        np.array([scores.get(name, 1.0) for name in names], dtype=float),
        np.array([labels.get(name, 0) for name in names], dtype=np.int64),
        true_labels,
        min_points,
    )


def match_masks(
    masks: Bool[np.ndarray, "predictions points"],
    scores: Float[np.ndarray, " predictions"],
    true_ids: Int64[np.ndarray, " points"],
    predicted_labels: Int64[np.ndarray, " predictions"] | None = None,
    true_labels: Mapping[int, int] | None = None,
    min_points: int = MIN_POINTS,
) -> SceneMatch:
    """Return the overlaps of masks, which may overlap each other, with the true ids of the same points."""
    objects, column = np.unique(true_ids, return_inverse=True)
    row, point = np.nonzero(masks)
    table = _counts(row, column[point], len(masks), len(objects))
    labels = np.zeros(len(masks), np.int64) if predicted_labels is None else predicted_labels
    sizes = np.bincount(column, minlength=len(objects))
    return _match(table, objects, sizes, np.asarray(scores, float), labels, true_labels, min_points)


def average_precision(scenes: list[SceneMatch]) -> AveragePrecision:
    """Return the class-agnostic average precision over scenes."""
    strict = [_at_overlap(scenes, overlap) for overlap in OVERLAPS]
    return AveragePrecision(float(np.mean(strict)), strict[0], _at_overlap(scenes, LOOSE_OVERLAP))


def class_average_precision(scenes: list[SceneMatch]) -> dict[int, AveragePrecision]:
    """Return the average precision of each class that has a true or a predicted instance."""
    seen = [labels for scene in scenes for labels in (scene.predicted_labels, scene.true_labels)]
    classes = np.unique(np.concatenate(seen)).tolist() if seen else []
    return {label: average_precision([scene.of_label(label) for scene in scenes]) for label in classes}


def mean_average_precision(classes: Mapping[int, AveragePrecision]) -> AveragePrecision:
    """Return the mean over the classes that have a true instance; NaN when none has."""
    rows = np.array([(c.ap, c.ap50, c.ap25) for c in classes.values()]).reshape(-1, 3)
    rows = rows[~np.isnan(rows[:, 0])]
    return AveragePrecision(*(rows.mean(axis=0).tolist() if len(rows) else [float("nan")] * 3))


def _counts(
    row: np.ndarray, column: np.ndarray, rows: int, columns: int
) -> Int64[np.ndarray, "rows columns"]:
    counts = np.bincount(row.ravel() * columns + column.ravel(), minlength=rows * columns)
    return counts.reshape(rows, columns).astype(np.int64)


def _match(
    table: np.ndarray,
    objects: np.ndarray,
    sizes: np.ndarray,
    scores: np.ndarray,
    predicted_labels: np.ndarray,
    true_labels: Mapping[int, int] | None,
    min_points: int,
) -> SceneMatch:
    """Return the match of a contingency table whose columns are the `objects`, 0 among them nobody."""
    predicted, true = table.sum(axis=1), objects > 0
    order = np.argsort(-scores, kind="stable")
    order = order[predicted[order] >= min_points]
    labels = true_labels or {}
    return SceneMatch(
        intersection=table[order][:, true],
        predicted=predicted[order],
        void=table[order][:, ~true].sum(axis=1),
        scores=scores[order],
        predicted_labels=predicted_labels[order],
        true=sizes[true],
        counted=sizes[true] >= min_points,
        true_labels=np.array([labels.get(name, 0) for name in objects[true].tolist()], dtype=np.int64),
    )


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

    A truth takes all predictions above the overlap; the best-scored is its hit, and no other truth's any
    more, and the others are misses.
    """
    union = scene.predicted[:, None] + scene.true[None] - scene.intersection
    above = scene.intersection / np.maximum(union, 1) > overlap
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
    return np.array(hits + [False] * len(stray), bool), score, missed


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
