"""The stages of a frame, named once, and how long each takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch

MASK, CORRECT, LIFT, ENCODE, PERCEIVE = "mask", "correct", "lift", "encode", "perceive"
ASSOCIATE, ASSIGN, ADVANCE = "associate", "assign", "advance"
CARVE, INTEGRATE, REPORT = "carve", "integrate", "report"
STAGES = (MASK, CORRECT, LIFT, ENCODE, PERCEIVE, ASSOCIATE, ASSIGN, ADVANCE, CARVE, INTEGRATE, REPORT)
"""The stages of one frame, in order."""
CORE_STAGES = STAGES[1:]
"""What the core does after the masks."""


class Timer(Protocol):
    """Measures named stages."""

    def stage(self, name: str) -> Any:
        """Return a context whose body is timed under this name."""
        ...

    def milliseconds(self) -> dict[str, float]:
        """Return the time per stage so far."""
        ...


def timer_for(device: torch.device) -> Timer:
    """Return a timer of what a device does: its events on a GPU, the clock of the host elsewhere."""
    return EventTimer() if device.type == "cuda" else StageTimer()


class StageTimer:
    """Collects the time of named stages, in order; a stage that runs twice adds up.

    `clock` gives seconds: the clock on the wall, or `time.process_time`, which stands still while others run.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the body of a `with` block under this name."""
        start = self._clock()
        try:
            yield
        finally:
            self._ms[name] = self._ms.get(name, 0.0) + (self._clock() - start) * 1e3

    def milliseconds(self) -> dict[str, float]:
        """Return the time per stage so far."""
        return dict(self._ms)


class EventTimer:
    """Collects the time of named stages on a GPU by events in its stream, where launches return at once.

    `milliseconds` waits for the last event; nothing else does. A stage that runs twice adds up. `make_event`
    stands in for `torch.cuda.Event` in tests.
    """

    def __init__(self, make_event: Callable[[], Any] | None = None) -> None:
        self._make_event = make_event or (lambda: torch.cuda.Event(enable_timing=True))
        self._spans: list[tuple[str, Any, Any]] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the body of a `with` block under this name."""
        start, end = self._make_event(), self._make_event()
        start.record()
        try:
            yield
        finally:
            end.record()
            self._spans.append((name, start, end))

    def milliseconds(self) -> dict[str, float]:
        """Return the time per stage so far, once the device is done with them."""
        if self._spans:
            self._spans[-1][2].synchronize()
        spent: dict[str, float] = {}
        for name, start, end in self._spans:
            spent[name] = spent.get(name, 0.0) + start.elapsed_time(end)
        return spent
