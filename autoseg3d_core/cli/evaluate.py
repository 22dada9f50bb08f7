"""`autoseg3d evaluate`: scores configurations on scenes whose truth is known, side by side."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

import autoseg3d_core
from autoseg3d_core import build
from autoseg3d_core.cli.arguments import add_settings, positive
from autoseg3d_core.cli.evaluation_report import About, write_report
from autoseg3d_core.cli.evaluation_rows import SCORES, Row, rows_of, write_scores
from autoseg3d_core.cli.scene_jobs import gathered, outcomes, rank_and_world, share_of
from autoseg3d_core.cli.scene_run import Outcome, SceneTask
from autoseg3d_core.cli.score_table import precision_tables, score_tables
from autoseg3d_core.cli.source import SIMULATION, add_source_arguments, scenes_of, source_options
from autoseg3d_core.datasets.benchmarks import BENCHMARKS, benchmark, classes_of, scenes_of_split
from autoseg3d_core.datasets.source_options import SourceOptions
from autoseg3d_core.evaluation.identity import check_motmetrics
from autoseg3d_core.evaluation.rules import Rules
from autoseg3d_core.evaluation.scene_match import MIN_POINTS
from autoseg3d_core.structures import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "source", nargs="*", help="scenes, folders of scenes, bags, simulation:SEED or simulation:FIRST-LAST"
    )
    data = parser.add_argument_group("a split of a public data set, instead of sources")
    data.add_argument("--dataset", choices=tuple(BENCHMARKS), help="how its folders and classes are called")
    data.add_argument("--root", metavar="DIR", help="folder of the data set")
    data.add_argument("--split", metavar="NAME|FILE", help="name of a split, or a file with a scene per line")
    data.add_argument("--label-map", metavar="FILE", help="ScanNet's table of labels (default: in --root)")
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
    parser.add_argument(
        "--min-points",
        type=positive,
        default=MIN_POINTS,
        help="smaller instances do not count (default: 100)",
    )
    parser.add_argument("--classes", nargs="+", metavar="NAME", help="score only objects of these classes")
    parser.add_argument(
        "--ignore",
        nargs="+",
        metavar="NAME",
        help="classes that do not count (default: the data set's, or ceiling)",
    )
    parser.add_argument(
        "--by-class", action="store_true", help="print a table of all classes, not of their means"
    )
    add_settings(parser, "--simulation", "settings of a simulated scene, e.g. rooms=2 frames=100")
    parser.add_argument("--jobs", type=positive, default=1, help="number of scenes to run at the same time")
    parser.add_argument("--threads", type=positive, help="number of torch threads of each job")
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="folder for scores.json, and for results and pictures of scenes, which a later run uses again",
    )
    parser.add_argument(
        "--report",
        metavar="FILE",
        help="write an HTML page with plots and pictures (needs matplotlib)",
    )
    add_source_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Score every row on every scene, print the tables, and write them if asked to."""
    check_motmetrics()
    with TemporaryDirectory() if args.report and not args.out else nullcontext(args.out) as folder:
        return _run(args, Path(folder) if folder else None)


def _run(args: argparse.Namespace, folder: Path | None) -> int:
    """Score with a folder for the results of scenes, or none."""
    tasks = tasks_of(args, folder)
    own = share_of(tasks)
    bar = tqdm(outcomes(own, args.jobs), total=len(own), desc="evaluate", unit="scene", disable=None)
    found = []
    for outcome in bar:
        bar.set_postfix_str(f"{outcome.row} {outcome.scene}")
        found.append(outcome)
        if outcome.run is None:
            print(f"scene {outcome.scene} left out of {outcome.row}: {outcome.error}", file=sys.stderr)
    found = gathered(found)
    if rank_and_world()[0] > 0:
        return 0
    rows = rows_of(tasks, found)
    _say(args, rows, found)
    if args.out:
        masks = args.masks or "their own"
        write_scores(Path(args.out) / SCORES, rows, command_line(), masks, args.stride, _groups(args))
    if args.report:
        about = About(command_line(), _about(args, tasks), args.config, _groups(args))
        write_report(Path(args.report), rows, tasks[0].out or Path(), about)
        print(f"written: {args.report}")
    return 0


