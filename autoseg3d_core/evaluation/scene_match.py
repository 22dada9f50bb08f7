"""The overlaps of one scene's predicted instances with its true ones, from which precision is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64

MIN_POINTS = 100
"""Instances of fewer points count neither as truth nor as prediction, as in ScanNet's benchmark."""


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
