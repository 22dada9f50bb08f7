"""One configuration on one scene: run, scored, and kept in a file that a later evaluation may use again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

import autoseg3d_core
from autoseg3d_core import build
from autoseg3d_core.atomic_file import replacing
from autoseg3d_core.checkpoints.weights import sha256_of, weights_path
from autoseg3d_core.cli.evaluation_sinks import Costs, FrameCosts, ObjectViews
from autoseg3d_core.cli.source import online_for, open_source
from autoseg3d_core.datasets.masked import MaskedSequence
from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.datasets.source_options import SourceOptions
from autoseg3d_core.evaluation.oriented_boxes import smallest_box
from autoseg3d_core.evaluation.plain import from_plain, to_plain
from autoseg3d_core.evaluation.rules import Rules
from autoseg3d_core.evaluation.scene_scores import SceneResult
from autoseg3d_core.evaluation.scoring import Scoring
from autoseg3d_core.resources import resource_path
from autoseg3d_core.running import run as run_frames
from autoseg3d_core.structures import InputError, SceneTruth
from autoseg3d_core.visualization.picture_file import write_picture
from autoseg3d_core.visualization.scene_view import FROM_ABOVE, scene_view

UP = np.array([0.0, 0.0, 1.0])
"""The vertical of pictures from above."""
WORST = 6
"""So many of a scene's objects, those found worst, have their pictures written."""


@dataclass(frozen=True)
class SceneTask:
    """One row on one scene: everything that a process needs to run it."""

    row: str
    settings: tuple[str, ...]
    scene: str
    source: str
    config_file: str | None = None
    masks: str | None = None
    stride: int = 1
    simulation: tuple[str, ...] = ()
    options: SourceOptions | None = None
    rules: Rules = field(default_factory=Rules)
    threads: int | None = None
    out: Path | None = None
    shows_frames: bool = False

    @property
    def file(self) -> Path | None:
        """Where the result is kept."""
        return None if self.out is None else self.out / self.row / f"{self.scene}.json"

    @property
    def pictures(self) -> Path | None:
        """The folder of the scene's pictures."""
        return None if self.out is None else self.out / self.row / self.scene


@dataclass(frozen=True, eq=False)
class SceneRun:
    """What came of a task: scores, what each frame cost, frames left out by cause, names of the objects."""

    row: str
    scene: str
    result: SceneResult
    costs: FrameCosts
    skipped: Mapping[str, int]
    names: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Outcome:
    """A task's run, or why there is none."""

    row: str
    scene: str
    run: SceneRun | None
    error: str = ""
    is_reused: bool = False


def outcome_of(task: SceneTask) -> Outcome:
    """Return the outcome of a task, from its file where code, settings, weights and source are the same."""
    try:
        digest = digest_of(task)
        kept = _kept(task, digest)
        if kept is not None:
            return Outcome(task.row, task.scene, kept, is_reused=True)
        found = _run(task)
        _keep(task, digest, found)
        return Outcome(task.row, task.scene, found)
    except (InputError, OSError) as error:
        return Outcome(task.row, task.scene, None, str(error))
    except Exception as error:  # one scene's fault is not to cost the others
        traceback.print_exc()
        return Outcome(task.row, task.scene, None, f"{type(error).__name__}: {error}")