def tasks_of(args: argparse.Namespace, folder: Path | None) -> list[SceneTask]:
    """Return every row on every scene; raises `InputError` for what cannot be run at all."""
    rows = named_rows(args)
    scenes, options, rules = _scenes(args)
    for _, *settings in rows:
        build.load(args.config, tuple(settings))  # a wrong key is told before anything runs
    return [
        SceneTask(
            row=name,
            settings=tuple(settings),
            scene=scene,
            source=source,
            config_file=args.config,
            masks=args.masks,
            stride=args.stride,
            simulation=tuple(args.simulation) if source.startswith(SIMULATION) else (),
            options=None if source.startswith(SIMULATION) else options,
            rules=rules,
            threads=args.threads,
            out=folder,
            shows_frames=args.jobs == 1,
        )
        for name, *settings in rows
        for scene, source in list(scenes.items())[: args.limit]
    ]


def named_rows(args: argparse.Namespace) -> list[list[str]]:
    """Return the rows asked for, one of the default model otherwise; raises `InputError` for bad names."""
    rows = args.row or [[build.load(args.config).model.name]]
    names = [row[0] for row in rows]
    for name in names:
        if "=" in name or "/" in name or name.startswith("."):
            raise InputError(f"--row {name}: begin with a name for the row, e.g. --row mine {name}")
        if names.count(name) > 1:
            raise InputError(f"--row {name} is given twice: name each row differently")
    return rows


def command_line() -> str:
    """Return the command that runs."""
    return shlex.join(["autoseg3d", *sys.argv[1:]])


def _scenes(args: argparse.Namespace) -> tuple[dict[str, str], SourceOptions, Rules]:
    """Return the source of each scene, what is said of all recordings, and what counts."""
    options = source_options(args)
    ignored = benchmark(args.dataset or "folders").ignored if args.ignore is None else tuple(args.ignore)
    rules = Rules(args.min_points, tuple(args.classes or ()), ignored)
    if args.dataset is None:
        if not args.source or args.root or args.split or args.label_map:
            raise InputError("give scenes, or --dataset, --root and --split")
        return scenes_of(args.source), options, rules
    if args.source or not (args.root and args.split):
        raise InputError(f"--dataset {args.dataset} needs --root and --split, and no other source")
    root, label_map = Path(args.root), Path(args.label_map) if args.label_map else None
    places = scenes_of_split(args.dataset, root, args.split)
    classes, class_of = classes_of(args.dataset, root, label_map)
    unknown = sorted({*rules.classes, *(args.ignore or ())} - set(classes)) if classes else []
    if unknown:
        raise InputError(
            f"{', '.join(unknown)}: no class of {args.dataset}; it has {', '.join(classes[:20])}"
            + (f" and {len(classes) - 20} more" if len(classes) > 20 else "")
        )
    rules = Rules(args.min_points, rules.classes or classes, rules.ignored, class_of)
    if options == SourceOptions():
        options = benchmark(args.dataset).options
    return {name.replace("/", "_"): str(path) for name, path in places.items()}, options, rules


def _about(args: argparse.Namespace, tasks: Sequence[SceneTask]) -> str:
    scenes = len({task.scene for task in tasks})
    of = f" of {args.dataset} {args.split}" if args.dataset else ""
    masks = args.masks or "their own"
    version = autoseg3d_core.__version__
    return f"{_count(scenes)}{of}, {masks} masks, {_frames(args.stride)}; autoseg3d {version}"


def _say(args: argparse.Namespace, rows: Sequence[Row], found: Sequence[Outcome]) -> None:
    scenes = {outcome.scene for outcome in found}
    left_out = sorted({scene for row in rows for scene in row.left_out})
    reused = sum(outcome.is_reused for outcome in found)
    print(
        f"{_count(len(scenes))}, {args.masks or 'their own'} masks, {_frames(args.stride)}; "
        f"left out: {', '.join(left_out) or 'none'}" + (f"; {reused} results of before" if reused else "")
    )
    scores = {row.name: row.scores for row in rows}
    print(score_tables(scores, {row.name: row.after_masks_ms for row in rows}))
    if args.dataset or any(one.classes for one in scores.values()):
        print("\n" + precision_tables(scores, _groups(args), args.by_class))


def _groups(args: argparse.Namespace) -> Mapping[str, tuple[str, ...]]:
    """Return the groups of classes whose means are given; none where the user chose the classes."""
    return {} if args.dataset is None or args.classes else benchmark(args.dataset).groups


def _count(scenes: int) -> str:
    return f"{scenes} scene{'s' * (scenes != 1)}"


def _frames(stride: int) -> str:
    if stride == 1:
        return "every frame"
    ending = "th" if stride % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(stride % 10, "th")
    return f"every {stride}{ending} frame"
