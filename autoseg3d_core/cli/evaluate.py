"""`autoseg3d evaluate`: scores configurations on prepared scenes, side by side."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from autoseg3d_core import build
from autoseg3d_core.cli.arguments import positive
from autoseg3d_core.cli.score_table import score_tables
from autoseg3d_core.datasets.clips import PreparedScene, prepared_scenes
from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.evaluation.scene_scores import SceneResult, SceneScorer, Scores, pooled
from autoseg3d_core.mask_makers.precomputed import PrecomputedMaskMaker
from autoseg3d_core.structures import InputError
from autoseg3d_core.visualization.picture_file import write_picture
from autoseg3d_core.visualization.scene_view import FROM_ABOVE, scene_view


@dataclass(frozen=True)
class Row:
    """One configuration over all scenes: its scores, and the median time of a frame after the masks."""

    name: str
    scores: Scores
    after_masks_ms: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("scenes", help="folder of scenes that `autoseg3d prepare` wrote")
    parser.add_argument(
        "--masks",
        default="fastsam",
        help="which masks: of a front-end, truth-parts or truth-objects (default: %(default)s)",
    )
    parser.add_argument(
        "--row",
        nargs="+",
        action="append",
        metavar=("NAME", "KEY=VALUE"),
        help="a configuration: its name and its settings; may be given several times",
    )
    parser.add_argument("--config", metavar="FILE", help="YAML file that all rows start from")
    parser.add_argument("--limit", type=positive, help="only so many scenes")
    parser.add_argument("--stride", type=positive, default=1, help="every n-th frame of a scene")
    parser.add_argument("--threads", type=positive, help="threads that torch may use")
    parser.add_argument("--out", metavar="DIR", help="folder for scores.json and a picture per row and scene")


def run(args: argparse.Namespace) -> int:
    """Score every row on every scene, print the table, and write it if asked to."""
    if args.threads:
        torch.set_num_threads(args.threads)
    wanted = named_rows(args)
    scenes = prepared_scenes(Path(args.scenes))[: args.limit]
    out = Path(args.out) if args.out else None
    rows = []
    for name, *settings in wanted:
        config = build.load(args.config, tuple(settings))
        results = [
            evaluated(config, scene, args.masks, args.stride, out and out / name)
            for scene in tqdm(scenes, desc=name, unit="scene", disable=None)
        ]
        rows.append(summary(name, results))
    print(f"{len(scenes)} scenes of {args.scenes}, {args.masks} masks, every {args.stride}. frame")
    scores, times = {row.name: row.scores for row in rows}, {row.name: row.after_masks_ms for row in rows}
    print(score_tables(scores, times))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "scores.json").write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    return 0


def named_rows(args: argparse.Namespace) -> list[list[str]]:
    """Return the rows asked for, one of the default model otherwise; raises `InputError` for bad names."""
    rows = args.row or [[build.load(args.config).model.name]]
    names = [row[0] for row in rows]
    for name in names:
        if "=" in name or "/" in name:
            raise InputError(f"--row {name}: begin with a name for the row, e.g. --row mine {name}")
        if names.count(name) > 1:
            raise InputError(f"--row {name} is given twice: name each row differently")
    return rows


def evaluated(
    config: build.Config, scene: PreparedScene, masks: str, stride: int, pictures: Path | None
) -> tuple[SceneResult, list[float]]:
    """Run one scene, and score what is left of it at the end and what was said on the way; with its times."""
    truth = scene.images.scene_truth()
    if truth is None:
        raise InputError(f"{scene.images.path}: has no truth/scene.npz: write it with `autoseg3d prepare`")
    online, scorer, times = build.online_segmenter(config, PrecomputedMaskMaker(None)), SceneScorer(), []
    for index in range(0, len(scene), stride):
        frame = dataclasses.replace(scene.images[index], label_image=scene.labels(index, masks))
        update = online.step(frame)
        spent = {**update.timings_ms, "mask": 0.0}
        times.append(sum(spent.values()))
        scorer.add(scene.truth(index), update.label_image)
    cloud, tracks = online.map_cloud(), online.track_table()
    if pictures is not None:
        mature = tracks[tracks.is_mature]
        picture = scene_view(cloud, mature.ids, mature.boxes, FROM_ABOVE)
        write_picture(pictures / f"{scene.images.name}.png", picture)
    return scorer.result(truth, cloud, KnownTracks.of(tracks)), times


def summary(name: str, results: Sequence[tuple[SceneResult, list[float]]]) -> Row:
    """Return the scores and times over all scenes."""
    times = [t for _, spent in results for t in spent]
    return Row(name, pooled([result for result, _ in results]), float(np.median(times)))
