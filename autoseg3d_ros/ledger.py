"""Counts every frame's fate, publishes its status, and remembers the last ones."""

from __future__ import annotations

import threading
import time
from collections import deque

from rclpy.node import Node

from autoseg3d_ros.node_config import DiagnosticsConfig
from autoseg3d_ros.outcomes import FrameCounts, FrameReport, Outcome
from autoseg3d_ros.publisher import ScenePublisher
from autoseg3d_ros.throttled_log import ThrottledLog

RECENT_FRAMES = 30
LOST_S = 3.0
"""For how long a lost frame says what is wrong."""


class FrameLedger:
    """Counts every frame's fate and publishes its status; every thread may report."""

    def __init__(self, node: Node, publisher: ScenePublisher, config: DiagnosticsConfig) -> None:
        self.counts = FrameCounts()
        self._node, self._publisher = node, publisher
        self._log = ThrottledLog(node.get_logger(), config.repeat_s)
        self._lock = threading.Lock()
        self._recent: deque[FrameReport] = deque(maxlen=RECENT_FRAMES)
        self._lost: deque[tuple[float, FrameReport]] = deque(maxlen=RECENT_FRAMES)

    def report(self, report: FrameReport) -> None:
        """Count a frame, publish its status, and say why it was lost."""
        self.counts.add(report.outcome)
        with self._lock:
            if report.outcome is Outcome.PROCESSED:
                self._recent.append(report)
            else:
                self._lost.append((time.monotonic(), report))
        if report.outcome is Outcome.FAILED:
            self._log.error("failed", f"a frame failed and was skipped: {report.reason}")
        elif report.outcome is Outcome.DROPPED_NO_TF:
            self._log.warning("no tf", f"frame dropped: {report.reason}")
        if self._node.context.ok():
            self._publisher.status(report, self.counts.dropped_in_epoch())

    def warning(self, cause: str, text: str) -> None:
        """Warn the user, throttled by cause."""
        self._log.warning(cause, text)

    def lost_lately(self) -> list[FrameReport]:
        """Return the frames that were lost in the last seconds."""
        with self._lock:
            return [report for at, report in self._lost if time.monotonic() - at < LOST_S]

    def recent(self) -> list[FrameReport]:
        """Return the last processed frames."""
        with self._lock:
            return list(self._recent)
