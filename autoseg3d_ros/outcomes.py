"""What became of a frame, and how many met which fate: received = processed + dropped + failed + pending."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol, runtime_checkable


class Outcome(IntEnum):
    """The fates of a frame; the numbers are those of FrameStatus.msg."""

    PROCESSED = 0
    DROPPED_BUSY = 1
    DROPPED_NO_TF = 2
    DROPPED_SYNC = 3
    DROPPED_INVALID = 4
    FAILED = 5
    DROPPED_INACTIVE = 6


@dataclass(frozen=True)
class FrameReport:
    """What is known of one frame when it leaves the node; the reason says what to do about a drop."""

    stamp_ns: int
    camera_frame: str
    outcome: Outcome
    reason: str = ""
    input_age_ms: float = 0.0
    output_age_ms: float = 0.0
    tf_wait_ms: float = 0.0
    decode_ms: float = 0.0
    publish_ms: float = 0.0
    stages_ms: dict[str, float] = field(default_factory=dict)
    points: int = 0
    masks: int = 0
    instances_observed: int = 0
    instances_in_memory: int = 0


@runtime_checkable
class Reporter(Protocol):
    """Whoever counts frames and speaks for the node."""

    def report(self, report: FrameReport) -> None:
        """Hear what became of a frame."""
        ...

    def warning(self, cause: str, text: str) -> None:
        """Warn the user, throttled by cause."""
        ...


class FrameCounts:
    """Counts frames by outcome; every thread may count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received = 0
        self._total: Counter[Outcome] = Counter()
        self._epoch_start: Counter[Outcome] = Counter()

    def add(self, outcome: Outcome, frames: int = 1) -> None:
        """Count frames that met a fate."""
        with self._lock:
            self._total[outcome] += frames

    def receive(self) -> None:
        """Count a colour image that has come."""
        with self._lock:
            self._received += 1

    def received(self) -> int:
        """Return how many colour images have come since the node started."""
        with self._lock:
            return self._received

    def start_epoch(self) -> None:
        """Count the drops of this epoch from here on."""
        with self._lock:
            self._epoch_start = Counter(self._total)

    def totals(self) -> dict[Outcome, int]:
        """Return the number of frames per outcome since the node started."""
        with self._lock:
            return {outcome: self._total[outcome] for outcome in Outcome}

    def dropped_in_epoch(self) -> int:
        """Return how many frames were dropped since the last reset, for whatever reason."""
        with self._lock:
            since = self._total - self._epoch_start
        return sum(count for outcome, count in since.items() if outcome is not Outcome.PROCESSED)
