"""What came out of the demo: tables on the screen, and files to look at."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

from autoseg3d_core.cli.replay_sinks import Pictures, RerunFrames
from autoseg3d_core.cli.score_table import score_tables
from autoseg3d_core.datasets.rosbag import RosbagSequence
from autoseg3d_core.evaluation.scene_scores import Scores, pooled
from autoseg3d_core.evaluation.score_file import in_percent
from autoseg3d_core.evaluation.scoring import Scoring
from autoseg3d_core.running import Sink, run
from autoseg3d_core.structures import InputError
from autoseg3d_core.visualization.picture_file import write_picture
from autoseg3d_core.visualization.ply import write_ply
from autoseg3d_core.visualization.report import text_table
from autoseg3d_core.visualization.rerun_log import RerunLog
from autoseg3d_core.visualization.scene_view import ASLANT, FROM_ABOVE, scene_view
from autoseg3d_ros.demo.results import Published, PublishedFrame, Summary, read_summary


def show(sequence: RosbagSequence, outputs: Path, node: str, out: Path) -> Summary:
    """Compare what the node published with the recording's truth, if it has one; print and write it all."""
    summary = read_summary(outputs, node)
    complete, scores = _look_at_frames(sequence, outputs, node, out, summary)
    cloud, instances = summary.map_cloud, summary.instances[summary.instances.is_mature]
    write_ply(out / "scene.ply", cloud)
    for name, view in (("scene", ASLANT), ("from_above", FROM_ABOVE)):
        write_picture(out / f"{name}.png", scene_view(cloud, instances.ids, instances.oriented_boxes, view))
    report = {
        "frames": {"recorded": len(sequence), "received": summary.received, **summary.outcomes},
        "with_all_outputs_recorded": complete,
        "median_and_p95_ms": summary.stage_ms,
        "events": dict(sorted(summary.events.items())),
        "tracks": len(instances.ids),
        "scores": in_percent(scores) if scores else None,
    }
    (out / "summary.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    _print(len(sequence), summary, scores)
    if lost := max(0, summary.outcomes["processed"] - complete):
        print(
            f"\nof {lost} processed frames not every output reached the recorder, because the machine was "
            "too busy: they have no picture and do not count in the scores"
        )
    return summary


def _look_at_frames(
    sequence: RosbagSequence, outputs: Path, node: str, out: Path, summary: Summary
) -> tuple[int, Scores | None]:
    """Write pictures and the Rerun recording.

    Returns how many frames have all their outputs in the recording, and the scores where the truth is known.
    """
    complete = 0
    published, scoring = Published(outputs, node), Scoring(sequence)
    rerun = _rerun_log(out / "recording.rrd")
    sinks: list[Sink[PublishedFrame]] = [scoring, Pictures(out / "frames")]
    sinks += [RerunFrames(rerun)] if rerun else []
    try:
        complete = run(sequence, published, sinks, published.indices(sequence.stamps_ns)).frames
    except InputError as error:
        print(f"nothing to look at: {error}", file=sys.stderr)
    if rerun is not None:
        rerun.log_map(summary.map_cloud)
        rerun.close()
    result = scoring.result(summary.map_cloud, summary.instances)
    return complete, None if result is None else pooled([result])


def _print(recorded: int, summary: Summary, scores: Scores | None) -> None:
    rows = [("recorded", recorded), ("received", summary.received), *summary.outcomes.items()]
    print("\n" + text_table(("frames", "count"), rows))
    times = [(stage, *ms) for stage, ms in summary.stage_ms.items()]
    print("\n" + text_table(("stage", "median ms", "p95 ms"), times))
    print("\n" + text_table(("event", "count"), sorted(summary.events.items())))
    print(f"\n{int(summary.instances.is_mature.sum())} confirmed tracks")
    if scores:
        print("\n" + score_tables({"": scores}))


def _rerun_log(path: Path) -> RerunLog | None:
    """Return a Rerun recording to write, None where rerun-sdk is not installed or does not work."""
    if importlib.util.find_spec("rerun") is None:
        return None
    try:
        return RerunLog(path)
    except InputError as error:
        print(f"no Rerun recording: {error}", file=sys.stderr)
        return None
