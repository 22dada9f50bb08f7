"""`autoseg3d bench`: time and operations per stage, growth over frames, and memory, as tables and as JSON."""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from autoseg3d_core import build
from autoseg3d_core.cli.arguments import add_settings, positive
from autoseg3d_core.cli.bench_compare import compare
from autoseg3d_core.cli.source import add_config_arguments, open_source
from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.operation_counts import Counts, OperationTimer
from autoseg3d_core.pipeline import OnlineSegmenter
from autoseg3d_core.running import run as run_frames
from autoseg3d_core.structures import Frame, InputError, SceneUpdate
from autoseg3d_core.timing import CORE_STAGES, STAGES, StageTimer
from autoseg3d_core.visualization.report import text_table

WARM_UP = 5
WINDOW = 100
EARLY = slice(100, 200)
COUNTED = 5
"""Frames whose operations are counted, after those that are timed."""
AFTER_MASKS, WHOLE = "after the masks", "whole frame"


@dataclass(frozen=True)
class StageTimes:
    """The time of one stage over the frames of a run, in milliseconds."""

    stage: str
    median_ms: float
    p95_ms: float


@dataclass(frozen=True)
class StageOperations:
    """What one stage asks of the device on each frame: operations, those it waits for, bytes to and fro."""

    stage: str
    operations: float
    waits: float
    copied_bytes: float


