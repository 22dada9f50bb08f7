"""Lets the node run for hours under faults: `python -m autoseg3d_ros.soak --minutes 60 --out DIR`.

Writes soak.csv, soak.png (memory and latency over time), soak.json (counts, verdict) and the node's log.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

from autoseg3d_core.resources import resource_path
from autoseg3d_core.visualization.curves import curves
from autoseg3d_ros.demo.live_node import LiveNode
from autoseg3d_ros.simulated_camera import open_source
from autoseg3d_ros.soak.camera import FaultyCamera
from autoseg3d_ros.soak.operator import Operator
from autoseg3d_ros.soak.watch import Watch

QUIET_S, START_S = 5.0, 300.0
SETTLED, LATE = 10.0, 0.8
"""Memory is compared with that after so many minutes (or half of a shorter run), over the last fifth."""
MOST_GROWTH = 1.05
PARAMETERS = {"target_frame": "map", "input.clock_warning_s": 1e9, "publish.scene_graph": True}


def soak(arguments: argparse.Namespace) -> dict[str, object]:
    """Run, write what was seen, and return it."""
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    source = open_source(arguments.source or str(resource_path("demo/recording")))
    frames = [source[index] for index in range(min(len(source), arguments.frames))]
    settings = dict(text.split("=", 1) for text in arguments.set)
    rclpy.init()
    node = rclpy.create_node("soak")
    camera = FaultyCamera(node, frames, arguments.seed)
    watch, operator = Watch(node, camera.sent), Operator(node, out, arguments.seed)
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def run(seconds: float, is_sending: bool) -> None:
        end, due = time.monotonic() + seconds, time.monotonic()
        while time.monotonic() < end:
            live.check_alive()
            if is_sending and time.monotonic() >= due:
                due = max(due + 1 / arguments.rate, time.monotonic() - 1.0)
                camera.send_next()
            camera.send_late_poses()
            operator.newest_id = watch.newest_id
            operator.act()
            watch.look()
            executor.spin_once(timeout_sec=0.005)

    with LiveNode({**PARAMETERS, **settings}, {}, out / "node.log") as live:
        begun = time.monotonic()
        while not camera.is_heard() and time.monotonic() - begun < START_S:
            live.check_alive()
            time.sleep(0.1)
        watch.begin()
        with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):  # what was seen is written
            run(arguments.minutes * 60, is_sending=True)
            operator.finish()
            run(QUIET_S, is_sending=False)
    if live.exit_code != 0:
        watch.wrong.append(f"the node ended with code {live.exit_code}")
    watch.wrong += [f"~/{name} was never answered" for name in operator.unanswered]
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()
    growth = _growth(watch.rows)
    if arguments.minutes > SETTLED and growth > MOST_GROWTH:
        watch.wrong.append(f"memory grew to {growth:.2f} times that after {SETTLED:.0f} minutes")
    result = {
        "minutes": arguments.minutes,
        "settings": settings,
        "memory growth": growth,
        "wrong": watch.wrong,
        "faults": camera.faults,
        "calls": dict(operator.answers),
        "outcomes": dict(watch.totals),
    }
    _write(out, result, watch.rows)
    return result


def _growth(rows: Sequence[dict[str, float]]) -> float:
    """Return the memory of the last fifth over that around minute ten, or the middle of a short run."""
    if not rows:
        return 1.0
    minutes, memory = (np.array([row[name] for row in rows]) for name in ("minute", "memory [MB]"))
    settled = min(SETTLED, minutes[-1] / 2)
    before = memory[np.abs(minutes - settled) <= max(minutes[-1] / 10, 0.25)]
    return float(np.nanmedian(memory[minutes >= LATE * minutes[-1]]) / np.nanmedian(before))


def _write(out: Path, result: dict[str, object], rows: Sequence[dict[str, float]]) -> None:
    (out / "soak.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if not rows:
        return
    with (out / "soak.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows({name: f"{value:.3f}" for name, value in row.items()} for row in rows)
    picture = curves(rows, x="minute", hidden=())
    cv2.imwrite(str(out / "soak.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, and end with code 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description="let the node run for long under faults")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--out", required=True, help="folder for the log, the curves and the counts")
    parser.add_argument("--source", default="", help="a bag or folder; by default the bundled recording")
    parser.add_argument("--frames", type=int, default=90, help="frames of a loop")
    parser.add_argument("--rate", type=float, default=5.0, help="frames per second")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="PARAMETER=VALUE", help="of the node")
    result = soak(parser.parse_args(arguments))
    print(json.dumps(result, indent=2))
    sys.exit(1 if result["wrong"] else 0)


if __name__ == "__main__":
    main()
