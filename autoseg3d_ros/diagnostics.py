"""Rates, stage latencies, drops by cause and memory -> /diagnostics, once a second, published directly.

diagnostic_updater measures frequencies with a clock of its own, wrong under simulated time; rates here are
those of the steady clock.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.qos import qos_check_compatible

from autoseg3d_ros.frame_source import FrameSource
from autoseg3d_ros.input_report import InputReport, PublisherReport, explain, problem_of
from autoseg3d_ros.inputs import input_qos
from autoseg3d_ros.memory_use import gpu_bytes, process_bytes
from autoseg3d_ros.node_config import DiagnosticsConfig
from autoseg3d_ros.outcomes import FrameCounts, FrameReport, Outcome
from autoseg3d_ros.publisher import ScenePublisher
from autoseg3d_ros.throttled_log import ThrottledLog

RECENT_FRAMES = 30
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


class FrameLedger:
    """Counts every frame's fate and publishes its status; every thread may report."""

    def __init__(self, node: Node, publisher: ScenePublisher, config: DiagnosticsConfig) -> None:
        self.counts = FrameCounts()
        self._node, self._publisher = node, publisher
        self._log = ThrottledLog(node.get_logger(), config.repeat_s)
        self._lock = threading.Lock()
        self._recent: deque[FrameReport] = deque(maxlen=RECENT_FRAMES)

    def report(self, report: FrameReport) -> None:
        """Count a frame, publish its status, and say why it was lost."""
        self.counts.add(report.outcome)
        if report.outcome is Outcome.PROCESSED:
            with self._lock:
                self._recent.append(report)
        elif report.outcome is Outcome.FAILED:
            self._log.error("failed", f"a frame failed and was skipped: {report.reason}")
        elif report.outcome is Outcome.DROPPED_NO_TF:
            self._log.warning("no tf", f"frame dropped: {report.reason}")
        if self._node.context.ok():
            self._publisher.status(report, self.counts.dropped_in_epoch())

    def warning(self, cause: str, text: str) -> None:
        """Warn the user, throttled by cause."""
        self._log.warning(cause, text)

    def recent(self) -> list[FrameReport]:
        """Return the last processed frames."""
        with self._lock:
            return list(self._recent)


@dataclass(frozen=True)
class Rates:
    """Events per second of named counters, from one look to the next."""

    at: float
    counts: Mapping[str, int]

    @staticmethod
    def now(counts: Mapping[str, int]) -> Rates:
        """Take note of counters."""
        return Rates(time.monotonic(), dict(counts))

    def since(self, before: Rates) -> dict[str, float]:
        """Return the rate per counter since an earlier look."""
        seconds = max(self.at - before.at, 1e-6)
        return {
            name: (count - before.counts.get(name, count)) / seconds for name, count in self.counts.items()
        }


def input_reports(node: Node, source: FrameSource) -> list[InputReport]:
    """Return what each input of a frame source has heard, and who publishes it."""
    reports = []
    for item, gate in zip(source.inputs, source.gates, strict=True):
        publishers = tuple(_publisher_report(p) for p in node.get_publishers_info_by_topic(gate.topic))
        kind = f"{item.message_type.__module__.split('.')[0]}/msg/{item.message_type.__name__}"
        reports.append(
            InputReport(
                item.role,
                gate.topic,
                kind,
                publishers,
                gate.received,
                gate.zero_stamps,
                tuple(gate.stamps_ns),
            )
        )
    return reports


def input_status(
    reports: Sequence[InputReport], rates: Mapping[str, float], slop_s: float
) -> DiagnosticStatus:
    """Return the state of the inputs: an error for one that is silent."""
    problems = [f"{r.role}: {problem_of(r)}" for r in reports if problem_of(r)]
    values = [KeyValue(key="sync.slop_s", value=f"{slop_s:g}")]
    for report in reports:
        values.append(KeyValue(key=f"{report.role} topic", value=report.topic))
        values.append(KeyValue(key=f"{report.role} publishers", value=str(len(report.publishers))))
        values.append(KeyValue(key=f"{report.role} received", value=str(report.received)))
        values.append(KeyValue(key=f"{report.role} rate [Hz]", value=f"{rates.get(report.role, 0.0):.1f}"))
    return DiagnosticStatus(
        level=ERROR if problems else OK, message="; ".join(problems) or "all inputs arrive", values=values
    )


