"""`autoseg3d evaluate`: scores configurations on prepared scenes, side by side."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from tqdm import tqdm

from autoseg3d_core import build
from autoseg3d_core.cli.arguments import positive
from autoseg3d_core.datasets.clips import PreparedScene, prepared_scenes
from autoseg3d_core.evaluation.average_precision import SceneMatch, average_precision, match_scene
from autoseg3d_core.evaluation.box_quality import box_overlaps
from autoseg3d_core.evaluation.identity import IdentityScorer, IdentityScores
from autoseg3d_core.evaluation.scene_labels import ids_on_truth
from autoseg3d_core.mask_makers.precomputed import LabelImageFolder, PrecomputedMaskMaker
from autoseg3d_core.structures import InputError
from autoseg3d_core.visualization.picture_file import write_picture
from autoseg3d_core.visualization.report import text_table
from autoseg3d_core.visualization.scene_view import FROM_ABOVE, scene_view


@dataclass(frozen=True, eq=False)
class SceneResult:
    """One scene under one configuration: overlaps with the truth, identity over time, and times per frame.

    `boxes` has the overlap of the track's box with the object's, for each object that was found.
    """

    match: SceneMatch
    boxes: Float[np.ndarray, " found"]
    identity: IdentityScores
    after_masks_ms: list[float]


@dataclass(frozen=True)
class Row:
    """The scores of one configuration over all scenes; precision is pooled, the others are means or sums.

    `spread` is the standard deviation of AP over the scenes; `box_iou` is the mean over the objects found;
    `recalled` counts the objects that came back with their id after an absence of a hundred frames, of those
    that came back.
    """

    name: str
    ap: float
    ap50: float
    ap25: float
    spread: float
    box_iou: float
    idf1: float
    id_switches: int
    recalled: str
    after_masks_ms: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("scenes", help="folder of scenes that `autoseg3d prepare` wrote")
    parser.add_argument("--masks", default="fastsam", help="which of their masks (default: %(default)s)")
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
    columns = list(asdict(rows[0]))
    print(f"{len(scenes)} scenes of {args.scenes}, {args.masks} masks, every {args.stride}. frame")
    print(text_table(columns, [tuple(asdict(row).values()) for row in rows]))
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
) -> SceneResult:
    """Run one scene, and score what is left of it at the end and what was said on the way."""
    truth = scene.images.scene_truth()
    if truth is None:
        raise InputError(f"{scene.images.path}: has no truth/scene.npz: write it with `autoseg3d prepare`")
    mask_maker = PrecomputedMaskMaker(LabelImageFolder(scene.mask_folder(masks)))
    online, identity, times = build.online_segmenter(config, mask_maker), IdentityScorer(), []
    for index in range(0, len(scene), stride):
        frame = scene.images[index]
        update = online.step(frame)
        spent = {**update.timings_ms, "mask": 0.0}
        times.append(sum(spent.values()))
        frame_truth = scene.images.truth(index)
        assert frame_truth is not None, "a scene with a truth has one of each frame"
        identity.add(frame_truth.instance, update.label_image)
    cloud, tracks = online.map_cloud(), online.track_table()
    existence = dict(zip(tracks.ids.tolist(), tracks.existence.tolist(), strict=True))
    if pictures is not None:
        mature = tracks[tracks.is_mature]
        picture = scene_view(cloud, mature.ids, mature.boxes, FROM_ABOVE)
        write_picture(pictures / f"{scene.images.name}.png", picture)
    found = ids_on_truth(cloud, truth.cloud)
    match = match_scene(found, truth.cloud.ids, existence)
    return SceneResult(match, box_overlaps(tracks, found, truth.cloud), identity.scores(), times)


def summary(name: str, results: Sequence[SceneResult]) -> Row:
    """Return the scores over all scenes."""
    pooled = average_precision([result.match for result in results])
    alone = [average_precision([result.match]).ap for result in results]
    times = [t for result in results for t in result.after_masks_ms]
    identities = [result.identity for result in results]
    boxes = np.concatenate([result.boxes for result in results])
    return Row(
        name,
        round(100 * pooled.ap, 1),
        round(100 * pooled.ap50, 1),
        round(100 * pooled.ap25, 1),
        round(100 * float(np.nanstd(alone)), 1),
        round(float(boxes.mean()) if len(boxes) else float("nan"), 2),
        round(100 * float(np.nanmean([identity.idf1 for identity in identities])), 1),
        sum(identity.id_switches for identity in identities),
        f"{sum(i.recalled for i in identities)} of {sum(i.returns for i in identities)}",
        round(float(np.median(times)), 1),
    )
