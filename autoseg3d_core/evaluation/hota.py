"""Higher order tracking accuracy (Luiten et al., IJCV 2021) of label images: detection and association."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64
from scipy.optimize import linear_sum_assignment

from autoseg3d_core.evaluation.label_overlaps import FrameOverlaps

ALPHAS = np.round(np.arange(0.05, 0.96, 0.05), 2)
"""The least overlaps of a match over which HOTA is the mean."""


@dataclass(frozen=True, eq=False)
class HotaCounts:
    """What HOTA is made of, at each of `ALPHAS`; the counts of several runs add up.

    `found` pairs match, `missed` objects and `false` tracks do not. `association` is the sum over the pairs
    of the share of frames in which their object and their track are a pair, of those with either.
    """

    found: Int64[np.ndarray, " alphas"]
    missed: Int64[np.ndarray, " alphas"]
    false: Int64[np.ndarray, " alphas"]
    association: Float[np.ndarray, " alphas"]

    @staticmethod
    def none() -> HotaCounts:
        """Return the counts of no frame."""
        zeros = np.zeros(len(ALPHAS), np.int64)
        return HotaCounts(zeros, zeros, zeros, zeros.astype(float))

    def __add__(self, other: HotaCounts) -> HotaCounts:
        return HotaCounts(
            self.found + other.found,
            self.missed + other.missed,
            self.false + other.false,
            self.association + other.association,
        )

    @property
    def hota(self) -> float:
        """The mean over the overlaps of the root of detection times association accuracy; NaN without any."""
        total = self.found + self.missed + self.false
        if not total.any():
            return float("nan")
        return float(np.sqrt(self.association / np.maximum(total, 1)).mean())


def hota_counts(frames: Sequence[FrameOverlaps]) -> HotaCounts:
    """Return the counts of one run, whose tracks are matched so that those that go together do (eq. 7 on)."""
    objects = np.unique(np.concatenate([np.zeros(0, np.int64), *(frame.objects for frame in frames)]))
    tracks = np.unique(np.concatenate([np.zeros(0, np.int64), *(frame.tracks for frame in frames)]))
    if len(objects) == 0 and len(tracks) == 0:
        return HotaCounts.none()
    places = [
        np.ix_(np.searchsorted(objects, frame.objects), np.searchsorted(tracks, frame.tracks))
        for frame in frames
    ]
    together = np.zeros((len(objects), len(tracks)))
    for place, frame in zip(places, frames, strict=True):
        either = frame.iou.sum(axis=1, keepdims=True) + frame.iou.sum(axis=0, keepdims=True) - frame.iou
        together[place] += frame.iou / np.maximum(either, 1e-12)
    seen = np.bincount(_joined([place[0] for place in places]), minlength=len(objects))[:, None]
    shown = np.bincount(_joined([place[1] for place in places]), minlength=len(tracks))[None]
    alignment = together / np.maximum(seen + shown - together, 1e-12)
    pairs = np.zeros((len(ALPHAS), len(objects), len(tracks)), np.int64)
    for (rows, columns), frame in zip(places, frames, strict=True):
        match = linear_sum_assignment(alignment[rows, columns] * frame.iou, maximize=True)
        is_pair = frame.iou[match] >= ALPHAS[:, None] - 1e-9  # (alphas, matches)
        pairs[:, rows.ravel()[match[0]], columns.ravel()[match[1]]] += is_pair
    found = pairs.sum(axis=(1, 2))
    association = (pairs * (pairs / np.maximum(seen + shown - pairs, 1))).sum(axis=(1, 2))
    return HotaCounts(found, int(seen.sum()) - found, int(shown.sum()) - found, association)


def _joined(parts: Sequence[np.ndarray]) -> Int64[np.ndarray, " values"]:
    return np.concatenate([np.zeros(0, np.int64), *(part.ravel() for part in parts)])
