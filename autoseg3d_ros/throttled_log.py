"""Log lines that repeat at most every few seconds, apart for each cause."""

from __future__ import annotations

import threading
import time
from typing import Any


class ThrottledLog:
    """Passes on the first line of each cause and then at most one per period; safe in every thread."""

    def __init__(self, logger: Any, period_s: float = 10.0) -> None:
        self._logger = logger
        self._period_s = period_s
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def warning(self, cause: str, text: str) -> None:
        """Warn, unless this cause has warned within the period."""
        if self._due(cause):
            self._logger.warning(text)

    def error(self, cause: str, text: str) -> None:
        """Report an error, unless this cause was reported within the period."""
        if self._due(cause):
            self._logger.error(text)

    def _due(self, cause: str) -> bool:
        now = time.monotonic()
        with self._lock:
            if now - self._last.get(cause, -self._period_s) < self._period_s:
                return False
            self._last[cause] = now
            return True
