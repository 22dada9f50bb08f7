"""Named stage timings of one frame."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StageTimer:
    """Collects the wall time of named stages, in order, without synchronising any device.

    A stage that runs twice adds up. On a GPU the times are those of the host, which waits only where
    the data flow makes it wait.
    """

    def __init__(self) -> None:
        self._ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the body of a `with` block under this name."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._ms[name] = self._ms.get(name, 0.0) + (time.perf_counter() - start) * 1e3

    def milliseconds(self) -> dict[str, float]:
        """Return the time per stage so far."""
        return dict(self._ms)
