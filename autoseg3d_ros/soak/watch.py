"""What a node's outputs say over time: its memory, their age, and whether its accounts add up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

import numpy as np
from autoseg3d.msg import FrameStatus, InstanceEvent
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from autoseg3d_ros.outcomes import Outcome

ROW_S = 10.0


class Watch:
    """Listens to a node and keeps a row every ten seconds.

    `wrong` has a line for each promise that was broken: an account that does not add up twice running, an id
    that came twice. `sent` says when the image of a stamp was sent.
    """

    def __init__(self, node: Node, sent: Mapping[int, float]) -> None:
        self.rows: list[dict[str, float]] = []
        self.wrong: list[str] = []
        self.totals: Counter[str] = Counter()
        self.newest_id = 0
        self._sent, self._start = sent, time.monotonic()
        self._ages: list[float] = []
        self._created: set[int] = set()
        self._memory_mb = np.nan
        self._was_off = False
        node.create_subscription(FrameStatus, "autoseg3d/status", self._on_status, 100)
        node.create_subscription(InstanceEvent, "autoseg3d/events", self._on_event, 1000)
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def begin(self) -> None:
        """Count the time from now on."""
        self._start = time.monotonic()

    def look(self) -> None:
        """Keep a row when it is time."""
        minute = (time.monotonic() - self._start) / 60
        if minute * 60 < ROW_S * (len(self.rows) + 1):
            return
        ages = self._ages or [np.nan]
        self.rows.append(
            {
                "minute": minute,
                "memory [MB]": self._memory_mb,
                "median latency [ms]": float(np.median(ages)),
                "95 % latency [ms]": float(np.quantile(ages, 0.95)),
                "processed": float(len(self._ages)),
                "newest id": float(self.newest_id),
            }
        )
        self._ages = []

    def _on_status(self, message: FrameStatus) -> None:
        stamp = message.header.stamp
        sent = self._sent.get(stamp.sec * 10**9 + stamp.nanosec)
        self.totals[Outcome(message.outcome).name.lower()] += 1
        if message.outcome == FrameStatus.PROCESSED and sent is not None:
            self._ages.append((time.monotonic() - sent) * 1e3)

    def _on_event(self, message: InstanceEvent) -> None:
        self.totals[f"event {message.type}"] += 1
        if message.type == InstanceEvent.CREATED:
            if message.track_id in self._created:
                self.wrong.append(f"id {message.track_id} was created twice")
            self._created.add(message.track_id)
            self.newest_id = max(self.newest_id, message.track_id)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            values = {value.key: value.value for value in status.values}
            if status.name.endswith(": memory"):
                self._memory_mb = float(values["process [MB]"])
            if status.name.endswith(": frames"):
                self._check(values)

    def _check(self, values: Mapping[str, str]) -> None:
        ends = ("processed", "failed", "pending")
        parts = {k: int(v) for k, v in values.items() if k in ends or k.startswith("dropped_")}
        is_off = int(values["received"]) != sum(parts.values())
        if is_off and self._was_off:
            self.wrong.append(f"received {values['received']}, but {parts}")
        self._was_off = is_off
