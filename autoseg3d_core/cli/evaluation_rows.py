"""What an evaluation found, a row per configuration: into a file, and out of it with its scenes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import autoseg3d_core
from autoseg3d_core.atomic_file import replacing
from autoseg3d_core.cli.scene_run import Outcome, SceneRun, SceneTask, read_run
from autoseg3d_core.cli.score_table import Groups, group_means
from autoseg3d_core.evaluation.scene_scores import Scores, pooled
from autoseg3d_core.evaluation.score_file import UNITS, in_percent, percent
from autoseg3d_core.structures import InputError

SCORES = "scores.json"
FORMAT = "autoseg3d-scores"


@dataclass(frozen=True, eq=False)
class Row:
    """One configuration: its settings, its runs by scene, and why scenes were left out."""

    name: str
    settings: tuple[str, ...]
    runs: tuple[SceneRun, ...]
    left_out: dict[str, str]

    @property
    def scores(self) -> Scores:
        """The scores over all scenes."""
        return pooled([run.result for run in self.runs])

    @property
    def after_masks_ms(self) -> float:
        """The median time of a frame, without the masks."""
        return float(np.median(np.concatenate([run.costs.after_masks_ms for run in self.runs])))


def rows_of(tasks: Sequence[SceneTask], found: Sequence[Outcome]) -> list[Row]:
    """Return what came of every row; raises `InputError` where one has no scene that could be scored."""
    rows = []
    settings = {task.row: task.settings for task in tasks}
    for name in settings:
        own = sorted((o for o in found if o.row == name), key=lambda outcome: outcome.scene)
        left_out = {outcome.scene: outcome.error for outcome in own if outcome.run is None}
        runs = tuple(outcome.run for outcome in own if outcome.run is not None)
        if not runs:
            raise InputError(f"none of the {len(own)} scenes could be scored")
        rows.append(Row(name, settings[name], runs, left_out))
    return rows


def write_scores(
    file: Path, rows: Sequence[Row], command: str, masks: str, stride: int, groups: Groups | None = None
) -> None:
    """Write the scores of every row, and of every scene of it, as JSON; `groups` are groups of classes."""
    said = {
        "format": FORMAT,
        "version": autoseg3d_core.__version__,
        "units": UNITS,
        "command": command,
        "masks": masks,
        "stride": stride,
        "rows": [_row_as_json(row, groups or {}) for row in rows],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(file) as opened:
            opened.write((json.dumps(said, indent=2) + "\n").encode())
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror or error}") from error


def read_rows(source: Path) -> list[Row]:
    """Return the rows of a scores.json, or of the folder that it lies in, with the runs that lie beside it.

    Raises `InputError` for another file, and where the runs are not there.
    """
    file = source / SCORES if source.is_dir() else source
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        if said.get("format") != FORMAT:
            raise InputError(f"{file}: not written by `autoseg3d evaluate --out`")
        return [
            Row(
                row["name"],
                tuple(row["settings"]),
                tuple(read_run(file.parent / row["name"] / f"{scene}.json") for scene in row["scenes"]),
                row["left_out"],
            )
            for row in said["rows"]
        ]
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror or error})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file}: not written by `autoseg3d evaluate --out` ({error!r})") from error


def _row_as_json(row: Row, groups: Groups) -> dict[str, Any]:
    scores = row.scores
    return {
        "name": row.name,
        "settings": list(row.settings),
        "scores": in_percent(scores),
        "class_groups": percent(group_means(scores, groups)),
        "after_masks_ms": round(row.after_masks_ms, 2),
        "scenes": {
            run.scene: {
                "scores": in_percent(pooled([run.result])),
                "frames": len(run.costs),
                "skipped": dict(run.skipped),
                "after_masks_ms": round(float(np.median(run.costs.after_masks_ms)), 2),
                "frame_ms": round(float(np.median(run.costs.frame_ms)), 2),
                "memory_mb": round(float(run.costs.memory_mb.max()), 1),
                "map_mb": round(float(run.costs.map_mb[-1]), 2),
            }
            for run in row.runs
        },
        "left_out": row.left_out,
    }
