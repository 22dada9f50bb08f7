"""One HTML page about an evaluation: scores, curves, scenes, the worst objects, and how it was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from autoseg3d_core import build
from autoseg3d_core.atomic_file import replacing
from autoseg3d_core.cli.evaluation_rows import Row
from autoseg3d_core.cli.scene_run import SceneRun
from autoseg3d_core.cli.score_table import Groups, class_cells, precision_cells
from autoseg3d_core.evaluation.average_precision import JUDGED_AT, curve
from autoseg3d_core.evaluation.scene_labels import PUBLISHED
from autoseg3d_core.evaluation.scene_scores import pooled
from autoseg3d_core.evaluation.score_columns import FOUND, KEPT
from autoseg3d_core.structures import InputError
from autoseg3d_core.visualization.plots import Line, line_plot
from autoseg3d_core.visualization.web_page import Section, code, figure, grid, heading, page, picture, table

WORST = 12
"""Objects of a row that are shown, those found worst first."""
SCENES_PICTURED = 12
BINS = 40
"""Points of a curve over the frames, each the median of its frames in all scenes."""
ABOUT_SCORES = (
    "Scores are in percent, but for counts. AP is computed as by ScanNet's benchmark; docs/evaluation.md "
    "explains every column."
)
ABOUT_CLASSES = "Means are over the classes that have a true object."


@dataclass(frozen=True)
class About:
    """What the page says of the evaluation: its command, a sentence, the file that all rows start from.

    `groups` are the groups of classes whose mean is shown.
    """

    command: str
    sentence: str
    config_file: str | None = None
    groups: Groups = field(default_factory=dict)


def write_report(file: Path, rows: Sequence[Row], folder: Path, about: About) -> None:
    """Write the page; the pictures of scenes and objects lie in `folder`, as the runs left them."""
    sections = [
        Section("Scores", ABOUT_SCORES, _score_tables(rows)),
        Section("Precision", "", _precision(rows)),
        Section("Classes", ABOUT_CLASSES, _classes(rows, about.groups)),
        Section(
            "Time and memory", "Over the frames of a scene: median and quartiles of all scenes.", _costs(rows)
        ),
        *(Section(f"Scenes: {row.name}", "", _scene_table(row)) for row in rows),
        Section("Left out", "Scenes that could not be scored, and why.", _left_out(rows)),
        Section(
            "Maps", "Objects found, from above, beside the true ones. Colours are ids.", _maps(rows, folder)
        ),
        Section(
            "Worst objects",
            "The true outline is yellow, tracks are tinted. IoU is that of the best track in the scene.",
            "".join(_worst(row, folder) for row in rows),
        ),
        Section("Settings", "The command, and what each row sets.", _settings(rows, about)),
    ]
    text = page("Evaluation", about.sentence, sections)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(file) as opened:
            opened.write(text.encode())
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror or error}") from error


def _score_tables(rows: Sequence[Row]) -> str:
    scores = [(row.name, row.scores) for row in rows]
    return "".join(
        table(
            ("", *(column.title for column in columns)),
            [(name, *(column.shown(one) for column in columns)) for name, one in scores],
            best={i + 1: column.more_is_better for i, column in enumerate(columns) if column.is_share},
        )
        for columns in (FOUND, KEPT)
    )


def _precision(rows: Sequence[Row]) -> str:
    plots = []
    for overlap in (0.25, 0.5):
        at = JUDGED_AT.tolist().index(overlap)
        lines = [
            Line(row.name, 100 * points.recall, 100 * points.precision)
            for row in rows
            if (points := curve([run.result.precision[PUBLISHED] for run in row.runs], at)) is not None
        ]
        plots.append(
            figure(
                line_plot(lines, "recall (%)", "precision (%)", 103),
                f"Precision and recall: objects found with an IoU above {overlap:.0%}",
            )
        )
    over = [Line(row.name, JUDGED_AT, np.array(_by_overlap(row))) for row in rows]
    plots.append(
        figure(
            line_plot(over, "IoU", "average precision (%)", 103),
            "Average precision by the IoU that counts as found",
        )
    )
    return grid(plots, 340) + table(*precision_cells({row.name: row.scores for row in rows}))


def _by_overlap(row: Row) -> list[float]:
    judged = [run.result.precision[PUBLISHED] for run in row.runs]
    curves = [curve(judged, at) for at in range(len(JUDGED_AT))]
    return [float("nan") if points is None else 100 * points.area for points in curves]


def _classes(rows: Sequence[Row], groups: Groups) -> str:
    header, cells = class_cells({row.name: row.scores for row in rows}, groups)
    return table(header, cells) if cells else ""


def _costs(rows: Sequence[Row]) -> str:
    kinds = (
        ("frame_ms", "ms", "Time of a frame, with its masks"),
        ("after_masks_ms", "ms", "Time of a frame, without its masks"),
        ("memory_mb", "MB", "Memory of the process; scenes that it ran before count too"),
        ("map_mb", "MB", "Memory of the scene map"),
    )
    plots = [
        figure(line_plot([_over_frames(row, column) for row in rows], "frame", unit), caption)
        for column, unit, caption in kinds
    ]
    return grid(plots, 420)


def _over_frames(row: Row, column: str) -> Line:
    """Return the median and quartiles of a cost over the frames, in bins of equal length."""
    number = np.concatenate([np.arange(len(run.costs)) for run in row.runs])
    value = np.concatenate([getattr(run.costs, column) for run in row.runs])
    width = max(1, -(-(int(number.max(initial=0)) + 1) // BINS))
    bins = [value[number // width == i] for i in range(int(number.max(initial=0)) // width + 1)]
    quartiles = np.array([np.quantile(part, (0.25, 0.5, 0.75)) for part in bins]).T
    return Line(row.name, width * (np.arange(len(bins)) + 0.5), quartiles[1], quartiles[[0, 2]])


def _scene_table(row: Row) -> str:
    header = (
        *("", "AP", "AP50", "AP25", "IDF1", "HOTA", "objects", "missed", "ghosts", "duplicates", "frames"),
        *("skipped", "ms after masks", "ms per frame", "memory (MB)", "map (MB)"),
    )
    return table(header, [_scene_cells(run) for run in row.runs])


def _scene_cells(run: SceneRun) -> tuple[object, ...]:
    s, costs = pooled([run.result]), run.costs
    shares = tuple(100 * share for share in (s.ap, s.ap50, s.ap25, s.idf1, s.hota))
    counts = (s.objects, s.missed, s.ghosts, s.duplicates, len(costs), sum(run.skipped.values()))
    times = (float(np.median(costs.after_masks_ms)), float(np.median(costs.frame_ms)))
    return (run.scene, *shares, *counts, *times, float(costs.memory_mb.max()), float(costs.map_mb[-1]))


def _left_out(rows: Sequence[Row]) -> str:
    found = [(row.name, scene, why) for row in rows for scene, why in row.left_out.items()]
    return table(("row", "scene", "why"), found) if found else ""


def _maps(rows: Sequence[Row], folder: Path) -> str:
    scenes = list(dict.fromkeys(run.scene for row in rows for run in row.runs))[:SCENES_PICTURED]
    parts = []
    for scene in scenes:
        files = [(row.name, folder / row.name / scene / "map.png") for row in rows]
        files.append(("truth", folder / rows[0].name / scene / "truth.png"))
        shown = [(name, picture(file, f"{name} in {scene}", 760)) for name, file in files]
        figures = [figure(image, name) for name, image in shown if image]
        parts += [heading(scene), grid(figures, 270)] if figures else []
    return "".join(parts)


def _worst(row: Row, folder: Path) -> str:
    found = []
    for run in row.runs:
        for name, iou, track, points in zip(*(column.tolist() for _, column in _columns(run)), strict=True):
            found.append((iou, run.scene, name, track, points, run.names.get(str(name), "")))
    figures: list[str] = []
    for iou, scene, name, track, points, label in sorted(found):
        image = picture(folder / row.name / scene / "objects" / f"{name}.jpg", f"object {name} in {scene}")
        if image and len(figures) < WORST:
            best = f"best track {track}, IoU {100 * iou:.0f} %" if track else "no confirmed track"
            figures.append(figure(image, f"{label or 'object'} {name} in {scene}: {best}; {points} points"))
    return heading(row.name) + grid(figures, 210) if figures else ""


def _columns(run: SceneRun) -> list[tuple[str, np.ndarray]]:
    fit = run.result.fit
    return [("ids", fit.ids), ("iou", fit.iou), ("track", fit.track), ("points", fit.points)]


def _settings(rows: Sequence[Row], about: About) -> str:
    cells = [
        (
            row.name,
            build.load(about.config_file, row.settings).model.name,
            " ".join(row.settings) or "as they are",
        )
        for row in rows
    ]
    return code(about.command) + table(("row", "model", "settings"), cells)
