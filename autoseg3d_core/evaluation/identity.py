"""Do tracks keep their objects? Identity over time, from label images against true ones.

In every frame a true object and a track match when their masks overlap by more than half (intersection
over union); masks of an image are disjoint, so an object has at most one such track, and a track one such
object. IDF1 is that of Ristani et al. (2016): the best one-to-one pairing of objects and tracks over the
whole run.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32
from scipy.optimize import linear_sum_assignment

MIN_IOU = 0.5
"""Not lower: two tracks could match one object."""
ABSENCE = 100
"""An object out of view for at least so many frames was away."""
MIN_PIXELS = 0.001
"""Share of the image below which a true object is not counted: it is hardly in view."""


@dataclass(frozen=True)
class IdentityScores:
    """Identity F1, changes of the id that an object has, and times that an object was lost and found.

    `returns` counts the objects that came back into view after an absence, `recalled` those of them that the
    first track after it had the id of the last before it.
    """

    idf1: float
    id_switches: int
    fragmentations: int
    recall: float
    returns: int
    recalled: int


class IdentityScorer:
    """Collects frames, then scores them."""

    def __init__(self, min_pixels: float = MIN_PIXELS, absence: int = ABSENCE) -> None:
        self._min_pixels, self._absence = min_pixels, absence
        self._frame = self._returns = self._recalled = 0
        self._last_seen: dict[int, int] = {}
        self._away: set[int] = set()
        self._last_id: dict[int, int] = {}
        self._covered: dict[int, bool] = {}
        self._together: Counter[tuple[int, int]] = Counter()
        self._seen: Counter[int] = Counter()
        self._predicted: Counter[int] = Counter()
        self._switches = self._fragmentations = self._matches = 0

    def add(
        self, truth: Int32[np.ndarray, "height width"], predicted: Int32[np.ndarray, "height width"]
    ) -> None:
        """Count one frame; tracks that lie mostly on nothing true (walls, floor) are passed over."""
        objects, tracks, iou, on_objects = self._overlaps(truth, predicted)
        rows, columns = (iou > MIN_IOU).nonzero()
        matched = dict(zip(objects[rows].tolist(), tracks[columns].tolist(), strict=True))
        for name in objects.tolist():
            self._follow(name, matched.get(name))
        self._seen.update(objects.tolist())
        self._predicted.update(tracks[on_objects].tolist())
        self._together.update(matched.items())
        self._matches += len(matched)
        self._last_seen.update(dict.fromkeys(objects.tolist(), self._frame))
        self._frame += 1

    def scores(self) -> IdentityScores:
        """Return the scores of the frames so far."""
        objects, tracks = sorted(self._seen), sorted(self._predicted)
        worth = np.array([[self._together[o, t] for t in tracks] for o in objects], float)
        worth = worth.reshape(len(objects), len(tracks))
        true_positives = worth[linear_sum_assignment(worth, maximize=True)].sum()
        total = sum(self._seen.values()) + sum(self._predicted.values())
        return IdentityScores(
            idf1=float(2 * true_positives / total) if total else float("nan"),
            id_switches=self._switches,
            fragmentations=self._fragmentations,
            recall=self._matches / sum(self._seen.values()) if self._seen else float("nan"),
            returns=self._returns,
            recalled=self._recalled,
        )

    def _follow(self, name: int, track: int | None) -> None:
        if self._frame - self._last_seen.get(name, self._frame) > self._absence and name in self._last_id:
            self._away.add(name)
        if track is not None:
            last = self._last_id.get(name, track)
            if name in self._away:
                self._away.discard(name)
                self._returns += 1
                self._recalled += last == track
            self._switches += last != track
            self._fragmentations += self._covered.get(name) is False and name in self._last_id
            self._last_id[name] = track
        self._covered[name] = track is not None

    def _overlaps(
        self, truth: np.ndarray, predicted: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the objects, the tracks, their overlaps, and which tracks lie mostly on objects."""
        objects, row = np.unique(truth, return_inverse=True)
        tracks, column = np.unique(predicted, return_inverse=True)
        pixels = np.bincount(row.ravel() * len(tracks) + column.ravel(), minlength=len(objects) * len(tracks))
        table = pixels.reshape(len(objects), len(tracks))
        iou = table / (table.sum(axis=1, keepdims=True) + table.sum(axis=0, keepdims=True) - table)
        counted = (objects > 0) & (table.sum(axis=1) >= self._min_pixels * truth.size)
        named = tracks > 0
        on_objects = table[counted][:, named].sum(axis=0) > table[:, named].sum(axis=0) / 2
        return objects[counted], tracks[named], iou[counted][:, named], on_objects
