"""Why is nothing coming out: what each input has heard, and what to do about silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LOSS_NEEDS = 10
LOSS_SHARE = 0.75
"""Less than this share of another input's messages, once that has so many, looks like loss."""


COLOR, CALIBRATION = "color", "camera_info"
"""The roles of the input that frames are counted by, and of the one that may come once for all images."""


@dataclass(frozen=True)
class PublisherReport:
    """One publisher that an input can see: its type, and why its QoS does not fit (empty when it does)."""

    message_type: str
    qos_problem: str = ""


@dataclass(frozen=True)
class InputReport:
    """What one input has heard so far; `stamps_ns` are the last ones."""

    role: str
    topic: str
    message_type: str
    publishers: tuple[PublisherReport, ...]
    received: int
    zero_stamps: int
    stamps_ns: tuple[int, ...]
    elsewhere: str = ""
    """What to set to hear the same image in another transport that somebody publishes, empty for none."""


def best_residual_s(a: Sequence[int], b: Sequence[int]) -> float | None:
    """Return the smallest difference between a stamp of `a` and one of `b`, None when either is empty."""
    if not a or not b:
        return None
    return min(abs(x - y) for x in a for y in b) / 1e9


def problem_of(report: InputReport) -> str:
    """Return what is wrong with one input and what to do, empty when messages come in well."""
    wrong_type = [p.message_type for p in report.publishers if p.message_type != report.message_type]
    qos = [p.qos_problem for p in report.publishers if p.qos_problem]
    if report.received and report.received == report.zero_stamps:
        return "all stamps are zero: its publisher has to set header.stamp"
    if report.received:
        return ""
    if not report.publishers:
        found = report.elsewhere or "check the name (ros2 topic list), remap it or set topics.*"
        return f"nobody publishes it: {found}"
    if len(wrong_type) == len(report.publishers):
        return (
            f"it is published as {wrong_type[0]}, not {report.message_type}: set input.color_transport "
            "or input.depth_transport, or remap"
        )
    if qos:
        return f"the publisher's QoS does not fit: {qos[0]}"
    return "it has publishers but no message has arrived: is the camera running, or the bag playing?"


def lost_on_the_way(reports: Sequence[InputReport]) -> list[str]:
    """Return a line per image topic of which far fewer messages have come than of the most frequent input."""
    most = max(reports, key=lambda report: report.received)
    return [
        f"{report.received} messages of {report.role} have arrived but {most.received} of {most.role}: if "
        "the camera sends both at the same rate, images are lost in transport; with Fast DDS start camera "
        "and node with FASTDDS_DEFAULT_PROFILES_FILE (until Jazzy FASTRTPS_DEFAULT_PROFILES_FILE) set to "
        "this package's config/fastdds.xml"
        for report in reports
        if report.role != CALIBRATION
        and most.received >= LOSS_NEEDS
        and 0 < report.received < LOSS_SHARE * most.received
    ]


def mismatches(reports: Sequence[InputReport], slop_s: float) -> list[str]:
    """Return a line per image topic none of whose last stamps is one of the colour image's."""
    lines = []
    color = reports[0]
    for other in (report for report in reports[1:] if report.role != CALIBRATION):
        residual = best_residual_s(color.stamps_ns, other.stamps_ns)
        if residual is not None and residual >= slop_s:
            lines.append(
                f"{color.role} and {other.role} never match: their stamps differ by at least "
                f"{residual * 1e3:.1f} ms and sync.slop_s is {slop_s * 1e3:.1f} ms -- synchronise "
                "the driver, or raise sync.slop_s"
            )
    return lines


def explain(reports: Sequence[InputReport], slop_s: float, is_fast_dds: bool = True) -> list[str]:
    """Return a line per input, and one on stamps when all inputs hear messages that never match."""
    lines = []
    for report in reports:
        last = f", last stamp {report.stamps_ns[-1] / 1e9:.3f} s" if report.stamps_ns else ""
        text = (
            f"{report.role} {report.topic}: {len(report.publishers)} publishers, {report.received} messages"
        )
        problem = problem_of(report)
        lines.append(f"{text}{last}" + (f" -- {problem}" if problem else ""))
    lines += mismatches(reports, slop_s)
    return lines + (lost_on_the_way(reports) if is_fast_dds else [])
