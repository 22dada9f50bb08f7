"""Rates, stage latencies, drops by cause and memory -> /diagnostics, once a second, published directly.

diagnostic_updater measures frequencies with a clock of its own, wrong under simulated time; rates here are
those of the steady clock.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_check_compatible
from rclpy.utilities import get_rmw_implementation_identifier

from autoseg3d_ros.frame_source import FrameSource
from autoseg3d_ros.input_report import (
    COLOR,
    InputReport,
    PublisherReport,
    explain,
    mismatches,
    problem_of,
)
from autoseg3d_ros.ledger import FrameLedger
from autoseg3d_ros.memory_use import gpu_bytes, process_bytes
from autoseg3d_ros.node_config import DiagnosticsConfig
from autoseg3d_ros.outcomes import FrameReport, Outcome
from autoseg3d_ros.throttled_log import ThrottledLog

EMPTY_FRAMES = 3
"""Processed frames in a row without points that are an error."""
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


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
    for item, gate, qos in zip(source.inputs, source.gates, source.qos(), strict=True):
        publishers = tuple(_publisher_report(p, qos) for p in node.get_publishers_info_by_topic(gate.topic))
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
                "" if publishers else other_transport(node, item.role, gate.topic),
            )
        )
    return reports


def other_transport(node: Node, role: str, topic: str) -> str:
    """Return what to set to hear an image in another transport that somebody publishes, empty for none."""
    parameter = "input.color_transport" if role == COLOR else "input.depth_transport"
    packed = "compressed" if role == COLOR else "compressedDepth"
    if role not in (COLOR, "depth"):
        return ""
    if topic.endswith(f"/{packed}"):
        raw = topic.removesuffix(f"/{packed}")
        return f"{raw} is published: set {parameter} to raw" if node.count_publishers(raw) else ""
    if node.count_publishers(f"{topic}/{packed}"):
        return f"{topic}/{packed} is published: set {parameter} to {packed}"
    return ""


def is_fast_dds() -> bool:
    """Tell whether this process speaks through Fast DDS, which loses large images by default."""
    return "fastrtps" in get_rmw_implementation_identifier()


def input_status(
    reports: Sequence[InputReport], rates: Mapping[str, float], slop_s: float
) -> DiagnosticStatus:
    """Return the state of the inputs: an error for one that is silent, and for stamps that never match."""
    problems = [f"{r.role}: {problem_of(r)}" for r in reports if problem_of(r)] + mismatches(reports, slop_s)
    values = [KeyValue(key="sync.slop_s", value=f"{slop_s:g}")]
    for report in reports:
        values.append(KeyValue(key=f"{report.role} topic", value=report.topic))
        values.append(KeyValue(key=f"{report.role} publishers", value=str(len(report.publishers))))
        values.append(KeyValue(key=f"{report.role} received", value=str(report.received)))
        values.append(KeyValue(key=f"{report.role} rate [Hz]", value=f"{rates.get(report.role, 0.0):.1f}"))
    return DiagnosticStatus(
        level=ERROR if problems else OK, message="; ".join(problems) or "all inputs arrive", values=values
    )


@dataclass(frozen=True)
class FrameState:
    """What has become of the frames: those processed and lost lately, and all of them counted."""

    recent: Sequence[FrameReport]
    lost: Sequence[FrameReport]
    totals: Mapping[Outcome, int]
    received: int
    pending: int
    rate_hz: float
    is_enabled: bool


def frame_status(state: FrameState, config: DiagnosticsConfig) -> DiagnosticStatus:
    """Return the state of the processing: rate, latencies per stage, drops by cause."""
    values = [KeyValue(key="processed rate [Hz]", value=f"{state.rate_hz:.1f}")]
    values.append(KeyValue(key="received", value=str(state.received)))
    values += [KeyValue(key=outcome.name.lower(), value=str(n)) for outcome, n in state.totals.items()]
    values.append(KeyValue(key="pending", value=str(state.pending)))
    for name, milliseconds in median_stages(state.recent).items():
        values.append(KeyValue(key=f"{name} median [ms]", value=f"{milliseconds:.1f}"))
    level, text = _verdict(state, config)
    return DiagnosticStatus(level=level, message=text, values=values)


def _verdict(state: FrameState, config: DiagnosticsConfig) -> tuple[bytes, str]:
    """Return how bad things are, and the cause in words."""
    if not state.is_enabled:
        return ERROR, "disabled: frames are ignored until ~/enable is called with true"
    last = state.recent[-EMPTY_FRAMES:]
    if state.rate_hz > 0 and len(last) == EMPTY_FRAMES and all(report.points == 0 for report in last):
        return ERROR, last[-1].reason or "the last frames gave no points"
    causes = Counter(report.outcome for report in state.lost if report.outcome is not Outcome.DROPPED_BUSY)
    if state.rate_hz == 0 and causes:
        outcome, count = causes.most_common(1)[0]
        reason = next(report.reason for report in reversed(state.lost) if report.outcome is outcome)
        return ERROR, f"no frame was processed, {count} were lost ({outcome.name.lower()}): {reason}"
    if state.rate_hz == 0 and state.totals[Outcome.FAILED]:
        return ERROR, f"{state.totals[Outcome.FAILED]} frames failed; see the log"
    age_s = statistics.median(r.output_age_ms for r in state.recent) / 1e3 if state.recent else 0.0
    if age_s > config.age_error_s:
        return ERROR, f"outputs are {age_s:.2f} s old when published"
    if age_s > config.age_warning_s:
        return WARN, f"outputs are {age_s:.2f} s old when published"
    if state.rate_hz == 0:
        return WARN, "no frame was processed in the last second"
    return OK, f"{state.rate_hz:.1f} frames per second, {age_s * 1e3:.0f} ms old when published"


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
        state = FrameState(
            ledger.recent(),
            ledger.lost_lately(),
            totals,
            ledger.counts.received(),
            pending,
            rates["processed"],
            source.is_enabled,
        )
        self._publish(
            {
                "input": input_status(reports, rates, self._slop_s),
                "frames": frame_status(state, self.config),
                "memory": memory_status(state.recent),
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
            lines = "\n  ".join(explain(reports, self._slop_s, is_fast_dds()))
            self._log.warning("silence", f"no set of images for {silent_s:.0f} s:\n  {lines}")

    def _publish(self, states: Mapping[str, DiagnosticStatus]) -> None:
        name = self._node.get_fully_qualified_name().lstrip("/")
        for part, status in states.items():
            status.name, status.hardware_id = f"{name}: {part}", name
        array = DiagnosticArray(status=list(states.values()))
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)


def _publisher_report(endpoint: Any, own: QoSProfile) -> PublisherReport:
    compatibility, reason = qos_check_compatible(endpoint.qos_profile, own)
    if getattr(compatibility, "name", str(compatibility)) != "ERROR":
        return PublisherReport(endpoint.topic_type)
    offered = endpoint.qos_profile
    asked = f"{own.reliability.name}, {own.durability.name}"
    given = f"{offered.reliability.name}, {offered.durability.name}"
    return PublisherReport(
        endpoint.topic_type,
        f"{reason.strip()} (published as {given}, subscribed as {asked}; change qos_overrides.*)",
    )
