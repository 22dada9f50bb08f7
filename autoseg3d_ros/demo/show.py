"""What came out of the demo: tables on the screen, and files to look at."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from autoseg3d_core.cli.score_table import score_tables
from autoseg3d_core.datasets.rosbag import RosbagSequence
from autoseg3d_core.evaluation.scene_scores import SceneScorer, Scores, pooled
from autoseg3d_core.evaluation.scoring import known_truth
from autoseg3d_core.visualization.overlay import overlay
from autoseg3d_core.visualization.ply import write_ply
from autoseg3d_core.visualization.report import text_table
from autoseg3d_core.visualization.rerun_log import RerunLog
from autoseg3d_core.visualization.scene_view import ASLANT, FROM_ABOVE, scene_view
from autoseg3d_ros.demo.results import PublishedFrame, Summary, published_frames, read_summary

PICTURES = 8


def show(sequence: RosbagSequence, outputs: Path, node: str, out: Path) -> Summary:
    """Compare what the node published with the recording's truth, if it has one; print and write it all."""
    summary = read_summary(outputs, node)
    scores = _look_at_frames(sequence, outputs, node, out, summary)
    cloud, instances = summary.map_cloud, summary.instances[summary.instances.is_mature]
    write_ply(out / "scene.ply", cloud)
    for name, view in (("scene", ASLANT), ("from_above", FROM_ABOVE)):
        _write(out / f"{name}.png", scene_view(cloud, instances.ids, instances.oriented_boxes, view))
    report = {
        "frames": {"recorded": len(sequence), "received": summary.received, **summary.outcomes},
        "median_and_p95_ms": summary.stage_ms,
        "events": dict(sorted(summary.events.items())),
        "tracks": len(instances.ids),
        "scores": asdict(scores) if scores else None,
    }
    (out / "summary.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    _print(len(sequence), summary, scores)
    files = "scene.png from_above.png frames/ scene.ply summary.json outputs/ (MCAP: RViz, Foxglove)"
    print(f"\nwritten to {out}: {files}{' recording.rrd (Rerun)' if _has_rerun() else ''}")
    return summary


def _look_at_frames(
    sequence: RosbagSequence, outputs: Path, node: str, out: Path, summary: Summary
) -> Scores | None:
    """Write pictures and the Rerun recording; return the scores where the truth is known."""
    (out / "frames").mkdir()
    index_of = {stamp: index for index, stamp in enumerate(sequence.stamps_ns)}
    pictured = set(np.linspace(0, len(sequence) - 1, PICTURES).round().astype(int).tolist())
    scorer = SceneScorer()
    rerun = RerunLog(out / "recording.rrd") if _has_rerun() else None
    for published in published_frames(outputs, node):
        index = index_of.get(published.stamp_ns)
        if index is None:
            continue
        truth = sequence.truth(index)
        if truth is not None:
            scorer.add(truth, published.label_image)
        if index in pictured:
            picture = overlay(sequence[index].rgb, published.label_image)
            _write(out / "frames" / f"{index:06d}.png", picture)
        if rerun is not None:
            _log(rerun, sequence, index, published)
    if rerun is not None:
        rerun.log_map(summary.map_cloud)
        rerun.close()
    truth_of_scene = known_truth(sequence)
    if truth_of_scene is None:
        return None
    return pooled([scorer.result(truth_of_scene, summary.map_cloud, summary.instances)])


def _log(rerun: RerunLog, sequence: RosbagSequence, index: int, published: PublishedFrame) -> None:
    instances = published.instances[published.instances.is_mature]
    rerun.log(
        sequence[index], published.label_image, published.cloud, instances.ids, instances.oriented_boxes
    )


def _print(recorded: int, summary: Summary, scores: Scores | None) -> None:
    rows = [("recorded", recorded), ("received", summary.received), *summary.outcomes.items()]
    print("\n" + text_table(("frames", "count"), rows))
    times = [(stage, *ms) for stage, ms in summary.stage_ms.items()]
    print("\n" + text_table(("stage", "median ms", "p95 ms"), times))
    print("\n" + text_table(("event", "count"), sorted(summary.events.items())))
    print(f"\n{int(summary.instances.is_mature.sum())} confirmed tracks")
    if scores:
        print("\n" + score_tables({"": scores}))


def _has_rerun() -> bool:
    return importlib.util.find_spec("rerun") is not None


def _write(path: Path, rgb: np.ndarray) -> None:
    cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
