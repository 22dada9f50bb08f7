"""Checks live topics for five seconds and reports what is wrong.

ros2 run autoseg3d check_inputs --ros-args -p target_frame:=odom -r rgb/image:=/camera/color/image_raw
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from autoseg3d_core.config import ConfigError
from autoseg3d_core.structures import InputError
from autoseg3d_ros.conversions import TopicNames, frame_from_messages, metres_per_unit
from autoseg3d_ros.diagnostics import input_reports, is_fast_dds
from autoseg3d_ros.frame_source import FrameSource, PosedMessages
from autoseg3d_ros.input_doubts import InputDoubts
from autoseg3d_ros.input_report import InputReport, explain, problem_of
from autoseg3d_ros.outcomes import FrameReport
from autoseg3d_ros.parameters import Settings, declare, default_settings
from autoseg3d_ros.pose_source import PoseSource
from autoseg3d_ros.process import Ending, ros_process

LOOK_S = 5.0


class Notes:
    """A frame sink that only takes notes."""

    def __init__(self) -> None:
        self.frames = 0
        self.last: PosedMessages | None = None
        self.reasons: Counter[str] = Counter()

    def received(self) -> None:
        """Colour images are counted by their topic."""

    def frame(self, frame: PosedMessages) -> None:
        """Count a frame and keep the last."""
        self.frames += 1
        self.last = frame

    def lost(self, report: FrameReport) -> None:
        """Count why frames do not come."""
        self.reasons[report.reason] += 1

    def time_jumped(self, back_ns: int) -> None:
        """Count jumps back in time as a reason of their own."""
        self.reasons[f"stamps went back by {back_ns / 1e9:.2f} s: a looped bag?"] += 1


def content_problem(frame: PosedMessages, names: TopicNames, settings: Settings) -> str:
    """Return what is wrong with the content of one set of messages, empty when nothing is."""
    scale = settings.node.input.depth_scale
    try:
        decoded = frame_from_messages(frame.messages, frame.world_from_camera, names, scale)
    except InputError as error:
        return str(error)
    unit_m = metres_per_unit(frame.messages.depth, scale)
    doubt = InputDoubts().of_frame(decoded, settings.core.lifting, unit_m)
    return f"{names.depth}: {doubt}" if doubt else ""


def verdict(
    reports: Sequence[InputReport], slop_s: float, frames: int, problems: Sequence[str], seconds: float
) -> tuple[str, bool]:
    """Return what to print, and whether all is well."""
    lines = []
    told = explain(reports, slop_s, is_fast_dds())
    for report, line in zip(reports, told, strict=False):
        mark = "BAD" if problem_of(report) else "ok "
        lines.append(f"{mark} {line}, {report.received / seconds:.1f} Hz")
    also = told[len(reports) :]
    lines += [f"BAD {line}" for line in [*also, *problems]]
    lines.append(
        f"{'ok ' if frames else 'BAD'} {frames / seconds:.1f} complete frames per second with a pose"
    )
    is_well = frames > 0 and not any(line.startswith("BAD") for line in lines)
    lines.append("All is well: start the node." if is_well else "Mend what is BAD, from top to bottom.")
    return "\n".join(lines), is_well


def look(node: Node, settings: Settings, seconds: float, ending: Ending) -> tuple[str, bool]:
    """Listen for a while; return what to print, and whether all is well."""
    config = settings.node
    notes = Notes()
    poses = PoseSource(node, config)
    source = FrameSource(node, config, poses, notes)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end and not ending.is_asked:
            executor.spin_once(timeout_sec=0.1)
        problems = [f"{count} frames lost: {reason}" for reason, count in notes.reasons.most_common()]
        if notes.last is not None:
            problems += filter(None, [content_problem(notes.last, source.names, settings)])
        reports = input_reports(node, source)
        return verdict(reports, config.sync.slop_s, notes.frames, problems, seconds)
    finally:
        source.close()
        poses.close()
        executor.remove_node(node)


def main(args: list[str] | None = None) -> None:
    """Look and print; ends with code 0 when all is well."""
    is_well = False
    with ros_process(args) as ending:
        node = rclpy.create_node("autoseg3d_check_inputs")
        try:
            text, is_well = look(node, declare(node, default_settings()), LOOK_S, ending)
        except ConfigError as error:
            text = f"BAD {error}"
        node.destroy_node()
    print(text)
    sys.exit(0 if is_well else 1)


if __name__ == "__main__":
    main()
