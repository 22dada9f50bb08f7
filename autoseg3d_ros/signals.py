"""Ends the process at once on SIGINT and SIGTERM while it loads; imports nothing that takes time."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def end_at_once_when_asked() -> None:
    """Let SIGINT and SIGTERM end the process with code 0, until something else is said."""
    for number in SIGNALS:
        signal.signal(number, end_at_once)


def end_at_once(number: int = 0, frame: FrameType | None = None) -> None:
    """End the process with code 0; fits as a signal handler."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
