"""`autoseg3d evaluate`: scores configurations on scenes whose truth is known, side by side."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from autoseg3d_core import build
from autoseg3d_core.cli.arguments import add_settings, positive
from autoseg3d_core.cli.score_table import score_tables
from autoseg3d_core.cli.source import online_for, open_source, scenes_of
from autoseg3d_core.datasets.masked import MaskedSequence
from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.evaluation.scene_scores import SceneResult, Scores, pooled
from autoseg3d_core.evaluation.scoring import Scoring
from autoseg3d_core.running import run as run_frames
from autoseg3d_core.structures import Frame, InputError, SceneUpdate
from autoseg3d_core.timing import MASK
from autoseg3d_core.visualization.picture_file import write_picture
from autoseg3d_core.visualization.scene_view import FROM_ABOVE, scene_view


@dataclass(frozen=True)
class Row:
    """One configuration over all scenes: its scores, and the median time of a frame after the masks."""

    name: str
    scores: Scores
    after_masks_ms: float


class AfterMasks:
    """Collects the time of each frame after its masks."""

    def __init__(self) -> None:
        self.ms: list[float] = []

    def take(self, index: int, frame: Frame, update: SceneUpdate) -> None:
        """Take one frame."""
        self.ms.append(sum(ms for stage, ms in update.timings_ms.items() if stage != MASK))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "source", nargs="+", help="scenes, folders of scenes, bags, simulation:SEED or simulation:FIRST-LAST"
    )
    parser.add_argument(
        "--masks",
        help="precomputed masks: a name given to `prepare`, or perfect ones, truth-parts or truth-objects "
        "(default: the mask maker of each configuration)",
    )
    parser.add_argument(
        "--row",
        nargs="+",
        action="append",
        metavar=("NAME", "KEY=VALUE"),
        help="a configuration to score: its name and its parameters; may be given several times",
    )
    parser.add_argument("--config", metavar="FILE", help="YAML file that all rows start from")
    parser.add_argument("--limit", type=positive, help="score only this many scenes")
    parser.add_argument("--stride", type=positive, default=1, help="use every n-th frame")
    add_settings(parser, "--simulation", "settings of a simulated scene, e.g. rooms=2 frames=100")
    parser.add_argument("--threads", type=positive, help="number of torch threads")
    parser.add_argument("--out", metavar="DIR", help="folder for scores.json and a picture per row and scene")


def run(args: argparse.Namespace) -> int:
    """Score every row on every scene, print the table, and write it if asked to."""
    if args.threads:
        torch.set_num_threads(args.threads)
    wanted = named_rows(args)
    scenes = list(scenes_of(args.source).items())[: args.limit]
    out = Path(args.out) if args.out else None
    rows, left_out = [], set()
    for name, *settings in wanted:
        config = build.load(args.config, tuple(settings))
        scored = []
        for scene, source in tqdm(scenes, desc=name, unit="scene", disable=None):
            picture = out / name / f"{scene}.png" if out else None
            try:
                scored.append(scored_scene(config, _opener(args, source), args.stride, picture))
            except InputError as error:
                left_out.add(scene)
                print(f"scene {scene} left out of {name}: {error}", file=sys.stderr)
        if not scored:
            raise InputError(f"none of the {len(scenes)} scenes could be scored")
        results, times = zip(*scored, strict=True)
        rows.append(Row(name, pooled(results), float(np.median(np.concatenate(times)))))
    masks = args.masks or "their own"
    print(f"{len(scenes)} scenes, {masks} masks, every {args.stride}. frame; left out: {_names(left_out)}")
    print(
        score_tables({row.name: row.scores for row in rows}, {row.name: row.after_masks_ms for row in rows})
    )
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


def scored_scene(
    config: build.Config, opener: Callable[[], RgbdSequence], stride: int, picture: Path | None
) -> tuple[SceneResult, list[float]]:
    """Run one scene; return its scores, and the time of each frame after its masks.

    Raises `InputError` for a scene that cannot be used, or whose truth nobody knows.
    """
    sequence = opener()
    online, scoring, after_masks = online_for(config, sequence), Scoring(sequence), AfterMasks()
    record = run_frames(sequence, online, (scoring, after_masks), range(0, len(sequence), stride))
    if record.interrupted:
        raise KeyboardInterrupt
    cloud, tracks = online.map_cloud(), online.track_table()
    if picture is not None:
        mature = tracks[tracks.is_mature]
        write_picture(picture, scene_view(cloud, mature.ids, mature.oriented_boxes, FROM_ABOVE))
    result = scoring.result(cloud, tracks)
    if result is None:
        raise InputError(
            f"{sequence.name}: has no ground truth: a folder needs truth/instance/NUMBER.png with the id "
            "of each pixel, 0 for none (docs/training.md)"
        )
    return result, after_masks.ms


def _opener(args: argparse.Namespace, source: str) -> Callable[[], RgbdSequence]:
    simulation = tuple(args.simulation)
    if args.masks is None:
        return lambda: open_source(source, simulation)
    return lambda: MaskedSequence(open_source(source, simulation), args.masks)


def _names(scenes: set[str]) -> str:
    return ", ".join(sorted(scenes)) or "none"
