"""Is one configuration better than another on the same scenes? Scenes drawn at random say how sure that is.

A paired bootstrap (Efron and Tibshirani 1993): as many scenes as there are, drawn with replacement, scored
for both; the middle 95 % of the differences are the interval.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from autoseg3d_core.evaluation.scene_labels import PUBLISHED
from autoseg3d_core.evaluation.scene_scores import SceneResult, Scores, pooled
from autoseg3d_core.evaluation.score_columns import COMPARED

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """A score of both, and the interval of the second's lead over the first, NaN for a single scene."""

    name: str
    first: float
    second: float
    low: float
    high: float

    @property
    def verdict(self) -> int:
        """1 where the second is better for sure, -1 where the first is, 0 where nobody can tell."""
        more = COMPARED[self.name].more_is_better
        if self.low > 0:
            return 1 if more else -1
        if self.high < 0:
            return -1 if more else 1
        return 0


def differences(
    first: Sequence[SceneResult], second: Sequence[SceneResult], draws: int, seed: int = 0
) -> list[Difference]:
    """Return every score of two configurations on the same scenes, in the same order."""
    ours, theirs = [_slim(result) for result in first], [_slim(result) for result in second]
    values = [_values(pooled(results)) for results in (ours, theirs)]
    random = np.random.default_rng(seed)
    apart = np.full((0, len(COMPARED)), np.nan)
    if len(ours) > 1:
        chosen = random.integers(0, len(ours), (draws, len(ours)))
        apart = np.array([_drawn(theirs, rows) - _drawn(ours, rows) for rows in chosen.tolist()])
    return [
        Difference(name, values[0][i], values[1][i], *_interval(apart[:, i]))
        for i, name in enumerate(COMPARED)
    ]


def _interval(apart: np.ndarray) -> tuple[float, float]:
    known = apart[~np.isnan(apart)]
    if len(known) == 0:
        return float("nan"), float("nan")
    edge = (1 - CONFIDENCE) / 2
    low, high = np.quantile(known, (edge, 1 - edge))
    return float(low), float(high)


def _drawn(results: Sequence[SceneResult], rows: Iterable[int]) -> np.ndarray:
    return _values(pooled([results[row] for row in rows]))


def _values(scores: Scores) -> np.ndarray:
    return np.array([getattr(scores, name) for name in COMPARED], float)


def _slim(result: SceneResult) -> SceneResult:
    """Return what the compared scores need, so that a draw costs little."""
    return dataclasses.replace(result, precision={PUBLISHED: result.precision[PUBLISHED]}, classes={})
