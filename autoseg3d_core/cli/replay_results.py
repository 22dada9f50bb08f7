"""What `autoseg3d replay` leaves of a run: a summary, the map, a table of objects, pictures and a page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from autoseg3d_core.cli.bench import StageTimes
from autoseg3d_core.cli.score_table import score_tables
from autoseg3d_core.evaluation.scene_scores import Scores
from autoseg3d_core.evaluation.score_file import in_percent
from autoseg3d_core.pipeline import OnlineSegmenter
from autoseg3d_core.structures import UNNAMED, SceneObject
from autoseg3d_core.visualization.objects_table import write_objects
from autoseg3d_core.visualization.picture_file import write_picture
from autoseg3d_core.visualization.ply import write_ply
from autoseg3d_core.visualization.report import text_table
from autoseg3d_core.visualization.scene_view import ASLANT, FROM_ABOVE, scene_view
from autoseg3d_core.visualization.web_page import (
    Section,
    code,
    details,
    figure,
    grid,
    image,
    page,
    paragraph,
    picture,
    table,
)

RESULTS = {
    "index.html": "a page with pictures, objects, scores and times, for your browser",
    "summary.json": "frames, scores, and every object with its box",
    "objects.csv": "a row per object: id, name, size, place",
    "scene.ply": "the labelled map",
    "scene.png": "the map with boxes and ids",
    "from_above.png": "the same from above",
    "frames": "labels over up to 16 images, evenly spread",
    "timings.json": "time per stage",
    "recording.rrd": "every frame, for `autoseg3d view`",
}
BEST_SHOWN = 60
"""Objects that the page shows, those with most points first."""


def write_results(
    out: Path,
    online: OnlineSegmenter,
    summary: dict[str, Any],
    scores: Scores | None,
    times: Sequence[StageTimes],
) -> None:
    """Write what is left of a run, and say what it came to; `summary` tells what became of the frames."""
    objects, cloud = online.objects(), online.map_cloud()
    up = np.array(summary["up"])
    summary |= {
        "tracks": len(objects),
        "scores": in_percent(scores) if scores else None,
        "instances": [_described(thing) for thing in objects],
    }
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    write_objects(out / "objects.csv", objects)
    write_ply(out / "scene.ply", cloud)
    ids = np.array([thing.id for thing in objects], np.int64)
    boxes = np.array([thing.oriented_box for thing in objects], np.float32).reshape(-1, 10)
    for name, view in (("scene", ASLANT), ("from_above", FROM_ABOVE)):
        write_picture(out / f"{name}.png", scene_view(cloud, ids, boxes, view, up, names=names_of(objects)))
    left_out = ", ".join(f"{count} {cause}" for cause, count in summary["skipped"].items()) or "none"
    said = f"{summary['frames']} frames, {len(objects)} confirmed tracks; left out: {left_out}"
    tables = score_tables({"": scores}) if scores else ""
    print("\n".join(filter(None, [said, tables])))
    rows = [(time.stage, time.median_ms, time.p95_ms) for time in times]
    if times:
        (out / "timings.json").write_text(json.dumps([asdict(time) for time in times], indent=2) + "\n")
        print(text_table(("stage", "median ms", "p95 ms"), rows))
    words = [summary["model"], said, *(["interrupted"] if summary["interrupted"] else [])]
    (out / "index.html").write_text(
        _page(out, summary["source"], words, tables, objects, rows), encoding="utf-8"
    )


def names_of(objects: Sequence[SceneObject]) -> Mapping[int, str]:
    """Return the name of each object that has one of its own."""
    return {thing.id: thing.label for thing in objects if thing.label != UNNAMED}


def _described(thing: SceneObject) -> dict[str, Any]:
    return {
        "id": thing.id,
        "label": thing.label,
        "existence": round(thing.score, 3),
        "frames_seen": thing.frames_seen,
        "presence": thing.presence.name.lower(),
        "box": [round(value, 4) for value in thing.box.tolist()],
        "oriented_box": [round(value, 4) for value in thing.oriented_box.tolist()],
        "map_voxels": len(thing.points),
    }


def _page(
    out: Path,
    source: str,
    words: Sequence[str],
    scores: str,
    objects: Sequence[SceneObject],
    times: Sequence[tuple[str, float, float]],
) -> str:
    """Return a page with everything there is to look at."""
    views = (("scene.png", "the map, its ceiling cut away"), ("from_above.png", "from above"))
    largest = sorted(objects, key=lambda thing: -len(thing.points))[:BEST_SHOWN]
    header = ("id", "name", "score", "frames seen", "length m", "width m", "height m", "x m", "y m", "z m")
    all_objects = details("table of all objects", table(header, list(map(_row, objects)), decimals=2))
    frames = sorted((out / "frames").glob("*.png"))
    stages = table(("stage", "median ms", "95th percentile ms"), times) if times else ""
    sections = [
        Section("Map", "", grid([figure(picture(out / name, said), said) for name, said in views], 420)),
        Section(f"{len(objects)} objects", "", grid(list(map(_card, largest)), 150, "cards") + all_objects),
        Section("Scores", "", code(scores) if scores else ""),
        Section("Frames", "", grid([_frame(file) for file in frames], 280)),
        Section("Time per frame", "", stages),
    ]
    return page(f"autoseg3d: {source}", ". ".join(words), sections)


def _frame(file: Path) -> str:
    caption = f"frame {int(file.stem)}"
    return figure(picture(file, caption), caption)


def _card(thing: SceneObject) -> str:
    size = " x ".join(f"{side:.2f}" for side in thing.oriented_box[3:6].tolist())
    caption = f"{thing.id} {thing.label}, {size} m"
    return paragraph(caption) if thing.picture is None else figure(image(thing.picture, caption), caption)


def _row(thing: SceneObject) -> tuple[Any, ...]:
    x, y, z, length, width, height = thing.oriented_box[:6].tolist()
    return thing.id, thing.label, thing.score, thing.frames_seen, length, width, height, x, y, z