def read_run(file: Path) -> SceneRun:
    """Return the run that a file holds; raises `InputError` for another file."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        run: SceneRun = from_plain(SceneRun, said["run"])
        return run
    except (OSError, ValueError, KeyError, TypeError, InputError) as error:
        raise InputError(f"{file}: cannot be read as the result of a scene ({error})") from error


def digest_of(task: SceneTask) -> str:
    """Return what stands for everything that a result depends on."""
    config = dataclasses.asdict(build.load(task.config_file, task.settings))
    fixed = dataclasses.replace(
        task, out=None, threads=None, shows_frames=False, settings=(), config_file=None
    )
    said = {
        "task": to_plain(fixed),
        "config": config,
        "weights": [sha256_of(weights_path(name)) for name in sorted(set(_weights_named(config)))],
        "bundled": _digest_of_files(resource_path("weights"), "*.safetensors"),
        "code": _digest_of_files(Path(autoseg3d_core.__file__).parent, "*.py"),
        "torch": torch.__version__,
        "source": _stamps(Path(task.source)),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def _run(task: SceneTask) -> SceneRun:
    if task.threads:
        torch.set_num_threads(task.threads)
    config, sequence = build.load(task.config_file, task.settings), _sequence(task)
    views = ObjectViews() if task.out is not None else None
    online, scoring = online_for(config, sequence), Scoring(sequence, task.rules, views)
    costs = Costs(online)
    frames = range(0, len(sequence), task.stride)
    bar = tqdm(
        frames, desc=task.scene, unit="frame", leave=False, disable=None if task.shows_frames else True
    )
    record = run_frames(sequence, online, (scoring, costs), bar)
    if record.interrupted:
        raise KeyboardInterrupt
    cloud, tracks = online.map_cloud(), online.track_table()
    labels = online.model.label_names
    classes = {
        name: labels[label]
        for name, label in zip(tracks.ids.tolist(), tracks.labels.tolist(), strict=True)
        if 0 <= label < len(labels)
    }
    result, truth = scoring.result(cloud, tracks, classes), scoring.truth
    if result is None or truth is None:
        raise InputError(
            f"{sequence.name}: has no ground truth: a folder needs truth/instance/NUMBER.png with the id "
            "of each pixel, 0 for none (docs/evaluation.md)"
        )
    if task.pictures is not None and views is not None:
        counted = result.fit[result.fit.points >= task.rules.min_points]
        worst = counted.ids[np.argsort(counted.iou, kind="stable")[:WORST]]
        mature = tracks[tracks.is_mature]
        try:
            views.write(task.pictures / "objects", worst.tolist())
            above = scene_view(cloud, mature.ids, mature.oriented_boxes, FROM_ABOVE)
            write_picture(task.pictures / "map.png", above)
            write_picture(task.pictures / "truth.png", _truth_view(truth))
        except OSError as error:
            print(f"{task.pictures}: cannot be written: {error.strerror or error}", file=sys.stderr)
    names = {
        str(name): truth.label_names[label] if label >= 0 else ""
        for name, label in zip(truth.ids.tolist(), truth.labels.tolist(), strict=True)
    }
    return SceneRun(task.row, task.scene, result, costs.table(), dict(record.skipped), names)


def _truth_view(truth: SceneTruth) -> np.ndarray:
    seen = truth.ids[np.isin(truth.ids, truth.cloud.ids)]
    boxes = [smallest_box(truth.cloud.xyz[truth.cloud.ids == name], UP) for name in seen]
    return scene_view(truth.cloud, seen, np.array(boxes).reshape(-1, 10), FROM_ABOVE)


def _sequence(task: SceneTask) -> RgbdSequence:
    sequence = open_source(task.source, task.simulation, task.options)
    return sequence if task.masks is None else MaskedSequence(sequence, task.masks)


def _kept(task: SceneTask, digest: str) -> SceneRun | None:
    """Return the run of an earlier evaluation, None where there is none of the same digest."""
    if task.file is None or not task.file.is_file():
        return None
    try:
        said = json.loads(task.file.read_text(encoding="utf-8"))
        return read_run(task.file) if said.get("digest") == digest else None
    except (OSError, ValueError, AttributeError, InputError):
        return None  # damaged: made again


def _keep(task: SceneTask, digest: str, run: SceneRun) -> None:
    """Write the run, whole or not at all; where that fails, say so: the scores are still good."""
    if task.file is None:
        return
    try:
        task.file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(task.file) as file:
            file.write(json.dumps({"digest": digest, "run": to_plain(run)}).encode())
    except OSError as error:
        print(f"{task.file}: cannot be written: {error.strerror or error}", file=sys.stderr)


def _weights_named(config: Any) -> Iterator[str]:
    """Yield the weights that a config names anywhere."""
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _weights_named(value)
        elif key == "weights" and value and _is_there(value):
            yield value


def _is_there(weights: str) -> bool:
    try:
        return weights_path(weights).is_file()
    except InputError:
        return False  # told when the row runs


@cache
def _digest_of_files(folder: Path, pattern: str) -> str:
    total = hashlib.sha256()
    for file in sorted(folder.rglob(pattern)):
        total.update(file.read_bytes())
    return total.hexdigest()


def _stamps(source: Path) -> list[tuple[str, int, int]]:
    """Return names, sizes and times of what lies in a recording, two folders deep."""
    if not source.exists():
        return []
    inside = [source, *source.glob("*"), *source.glob("*/*.json"), *source.glob("truth/*")]
    return [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(inside)]
