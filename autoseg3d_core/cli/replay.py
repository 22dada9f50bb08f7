"""`autoseg3d replay`: the core offline on a recording: deterministic, every frame, with files to look at."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from autoseg3d_core import build
from autoseg3d_core.cli.arguments import add_settings, positive, whole
from autoseg3d_core.cli.bench import stage_times
from autoseg3d_core.cli.replay_sinks import Notes, Pictures, RerunFrames
from autoseg3d_core.cli.results import list_results, results_folder
from autoseg3d_core.cli.score_table import score_tables
from autoseg3d_core.cli.source import (
    add_config_arguments,
    add_source_arguments,
    look_over,
    online_for,
    open_source,
    source_options,
)
from autoseg3d_core.datasets.masked import MaskedSequence
from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.evaluation.scene_scores import Scores, pooled
from autoseg3d_core.evaluation.scoring import Scoring
from autoseg3d_core.pipeline import OnlineSegmenter
from autoseg3d_core.running import Sink
from autoseg3d_core.running import run as run_frames
from autoseg3d_core.structures import InputError, TrackTable
from autoseg3d_core.visualization.picture_file import write_picture
from autoseg3d_core.visualization.ply import write_ply
from autoseg3d_core.visualization.report import text_table
from autoseg3d_core.visualization.rerun_log import RerunLog
from autoseg3d_core.visualization.scene_view import ASLANT, FROM_ABOVE, scene_view

PICTURES = 12
RESULTS = {
    "summary.json": "frames, scores, and every object with its box",
    "scene.ply": "the labelled map",
    "scene.png": "the map with boxes and ids",
    "from_above.png": "the same from above",
    "frames": "labels over some of the images",
    "timings.json": "time per stage",
    "recording.rrd": "every frame, for the Rerun viewer",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "source", help="a recording (docs/recordings.md lists the formats), or simulation:SEED"
    )
    parser.add_argument(
        "--out",
        required=True,
        help="folder for the results; those of an earlier run are replaced when this one ends",
    )
    parser.add_argument("--limit", type=positive, help="stop after this many frames")
    parser.add_argument("--stride", type=positive, default=1, help="use every n-th frame")
    parser.add_argument(
        "--start", type=whole, default=0, metavar="FRAME", help="first frame to use, counted from 0"
    )
    parser.add_argument(
        "--resume",
        metavar="FILE",
        help="continue from a snapshot with its map, tracks and ids; it needs the same model, weights and "
        "world frame, otherwise nothing is run",
    )
    parser.add_argument("--save", metavar="FILE", help="write a snapshot at the end, for --resume")
    add_settings(parser, "--simulation", "settings of a simulated scene, e.g. rooms=2 frames=100")
    parser.add_argument(
        "--masks",
        metavar="NAME",
        help="precomputed masks: a name given to `prepare`, or perfect ones, truth-parts or truth-objects",
    )
    parser.add_argument("--rerun", action="store_true", help="also write a Rerun recording (needs rerun-sdk)")
    add_config_arguments(parser)
    add_source_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Replay, score where the truth is known, and write the results."""
    sequence = open_source(args.source, tuple(args.simulation), source_options(args))
    look_over(args.source, sequence, args.strict)
    indices = range(args.start, len(sequence), args.stride)[: args.limit]
    if not indices:
        raise InputError(f"--start {args.start}: {args.source} has {len(sequence)} frames")
    if args.masks is not None:
        sequence = MaskedSequence(sequence, args.masks)
    config = build.load(args.config, tuple(args.set))
    online = online_for(config, sequence)
    if args.resume:
        online.load(args.resume)
        print(f"{args.resume}: {len(online.track_table())} tracks after {online.frame_index} frames")
    if args.save and not os.access(Path(args.save).resolve().parent, os.W_OK):
        raise InputError(f"--save {args.save}: its folder is not there, or cannot be written")
    with results_folder(args.out, RESULTS) as out:
        is_whole = _replay(args, sequence, indices, online, config, out)
    print(list_results(args.out, RESULTS))
    return 0 if is_whole else 130


