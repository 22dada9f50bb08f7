"""Do tracks keep their objects? Identity over time, from label images against true ones.

In every frame a true object and a track match when their masks overlap by more than half (intersection
over union). IDF1 (Ristani et al. 2016), switches and fragmentations are counted by motmetrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from autoseg3d_core.evaluation.hota import HotaCounts, hota_counts
from autoseg3d_core.evaluation.label_overlaps import MIN_IOU, MIN_PIXELS, FrameOverlaps, frame_overlaps
from autoseg3d_core.structures import InputError

LATER = 100
"""An object out of view for so many frames was away; so many frames later an id should still hold."""


@dataclass(frozen=True)
class IdentityScores:
    """Identity F1, changes of the id that an object has, and times that an object was lost and found.

    `returns` counts the objects that came back into view after an absence, `recalled` those of them that the
    first track after it had the id of the last before it. `later` counts the times that an object was found
    and was in view a hundred frames later, `still_right` those that it was then found by the same track.
    """

    idf1: float
    id_switches: int
    fragmentations: int
    recall: float
    hota: HotaCounts
    returns: int
    recalled: int
    later: int
    still_right: int


class IdentityScorer:
    """Collects frames, then scores them."""

    def __init__(self, min_pixels: float = MIN_PIXELS, later: int = LATER) -> None:
        self._min_pixels, self._later = min_pixels, later
        self._frames: list[FrameOverlaps] = []

    def add(
        self, truth: Int32[np.ndarray, "height width"], predicted: Int32[np.ndarray, "height width"]
    ) -> None:
        """Count one frame; tracks that lie mostly on nothing true (walls, floor) are passed over."""
        self._frames.append(frame_overlaps(truth, predicted, self._min_pixels))

    def scores(self) -> IdentityScores:
        """Return the scores of the frames so far; raises `InputError` where motmetrics is not installed."""
        counted = _counted_by_motmetrics(self._frames)
        returns, recalled = _returns(self._frames, self._later)
        later, still_right = _still_right(self._frames, self._later)
        return IdentityScores(
            idf1=counted["idf1"],
            id_switches=int(counted["num_switches"]),
            fragmentations=int(counted["num_fragmentations"]),
            recall=counted["recall"],
            hota=hota_counts(self._frames),
            returns=returns,
            recalled=recalled,
            later=later,
            still_right=still_right,
        )


def check_motmetrics() -> None:
    """Raise `InputError` where motmetrics is not installed."""
    try:
        import motmetrics  # noqa: F401, an optional dependency
    except ImportError as error:
        raise InputError(
            "identity over time is scored by motmetrics: python3 -m pip install motmetrics"
        ) from error


def _counted_by_motmetrics(frames: Sequence[FrameOverlaps]) -> dict[str, float]:
    names = ["idf1", "num_switches", "num_fragmentations", "recall"]
    check_motmetrics()
    import motmetrics

    events = motmetrics.MOTAccumulator(auto_id=True)
    for frame in frames:
        distance = np.where(frame.iou > MIN_IOU, 1 - frame.iou, np.nan)
        events.update(frame.objects, frame.tracks, distance)
    if not any(len(frame.objects) or len(frame.tracks) for frame in frames):
        return dict.fromkeys(names, float("nan")) | {"num_switches": 0, "num_fragmentations": 0}
    row = motmetrics.metrics.create().compute(events, metrics=names).iloc[0]
    return {name: float(row[name]) for name in names}


def _returns(frames: Sequence[FrameOverlaps], absence: int) -> tuple[int, int]:
    """Return how many objects came back after an absence, and how many of them to their track."""
    last_seen: dict[int, int] = {}
    last_track: dict[int, int] = {}
    away: set[int] = set()
    returns = recalled = 0
    for number, frame in enumerate(frames):
        matches = frame.matches
        for name in frame.objects.tolist():
            if number - last_seen.get(name, number) > absence and name in last_track:
                away.add(name)
            last_seen[name] = number
            if name not in matches:
                continue
            if name in away:
                away.discard(name)
                returns += 1
                recalled += last_track[name] == matches[name]
            last_track[name] = matches[name]
    return returns, recalled


def _still_right(frames: Sequence[FrameOverlaps], later: int) -> tuple[int, int]:
    """Return how often an object was found and in view so many frames later, and how often with one track."""
    times = kept = 0
    for now, then in zip(frames, frames[later:], strict=False):
        before, after, in_view = now.matches, then.matches, set(then.objects.tolist())
        times += sum(name in in_view for name in before)
        kept += sum(after.get(name) == track for name, track in before.items())
    return times, kept
