"""`autoseg3d view`: results of a replay, or a recording as it is, in the Rerun viewer."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from autoseg3d_core.cli.arguments import add_settings, positive
from autoseg3d_core.cli.source import add_source_arguments, look_over, open_source, source_options
from autoseg3d_core.datasets.ply_vertices import read_vertices
from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.errors import InputError
from autoseg3d_core.structures import Frame, LabelledCloud
from autoseg3d_core.visualization.rerun_log import RerunLog
from autoseg3d_core.visualization.scene_view import scene_up

PLACE, COLOR = ("x", "y", "z"), ("red", "green", "blue")
RECORDING, SUMMARY, CLOUD = "recording.rrd", "summary.json", "scene.ply"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "source", help="a folder that `replay --out` wrote, an .rrd file, or a source of frames"
    )
    parser.add_argument("--save", metavar="FILE", help="write an .rrd file instead of opening the viewer")
    parser.add_argument(
        "--limit", type=positive, default=200, help="frames to show of a source (default: 200)"
    )
    parser.add_argument("--stride", type=positive, default=1, help="show every n-th frame of a source")
    add_settings(parser, "--simulation", "settings of a simulated scene, e.g. rooms=2 frames=100")
    add_source_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Show it; raises `InputError` without the package rerun-sdk."""
    folder = Path(args.source)
    recorded = folder if folder.suffix == ".rrd" else folder / RECORDING
    if recorded.is_file() and args.save is None:
        return _opened(recorded)
    if (folder / CLOUD).is_file() and (folder / SUMMARY).is_file():
        _show_results(folder, RerunLog(args.save))
    else:
        sequence = open_source(args.source, tuple(args.simulation), source_options(args))
        look_over(args.source, sequence, args.strict)
        _show_frames(sequence, range(0, len(sequence), args.stride)[: args.limit], RerunLog(args.save))
    if args.save is not None:
        print(f"written to {args.save}; to look at it: autoseg3d view {args.save}")
    return 0


def _opened(recording: Path) -> int:
    """Open the viewer on a recording."""
    command = [sys.executable, "-m", "rerun", str(recording)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if "No module named" in done.stderr:
        raise InputError("Rerun needs the package rerun-sdk: pip install rerun-sdk")
    if done.returncode:
        raise InputError(f"the Rerun viewer ended with code {done.returncode}: {done.stderr.strip()[-300:]}")
    return 0


def _show_results(folder: Path, log: RerunLog) -> None:
    """Log the map and the boxes that a run came to."""
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        things = summary["instances"]
        boxes = np.array([thing["oriented_box"] for thing in things], np.float32).reshape(-1, 10)
        ids = np.array([thing["id"] for thing in things], np.int64)
        names = {thing["id"]: thing["label"] for thing in things}
        up = np.array(summary.get("up", (0, 0, 1)), float)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / SUMMARY}: not written by `autoseg3d replay` ({error})") from error
    log.log_up(up)
    log.log_map(_cloud(folder / CLOUD))
    log.log_boxes(ids, boxes, names)
    log.close()


def _show_frames(sequence: RgbdSequence, indices: range, log: RerunLog) -> None:
    """Log frames as they come, with their depth."""
    shown = 0
    for index in tqdm(indices, desc="view", unit="frame", disable=None):
        try:
            frame: Frame = sequence[index]
        except InputError as error:
            print(f"frame {index} left out: {error}", file=sys.stderr)
            continue
        if shown == 0:
            log.log_up(scene_up(-frame.world_from_camera[:3, 1]))
        log.log_camera(frame, with_depth=True)
        shown += 1
    log.close()
    if shown == 0:
        raise InputError(f"{sequence.name}: no frame could be used")


def _cloud(file: Path) -> LabelledCloud:
    """Return the cloud in a PLY file of ours."""
    columns = read_vertices(file)
    try:
        xyz, rgb = (np.stack([columns[name] for name in names], axis=1) for names in (PLACE, COLOR))
        ids, labels = columns["instance"], columns["label"]
    except KeyError as error:
        raise InputError(f"{file}: not written by `autoseg3d replay` (it has no {error})") from error
    return LabelledCloud(xyz.astype(np.float32), rgb, ids.astype(np.int64), labels.astype(np.int64))
