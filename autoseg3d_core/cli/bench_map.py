"""`autoseg3d bench-map`: whether the map stays true while simulated rooms change, as a table and as JSON."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from autoseg3d_core import build
from autoseg3d_core.atomic_file import replacing
from autoseg3d_core.cli.arguments import add_settings, positive, whole
from autoseg3d_core.cli.source import add_config_arguments
from autoseg3d_core.config import load_config
from autoseg3d_core.evaluation.emptied_places import EmptiedPlaces
from autoseg3d_core.evaluation.map_truth import MapScores, MapTruth, WorldChange
from autoseg3d_core.pipeline import OnlineSegmenter
from autoseg3d_core.simulation.map_trials import KINDS, MapTrial, draw_trial
from autoseg3d_core.simulation.sequence import SimulationConfig
from autoseg3d_core.structures import CameraIntrinsics, Frame
from autoseg3d_core.visualization.report import text_table

SMALL = ("width=320", "height=240", "rate_hz=5", "frames=100", "pose_jitter_m=0.01", "pose_jitter_deg=0.5")
"""Recordings unless told otherwise: poses that err by 1 cm and half a degree."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--seed", type=whole, default=5000, help="first room (default: %(default)s)")
    parser.add_argument("--rooms", type=positive, default=3, help="number of rooms (default: %(default)s)")
    parser.add_argument(
        "--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="what is tried (default: everything)"
    )
    parser.add_argument(
        "--masks",
        choices=("truth-objects", "config"),
        default="truth-objects",
        help="perfect masks, to measure the map alone, or those of the config (default: %(default)s)",
    )
    parser.add_argument(
        "--out", default="out/bench-map", help="folder for recordings and scores (default: %(default)s)"
    )
    add_settings(parser, "--simulation", f"settings of the rooms and the camera (default: {' '.join(SMALL)})")
    add_config_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run all trials, print a row for each kind, write scores.json; returns the exit code."""
    perfect = ("masks.name=precomputed",) if args.masks == "truth-objects" else ()
    config = build.load(args.config, (*perfect, *args.set))
    simulation = load_config(SimulationConfig, None, (*SMALL, *args.simulation))
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    online = build.online_segmenter(config)
    scores: dict[str, MapScores] = {}
    for kind in args.kinds:
        scores[kind] = MapScores()
        for seed in range(args.seed, args.seed + args.rooms):
            trial = draw_trial(kind, seed, simulation)
            frames = _Frames(trial, out / "recordings", f"{simulation}{trial.removed}{trial.moved}")
            scores[kind] += run_trial(trial, frames, online, out / "map.snapshot")
            trial.sequence.close()
            with replacing(out / "scores.json") as file:
                file.write(json.dumps({name: asdict(row) for name, row in scores.items()}, indent=2).encode())
    print(f"{build.description(config, online.device)}, {args.masks} masks, {args.rooms} rooms\n")
    print(table(scores))
    return 0


def run_trial(trial: MapTrial, frames: Sequence[Frame], online: OnlineSegmenter, snapshot: Path) -> MapScores:
    """Run one recording from an empty map on, and return what the map is worth in the end."""
    online.reset()
    truth, places = MapTruth(), EmptiedPlaces((*trial.removed, *trial.moved))
    for index in tqdm(range(len(trial)), f"{trial.kind} {trial.sequence.seed}", leave=False, disable=None):
        if index == trial.turn:
            truth.half_is_over(online.track_table())
            if trial.kind == "restart":
                online.save(snapshot)
                online.reset()
                online.load(snapshot)
        frame = frames[index]
        update = online.step(frame)
        assert frame.label_image is not None
        truth.take(update, frame.label_image)
        take = places.take_before if index < trial.turn else places.take_after
        take(frame, trial.sequence.world_from_camera(index))
    return truth.scores(online.track_table(), _change_of(trial, places))


def table(scores: dict[str, MapScores]) -> str:
    """Return a row for each kind of recording, and one for all."""
    rows = {**scores, "all": sum(scores.values(), MapScores())}
    header = (
        "recording",
        "frames",
        "tracks",
        "ghosts %",
        "duplicates %",
        "false GONE per 1000 frames",
        "removals noticed",
        "moved, known again",
        "ids kept",
    )
    return text_table(header, [(name, *_columns(row)) for name, row in rows.items()])


def _columns(row: MapScores) -> tuple[int | float | str, ...]:
    return (
        row.frames,
        row.tracks,
        100 * row.ghosts / max(row.tracks, 1),
        100 * row.duplicates / max(row.tracks, 1),
        1000 * row.false_gone / max(row.frames, 1),
        f"{row.noticed} of {row.removed}",
        f"{row.known_again} of {row.moved}",
        f"{row.kept} of {row.stayed}",
    )


def _change_of(trial: MapTrial, emptied: EmptiedPlaces) -> WorldChange:
    """Return what changed in a trial, where what moved stood and stands, and whose place nobody looked at."""
    last = len(trial) - 1
    places = {
        name: tuple((box[:3] + box[3:]) / 2 for box in (trial.sequence.box_of(name, i) for i in (0, last)))
        for name in trial.moved
    }
    removed, moved = frozenset(trial.removed), frozenset(trial.moved)
    unseen = (removed | moved) - emptied.looked_at()
    return WorldChange(removed, moved, {n: (a, b) for n, (a, b) in places.items()}, unseen)


class _Frames(Sequence[Frame]):
    """The frames of a trial, rendered once and kept in a file each."""

    def __init__(self, trial: MapTrial, folder: Path, about: str) -> None:
        digest = hashlib.sha256(about.encode()).hexdigest()[:8]
        self._trial = trial
        self._folder = folder / f"{trial.kind}-{trial.sequence.seed}-{digest}"
        self._folder.mkdir(parents=True, exist_ok=True)

    def __len__(self) -> int:
        return len(self._trial)

    def __getitem__(self, index: int) -> Frame:  # type: ignore[override]
        path = self._folder / f"{index}.npz"
        if not path.exists():
            frame = self._trial[index]
            arrays: dict[str, Any] = {
                "rgb": frame.rgb,
                "depth": frame.depth,
                "pose": frame.world_from_camera,
                "labels": frame.label_image,
            }
            if frame.world_from_odometry is not None:
                arrays["odometry"] = frame.world_from_odometry
            with replacing(path) as file:
                np.savez_compressed(file, **arrays)
        camera: CameraIntrinsics = self._trial.sequence.camera
        stamp_ns = round(index * 1e9 / self._trial.sequence.config.rate_hz)
        with np.load(path) as kept:
            return Frame(
                kept["rgb"],
                kept["depth"],
                camera,
                kept["pose"],
                stamp_ns,
                label_image=kept["labels"],
                number=index,
                world_from_odometry=kept.get("odometry"),
            )