def frame_status(
    recent: Sequence[FrameReport],
    totals: Mapping[Outcome, int],
    pending: int,
    rate_hz: float,
    config: DiagnosticsConfig,
) -> DiagnosticStatus:
    """Return the state of the processing: rate, latencies per stage, drops by cause."""
    values = [KeyValue(key="processed rate [Hz]", value=f"{rate_hz:.1f}")]
    values += [KeyValue(key=outcome.name.lower(), value=str(count)) for outcome, count in totals.items()]
    values.append(KeyValue(key="pending", value=str(pending)))
    for name, milliseconds in median_stages(recent).items():
        values.append(KeyValue(key=f"{name} median [ms]", value=f"{milliseconds:.1f}"))
    age_s = statistics.median(r.output_age_ms for r in recent) / 1e3 if recent else 0.0
    if totals[Outcome.FAILED] and rate_hz == 0:
        level, text = ERROR, f"{totals[Outcome.FAILED]} frames failed; see the log"
    elif age_s > config.age_error_s:
        level, text = ERROR, f"outputs are {age_s:.2f} s old when published"
    elif age_s > config.age_warning_s:
        level, text = WARN, f"outputs are {age_s:.2f} s old when published"
    elif rate_hz == 0:
        level, text = WARN, "no frame was processed in the last second"
    else:
        level, text = OK, f"{rate_hz:.1f} frames per second, {age_s * 1e3:.0f} ms old when published"
    return DiagnosticStatus(level=level, message=text, values=values)


def median_stages(recent: Sequence[FrameReport]) -> dict[str, float]:
    """Return the median time per stage over the last frames, in milliseconds."""
    if not recent:
        return {}
    own = ("input_age_ms", "tf_wait_ms", "decode_ms", "publish_ms", "output_age_ms")
    result = {name[:-3]: statistics.median(getattr(r, name) for r in recent) for name in own}
    stages = recent[-1].stages_ms
    return result | {s: statistics.median(r.stages_ms.get(s, 0.0) for r in recent) for s in stages}


def memory_status(recent: Sequence[FrameReport]) -> DiagnosticStatus:
    """Return how much memory is in use."""
    allocated, reserved = gpu_bytes()
    tracks = recent[-1].instances_in_memory if recent else 0
    named = {"process": process_bytes(), "gpu allocated": allocated, "gpu reserved": reserved}
    values = [KeyValue(key=f"{name} [MB]", value=f"{size / 1e6:.0f}") for name, size in named.items()]
    values.append(KeyValue(key="tracks", value=str(tracks)))
    return DiagnosticStatus(level=OK, message=f"{named['process'] / 1e6:.0f} MB", values=values)


class Diagnostics:
    """Publishes /diagnostics and complains when nothing comes in; `tick` is called once a second."""

    def __init__(self, node: Node, config: DiagnosticsConfig, slop_s: float) -> None:
        self.config = config
        self._node, self._slop_s = node, slop_s
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._log = ThrottledLog(node.get_logger(), config.repeat_s)
        self._rates = Rates.now({})
        self._matches = 0
        self._heard_at = time.monotonic()

    def start_listening(self) -> None:
        """Count silence from here."""
        self._heard_at, self._matches = time.monotonic(), 0

    def tick(self, source: FrameSource | None, ledger: FrameLedger, pending: int) -> None:
        """Publish the state of things, and explain silence."""
        totals = ledger.counts.totals()
        if source is None:
            inactive = DiagnosticStatus(level=WARN, message="not active: ros2 lifecycle set NODE activate")
            self._publish({"state": inactive})
            return
        reports = input_reports(self._node, source)
        counts = {report.role: report.received for report in reports}
        rates_now = Rates.now(counts | {"processed": totals[Outcome.PROCESSED]})
        rates, self._rates = rates_now.since(self._rates), rates_now
        self._explain_silence(source, reports)
        recent = ledger.recent()
        self._publish(
            {
                "input": input_status(reports, rates, self._slop_s),
                "frames": frame_status(recent, totals, pending, rates["processed"], self.config),
                "memory": memory_status(recent),
            }
        )

    def close(self) -> None:
        """Destroy the publisher."""
        self._node.destroy_publisher(self._publisher)

    def _explain_silence(self, source: FrameSource, reports: Sequence[InputReport]) -> None:
        matches = source.synchronizer.match_count
        if matches != self._matches:
            self._heard_at, self._matches = time.monotonic(), matches
        silent_s = time.monotonic() - self._heard_at
        if silent_s >= self.config.silence_s:
            lines = "\n  ".join(explain(reports, self._slop_s))
            self._log.warning("silence", f"no set of images for {silent_s:.0f} s:\n  {lines}")

    def _publish(self, states: Mapping[str, DiagnosticStatus]) -> None:
        name = self._node.get_fully_qualified_name().lstrip("/")
        for part, status in states.items():
            status.name, status.hardware_id = f"{name}: {part}", name
        array = DiagnosticArray(status=list(states.values()))
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)


def _publisher_report(endpoint: Any) -> PublisherReport:
    compatibility, reason = qos_check_compatible(endpoint.qos_profile, input_qos())
    is_fine = getattr(compatibility, "name", str(compatibility)) != "ERROR"
    return PublisherReport(endpoint.topic_type, "" if is_fine else reason)
