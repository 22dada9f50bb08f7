"""`autoseg3d replay`: the core offline on a recording: deterministic, every frame, with files to look at."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tqdm import tqdm

from autoseg3d_core import build
from autoseg3d_core.cli.arguments import add_settings
from autoseg3d_core.cli.bench import stage_times
from autoseg3d_core.cli.frame_range import add_range_arguments, chosen_frames
from autoseg3d_core.cli.replay_results import RESULTS, write_results
from autoseg3d_core.cli.replay_sinks import Notes, Pictures, RerunFrames
from autoseg3d_core.cli.results import list_results, results_folder
from autoseg3d_core.cli.source import (
    add_config_arguments,
    add_source_arguments,
    look_over,
    online_for,
    open_source,
    source_options,
)
from autoseg3d_core.datasets.live_sequence import MANY
from autoseg3d_core.datasets.masked import MaskedSequence
from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.evaluation.scene_scores import pooled
from autoseg3d_core.evaluation.scoring import Scoring
from autoseg3d_core.masks_ahead import MasksAhead
from autoseg3d_core.pipeline import OnlineSegmenter
from autoseg3d_core.running import RunRecord, Sink
from autoseg3d_core.running import run as run_frames
from autoseg3d_core.structures import InputError
from autoseg3d_core.visualization.rerun_log import RerunLog
from autoseg3d_core.visualization.scene_view import scene_up

FEW_FRAMES = 20
"""After no more than these, times per stage say little."""


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
    add_range_arguments(parser)
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
    parser.add_argument(
        "--live", action="store_true", help="watch the run in the Rerun viewer (needs rerun-sdk)"
    )
    parser.add_argument(
        "--ahead",
        action="store_true",
        help="make the 2D masks of the next frame beside the rest of this one: same results, often sooner",
    )
    add_config_arguments(parser)
    add_source_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Replay, score where the truth is known, and write the results."""
    sequence = open_source(args.source, tuple(args.simulation), source_options(args))
    look_over(args.source, sequence, args.strict)
    indices = chosen_frames(args, args.source, len(sequence))
    if args.masks is not None:
        sequence = MaskedSequence(sequence, args.masks)
    config = build.load(args.config, tuple(args.set))
    online = online_for(config, sequence, keep_views=True)
    if args.resume:
        online.load(args.resume)
        print(f"{args.resume}: {len(online.track_table())} tracks after {online.frame_index} frames")
    if args.save and not os.access(Path(args.save).resolve().parent, os.W_OK):
        raise InputError(f"--save {args.save}: its folder is not there, or cannot be written")
    model = build.description(config, online.device, args.masks)
    with results_folder(args.out, RESULTS) as out:
        is_whole = _replay(args, sequence, indices, online, model, out)
    print(list_results(args.out, RESULTS))
    return 0 if is_whole else 130


def _replay(
    args: argparse.Namespace,
    sequence: RgbdSequence,
    indices: range,
    online: OnlineSegmenter,
    model: str,
    out: Path,
) -> bool:
    """Run the frames and write what comes of them; tells whether the run went through to the end.

    Raises `KeyboardInterrupt` if it was interrupted before the first frame.
    """
    print(model)
    notes, scoring, names = Notes(), Scoring(sequence), online.label_names
    logs = [RerunLog(out / "recording.rrd")] if args.rerun else []
    logs += [RerunLog(None)] if args.live else []
    sinks: list[Sink] = [notes, scoring, Pictures(out / "frames", names)]
    sinks += [RerunFrames(log, names, online.map_cloud) for log in logs]
    record = _run(args.ahead, sequence, online, sinks, indices)
    if record.interrupted:
        planned = f" of {len(indices)}" if len(indices) < MANY else ""
        print(f"interrupted after {record.frames}{planned} frames", file=sys.stderr)
        if not record.frames:
            raise KeyboardInterrupt
    for log in logs:
        log.log_map(online.map_cloud())
        log.close()
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
        "up": scene_up(notes.camera_up).tolist(),
    }
    times = stage_times(notes.timings) if len(notes.timings) > FEW_FRAMES else []
    write_results(out, online, summary, scores, times)
    return not record.interrupted


def _run(
    is_ahead: bool, sequence: RgbdSequence, online: OnlineSegmenter, sinks: list[Sink], indices: range
) -> RunRecord:
    bar = tqdm(indices, desc="replay", unit="frame", disable=None)
    if not is_ahead:
        return run_frames(sequence, online, sinks, bar)
    with MasksAhead(online) as ahead:
        return run_frames(sequence, ahead, sinks, bar, ahead.announce)
