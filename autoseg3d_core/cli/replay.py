"""`autoseg3d replay`: the core offline on a recording: deterministic, every frame, with files to look at."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from autoseg3d_core import build
from autoseg3d_core.cli.arguments import add_settings, positive, results_folder
from autoseg3d_core.cli.bench import stage_times
from autoseg3d_core.cli.score_table import score_tables
from autoseg3d_core.cli.source import add_config_arguments, add_source_arguments, open_source, source_options
from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.evaluation.scene_scores import SceneScorer, Scores, pooled
from autoseg3d_core.pipeline import OnlineSegmenter
from autoseg3d_core.structures import Frame, InputError, SceneUpdate, TrackTable
from autoseg3d_core.visualization.overlay import overlay
from autoseg3d_core.visualization.picture_file import write_picture
from autoseg3d_core.visualization.ply import write_ply
from autoseg3d_core.visualization.report import text_table
from autoseg3d_core.visualization.rerun_log import RerunLog
from autoseg3d_core.visualization.scene_view import ASLANT, FROM_ABOVE, scene_view

PICTURES = 12
RESULTS = (
    *("frames", "summary.json", "timings.json"),
    *("scene.ply", "scene.png", "from_above.png", "recording.rrd"),
)


@dataclass
class Run:
    """What a replay has seen so far."""

    model: str
    interrupted: bool = False
    frames: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    timings: list[dict[str, float]] = field(default_factory=list)
    camera_up: np.ndarray = field(default_factory=lambda: np.zeros(3))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "source", help="a recording (docs/recordings.md tells of which kinds), or simulation:SEED"
    )
    parser.add_argument("--out", required=True, help="folder for the results, made anew")
    parser.add_argument("--limit", type=positive, help="stop after this many frames")
    parser.add_argument("--stride", type=positive, default=1, help="take every n-th frame")
    add_settings(parser, "--simulation", "settings of a simulated scene")
    parser.add_argument("--rerun", action="store_true", help="also write a Rerun recording (needs rerun-sdk)")
    add_config_arguments(parser)
    add_source_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Replay, score where the truth is known, and write the results."""
    sequence = open_source(args.source, tuple(args.simulation), source_options(args))
    config = build.load(args.config, tuple(args.set))
    online = build.online_segmenter(config)
    out = results_folder(args.out, RESULTS)
    (out / "frames").mkdir()
    seen = Run(build.description(config, online.device), skipped=Counter(getattr(sequence, "skipped", {})))
    print(seen.model)
    rerun = RerunLog(out / "recording.rrd") if args.rerun else None
    scorer = SceneScorer()
    indices = range(0, len(sequence), args.stride)[: args.limit]
    pictured = set(np.linspace(0, len(indices) - 1, PICTURES).round().astype(int).tolist())
    try:
        for number, index in enumerate(tqdm(indices, desc="replay", unit="frame", disable=None)):
            step = _step(online, sequence, index, seen)
            if step is None:
                continue
            frame, update = step
            truth = sequence.truth(index)
            if truth is not None:
                scorer.add(truth, update.label_image)
            if number in pictured:
                write_picture(out / "frames" / f"{index:06d}.png", overlay(frame.rgb, update.label_image))
            if rerun is not None:
                tracks = update.tracks[update.tracks.is_mature]
                rerun.log(frame, update.label_image, update.cloud, tracks.ids, tracks.boxes)
    except KeyboardInterrupt:
        print(f"interrupted after {seen.frames} of {len(indices)} frames", file=sys.stderr)
        seen.interrupted = True
    if not seen.frames:
        raise InputError(f"{args.source}: none of its {len(indices)} frames could be used")
    scores = _scores(sequence, online, scorer)
    if rerun is not None:
        rerun.log_map(online.map_cloud())
        rerun.close()
    _write_results(out, args.source, online, seen, scores)
    return 130 if seen.interrupted else 0


def _step(
    online: OnlineSegmenter, sequence: RgbdSequence, index: int, seen: Run
) -> tuple[Frame, SceneUpdate] | None:
    """Run one frame; a frame that cannot be used is counted and said."""
    try:
        frame = sequence[index]
        update = online.step(frame)
    except InputError as error:
        seen.skipped["unusable"] += 1
        print(f"frame {index} left out: {error}", file=sys.stderr)
        return None
    seen.frames += 1
    seen.events.update(event.kind.name.lower() for event in update.events)
    seen.timings.append(update.timings_ms)
    seen.camera_up -= frame.world_from_camera[:3, 1]
    return frame, update


def _scores(sequence: RgbdSequence, online: OnlineSegmenter, scorer: SceneScorer) -> Scores | None:
    truth = sequence.scene_truth()
    if truth is None:
        return None
    return pooled([scorer.result(truth, online.map_cloud(), KnownTracks.of(online.track_table()))])


def _write_results(out: Path, source: str, online: OnlineSegmenter, seen: Run, scores: Scores | None) -> None:
    tracks, cloud = online.track_table(), online.map_cloud()
    mature = tracks[tracks.is_mature]
    summary = {
        "source": source,
        "model": seen.model,
        "interrupted": seen.interrupted,
        "frames": seen.frames,
        "skipped": dict(seen.skipped),
        "events": dict(sorted(seen.events.items())),
        "tracks": len(mature),
        "scores": asdict(scores) if scores else None,
        "instances": _instances(mature, online.model.label_names),
    }
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    write_ply(out / "scene.ply", cloud)
    up = scene_up(seen.camera_up)
    for name, view in (("scene", ASLANT), ("from_above", FROM_ABOVE)):
        write_picture(out / f"{name}.png", scene_view(cloud, mature.ids, mature.boxes, view, up))
    print(f"{seen.frames} frames, {len(mature)} confirmed tracks; left out: {dict(seen.skipped) or 'none'}")
    if scores:
        print(score_tables({"": scores}))
    if len(seen.timings) > 20:
        times = stage_times(seen.timings)
        (out / "timings.json").write_text(json.dumps([asdict(t) for t in times], indent=2) + "\n")
        print(text_table(("stage", "median ms", "p95 ms"), [(t.stage, t.median_ms, t.p95_ms) for t in times]))
    print(f"written to {out}: summary.json scene.ply scene.png from_above.png frames/")


def _instances(tracks: TrackTable, label_names: Sequence[str]) -> list[dict[str, object]]:
    return [
        {
            "id": track_id,
            "label": label_names[label] if 0 <= label < len(label_names) else "",
            "existence": round(existence, 3),
            "frames_seen": hits,
            "box": [round(v, 4) for v in box],
            "map_voxels": voxels,
        }
        for track_id, label, existence, hits, box, voxels in zip(
            tracks.ids.tolist(),
            tracks.labels.tolist(),
            tracks.existence.tolist(),
            tracks.hits.tolist(),
            tracks.boxes.tolist(),
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