@dataclass(frozen=True)
class Growth:
    """How the core's time and memory change over a run.

    `ratio` is the median of the last 100 frames over that of frames 100 to 200; a short run has none.
    """

    frames: int
    early_median_ms: float | None
    late_median_ms: float | None
    ratio: float | None
    peak_memory_early_mb: float
    peak_memory_mb: float
    map_mb: float
    tracks: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "source", nargs="?", default="simulation:5000", help="a recording or simulation:SEED, as for replay"
    )
    parser.add_argument(
        "--frames", type=positive, default=200, help="frames to run; a shorter recording is repeated"
    )
    add_settings(parser, "--simulation", "settings of a simulated scene, e.g. rooms=2 frames=100")
    parser.add_argument("--threads", type=positive, default=2, help="number of torch threads")
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: time that the process has had of the cores, of use on a busy machine (with --threads 1)",
    )
    parser.add_argument(
        "--compare",
        metavar="COMMIT_OR_JSON",
        help="also run another commit, in turns, or read what --json wrote, and print ratios",
    )
    parser.add_argument("--rounds", type=positive, default=3, help="turns of each side with --compare")
    parser.add_argument(
        "--ros", action="store_true", help="measure the ROS node's own work instead (needs ROS 2)"
    )
    parser.add_argument(
        "--waits", action="store_true", help="also list where in the code a GPU would be waited for"
    )
    parser.add_argument("--json", metavar="FILE", help="also write the figures to a JSON file")
    add_config_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, print tables, and write JSON if asked to."""
    if args.ros:
        return subprocess.run([sys.executable, "-m", "autoseg3d_ros.benchmark"], check=False).returncode
    if args.compare:
        print(compare(args))
        return 0
    torch.set_num_threads(args.threads)
    sequence = open_source(args.source, tuple(args.simulation), defaults=(f"frames={args.frames}",))
    online = build.online_segmenter(build.load(args.config, tuple(args.set)))
    if args.clock == "cpu":
        online.make_timer = partial(StageTimer, time.process_time)
    measured = Measured()
    indices = (number % len(sequence) for number in range(args.frames))
    bar = tqdm(indices, desc="bench", unit="frame", total=args.frames, disable=None)
    if run_frames(sequence, online, (measured,), bar).interrupted:
        raise KeyboardInterrupt
    timings = measured.timings
    stages, growth = stage_times(timings), _growth(online, timings, measured.early_peak)
    counted = counted_operations(sequence, online, args.frames)
    operations = stage_operations(counted)
    print(
        f"{platform.machine()}, {args.threads} threads, {online.device}, {args.source}, {len(timings)} frames"
    )
    print(text_table(("stage", "median ms", "p95 ms"), [(s.stage, s.median_ms, s.p95_ms) for s in stages]))
    header = ("operations per frame", "operations", "waits", "copied kB")
    print(text_table(header, [(o.stage, o.operations, o.waits, o.copied_bytes / 1e3) for o in operations]))
    if args.waits:
        places = [(*place, times / counted.frames) for place, times in counted.timer.waits.most_common()]
        print(text_table(("stage", "waits in", "per frame"), places))
    print(text_table(("over the run", ""), [row for row in asdict(growth).items() if row[1] is not None]))
    if args.json:
        figures = {
            **{"source": args.source, "clock": args.clock, "threads": args.threads},
            "stages": [asdict(row) for row in stages],
            "operations": [asdict(row) for row in operations],
            "growth": asdict(growth),
        }
        Path(args.json).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


@dataclass(frozen=True, eq=False)
class CountedFrames:
    """What some frames asked of the device, and how many they were."""

    timer: OperationTimer
    frames: int


def counted_operations(sequence: RgbdSequence, online: OnlineSegmenter, start: int) -> CountedFrames:
    """Run some frames, from `start` on, and count what they ask of the device."""
    timer = OperationTimer()
    online.make_timer = lambda: timer
    record = run_frames(sequence, online, (), ((start + n) % len(sequence) for n in range(COUNTED)))
    return CountedFrames(timer, max(record.frames, 1))


def stage_operations(counted: CountedFrames) -> list[StageOperations]:
    """Return what the stages asked of the device per frame, and their sums."""
    rows = {name: counts / counted.frames for name, counts in counted.timer.stages.items()}
    rows[AFTER_MASKS] = sum((rows[stage] for stage in CORE_STAGES), Counts())
    rows[WHOLE] = sum((rows[stage] for stage in STAGES), Counts())
    return [StageOperations(name, **asdict(counts)) for name, counts in rows.items()]


def stage_times(timings: list[dict[str, float]]) -> list[StageTimes]:
    """Return median and 95th percentile per stage, of the core after the masks, and of the whole."""
    rows = [{**t, AFTER_MASKS: _core_ms(t), WHOLE: sum(t.values())} for t in timings[WARM_UP:]]
    if not rows:
        raise InputError(f"only {len(timings)} frames could be used: bench needs more than {WARM_UP}")
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return [
        StageTimes(name, round(float(np.median(ms)), 2), round(float(np.percentile(ms, 95)), 2))
        for name, ms in columns.items()
    ]


class Measured:
    """Collects the timings of each frame, and the peak memory once the first window has passed."""

    def __init__(self) -> None:
        self.timings: list[dict[str, float]] = []
        self._early_peak = 0.0

    def take(self, index: int, frame: Frame, update: SceneUpdate) -> None:
        """Take one frame."""
        self.timings.append(update.timings_ms)
        if len(self.timings) == EARLY.stop:
            self._early_peak = _peak_memory_mb()

    @property
    def early_peak(self) -> float:
        """The peak memory in MB after the first window, or now where there was none."""
        return self._early_peak or _peak_memory_mb()


def _growth(online: OnlineSegmenter, timings: list[dict[str, float]], early_peak: float) -> Growth:
    core = [_core_ms(t) for t in timings]
    long_enough = len(core) >= EARLY.stop + WINDOW
    early = round(float(np.median(core[EARLY])), 2) if long_enough else None
    late = round(float(np.median(core[-WINDOW:])), 2) if long_enough else None
    return Growth(
        frames=len(core),
        early_median_ms=early,
        late_median_ms=late,
        ratio=round(late / early, 3) if early and late else None,
        peak_memory_early_mb=round(early_peak, 1),
        peak_memory_mb=round(_peak_memory_mb(), 1),
        map_mb=round(online.scene.bytes_held / 1e6, 1),
        tracks=len(online.memory.tracks),
    )


def _core_ms(timings: dict[str, float]) -> float:
    return sum(timings[stage] for stage in CORE_STAGES)


def _peak_memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
