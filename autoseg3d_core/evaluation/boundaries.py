"""How sharp labels are: do the borders in label images lie where those of the objects do?

A border runs between two neighbouring pixels of different ids; both are border pixels. Precision is the share
of predicted border pixels with a true one within 2 pixels, recall the share of true ones with a predicted one
within 2 pixels. Pixels are pooled over frames. It is the boundary F-measure of Martin et al. (PAMI 2004)
without its one-to-one matching.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Int, UInt8

TOLERANCE_PX = 2


@dataclass(frozen=True)
class BoundaryCounts:
    """Border pixels of label images and of the truth, and how many of each have one of the other nearby."""

    predicted: int = 0
    predicted_right: int = 0
    true: int = 0
    true_found: int = 0

    def __add__(self, other: BoundaryCounts) -> BoundaryCounts:
        """Return the counts of both."""
        return BoundaryCounts(
            self.predicted + other.predicted,
            self.predicted_right + other.predicted_right,
            self.true + other.true,
            self.true_found + other.true_found,
        )

    @property
    def f_score(self) -> float:
        """The harmonic mean of precision and recall, NaN where there is no border at all."""
        if self.predicted + self.true == 0:
            return float("nan")
        precision = self.predicted_right / max(self.predicted, 1)
        recall = self.true_found / max(self.true, 1)
        return 2 * precision * recall / max(precision + recall, 1e-12)


def boundary_counts(
    predicted: Int[np.ndarray, "height width"],
    truth: Int[np.ndarray, "height width"],
    tolerance_px: int = TOLERANCE_PX,
) -> BoundaryCounts:
    """Count one frame; ids that lie mostly on no object (walls, floor) are passed over, as nobody's."""
    ours, theirs = borders(_on_objects(predicted, truth)), borders(truth)
    near_ours, near_theirs = _widened(ours, tolerance_px), _widened(theirs, tolerance_px)
    return BoundaryCounts(
        int(ours.sum()), int((ours & near_theirs).sum()), int(theirs.sum()), int((theirs & near_ours).sum())
    )


def borders(ids: Int[np.ndarray, "height width"]) -> Bool[np.ndarray, "height width"]:
    """Return which pixels have a neighbour of another id to the left, right, top or bottom."""
    border = np.zeros(ids.shape, bool)
    across, down = ids[:, 1:] != ids[:, :-1], ids[1:] != ids[:-1]
    border[:, 1:] |= across
    border[:, :-1] |= across
    border[1:] |= down
    border[:-1] |= down
    return border


def _on_objects(
    predicted: Int[np.ndarray, "height width"], truth: Int[np.ndarray, "height width"]
) -> Int[np.ndarray, "height width"]:
    names, row = np.unique(predicted, return_inverse=True)
    size = np.bincount(row.ravel(), minlength=len(names))
    on_objects = np.bincount(row.ravel()[truth.ravel() > 0], minlength=len(names))
    kept = np.where(2 * on_objects > size, names, 0)
    return kept[row].reshape(predicted.shape)


def _widened(border: Bool[np.ndarray, "height width"], pixels: int) -> Bool[np.ndarray, "height width"]:
    """Return which pixels lie within so many of a border, as the crow flies."""
    reach = np.arange(-pixels, pixels + 1)
    disk: UInt8[np.ndarray, "side side"] = (reach**2 + reach[:, None] ** 2 <= pixels**2).astype(np.uint8)
    return cv2.dilate(border.astype(np.uint8), disk) > 0