def _replay(
    args: argparse.Namespace,
    sequence: RgbdSequence,
    indices: range,
    online: OnlineSegmenter,
    config: build.Config,
    out: Path,
) -> bool:
    """Run the frames and write what comes of them; tells whether the run went through to the end.

    Raises `KeyboardInterrupt` if it was interrupted before the first frame.
    """
    model = build.description(config, online.device, args.masks)
    print(model)
    pictured = [indices[i] for i in np.linspace(0, len(indices) - 1, PICTURES).round().astype(int)]
    notes, scoring = Notes(), Scoring(sequence)
    rerun = RerunLog(out / "recording.rrd") if args.rerun else None
    sinks: list[Sink] = [notes, scoring, Pictures(out / "frames", pictured)]
    sinks += [RerunFrames(rerun)] if rerun else []
    record = run_frames(sequence, online, sinks, tqdm(indices, desc="replay", unit="frame", disable=None))
    if record.interrupted:
        print(f"interrupted after {record.frames} of {len(indices)} frames", file=sys.stderr)
        if not record.frames:
            raise KeyboardInterrupt
    if rerun is not None:
        rerun.log_map(online.map_cloud())
        rerun.close()
    if args.save and not record.interrupted:  # in the middle of a frame nobody vouches for the map
        online.save(args.save)
        print(f"saved {args.save}; to continue: --resume {args.save} --start {notes.last + args.stride}")
    result = scoring.result(online.map_cloud(), online.track_table())
    scores = None if result is None else pooled([result])
    summary = {
        "source": args.source,
        "model": model,
        "interrupted": record.interrupted,
        "frames": record.frames,
        "skipped": dict(record.skipped),
        "skip_reasons": record.reasons,
        "events": dict(sorted(notes.events.items())),
    }
    _write_results(out, online, notes, summary, scores, build.label_names(config, online.model))
    return not record.interrupted


def _write_results(
    out: Path,
    online: OnlineSegmenter,
    notes: Notes,
    summary: dict[str, Any],
    scores: Scores | None,
    label_names: Sequence[str],
) -> None:
    """Write what is left of a run, and say what it came to."""
    tracks, cloud = online.track_table(), online.map_cloud()
    mature = tracks[tracks.is_mature]
    summary |= {
        "tracks": len(mature),
        "scores": asdict(scores) if scores else None,
        "instances": _instances(mature, label_names),
    }
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    write_ply(out / "scene.ply", cloud)
    up = scene_up(notes.camera_up)
    for name, view in (("scene", ASLANT), ("from_above", FROM_ABOVE)):
        write_picture(out / f"{name}.png", scene_view(cloud, mature.ids, mature.oriented_boxes, view, up))
    left_out = ", ".join(f"{count} {cause}" for cause, count in summary["skipped"].items()) or "none"
    print(f"{summary['frames']} frames, {len(mature)} confirmed tracks; left out: {left_out}")
    if scores:
        print(score_tables({"": scores}))
    if len(notes.timings) > 20:
        times = stage_times(notes.timings)
        (out / "timings.json").write_text(json.dumps([asdict(t) for t in times], indent=2) + "\n")
        print(text_table(("stage", "median ms", "p95 ms"), [(t.stage, t.median_ms, t.p95_ms) for t in times]))


def _instances(tracks: TrackTable, label_names: Sequence[str]) -> list[dict[str, object]]:
    return [
        {
            "id": track_id,
            "label": label_names[label] if 0 <= label < len(label_names) else "",
            "existence": round(existence, 3),
            "frames_seen": hits,
            "box": [round(v, 4) for v in box],
            "oriented_box": [round(v, 4) for v in oriented],
            "map_voxels": voxels,
        }
        for track_id, label, existence, hits, box, oriented, voxels in zip(
            tracks.ids.tolist(),
            tracks.labels.tolist(),
            tracks.existence.tolist(),
            tracks.hits.tolist(),
            tracks.boxes.tolist(),
            tracks.oriented_boxes.tolist(),
            tracks.map_voxels.tolist(),
            strict=True,
        )
    ]


def scene_up(camera_up: np.ndarray) -> np.ndarray:
    """Return the vertical of a world: z if the cameras' upper side agrees with it, else what they say."""
    z = np.array([0.0, 0.0, 1.0])
    length = np.linalg.norm(camera_up)
    if length == 0 or camera_up @ z / length > 0.5:
        return z
    return camera_up / length
