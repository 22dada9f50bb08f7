"""`autoseg3d bench --compare`: this code and another commit in turns, or against figures kept, as ratios."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import autoseg3d_core
from autoseg3d_core.structures import InputError
from autoseg3d_core.visualization.report import text_table

HERE = Path(autoseg3d_core.__file__).resolve().parent.parent
CHILD = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from autoseg3d_core.cli.__main__ import main; "
    "sys.exit(main())"
)
RENAMED = {"segment": "mask"}
"""Stages that earlier commits call otherwise."""
Figures = Mapping[str, Any]
"""What `bench --json` writes."""


def compare(args: argparse.Namespace) -> str:
    """Return a table of what `--compare` names beside this code; raises `InputError` if there is no such.

    A round runs each side once, in a process of its own, and the sides take turns at going first, so that
    what else the machine does falls on both. A figure is the median of the rounds.
    """
    path = Path(args.compare)
    if path.is_file():
        kept = _read(path)
        return ratio_table([kept], [_measured(HERE, args) for _ in range(args.rounds)])
    before: list[Figures] = []
    now: list[Figures] = []
    with commit_tree(args.compare) as tree:
        sides = ((before, tree), (now, HERE))
        for number in range(args.rounds):
            for figures, root in sides if number % 2 == 0 else reversed(sides):
                figures.append(_measured(root, args))
    return ratio_table(before, now)


@contextmanager
def commit_tree(commit: str) -> Iterator[Path]:
    """Check a commit out into a temporary folder, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="autoseg3d_bench_") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--detach", "--force", str(tree), commit)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def ratio_table(before: list[Figures], now: list[Figures]) -> str:
    """Return the stages of two sides with the ratio of their times, and their operations where both tell."""
    times = [_columns(side, "stages", "median_ms") for side in (before, now)]
    counts = [_columns(side, "operations", "operations") for side in (before, now)]
    waits = [_columns(side, "operations", "waits") for side in (before, now)]
    rows = [
        (
            stage,
            *(_told(side, stage) for side in times),
            _ratio(times[0], times[1], stage),
            *(_told(side, stage) for side in (*counts, *waits)),
        )
        for stage in dict.fromkeys([*times[1], *times[0]])
    ]
    header = ("stage", "ms before", "now", "ratio", "operations before", "now", "waits before", "now")
    return text_table(header, rows)


def _columns(side: list[Figures], table: str, column: str) -> dict[str, float]:
    """Return a column of a table of figures, by stage: the median over the rounds."""
    found: dict[str, list[float]] = {}
    for figures in side:
        for row in figures.get(table, ()):
            found.setdefault(RENAMED.get(row["stage"], row["stage"]), []).append(row[column])
    return {stage: round(float(median(values)), 2) for stage, values in found.items()}


def _told(column: Mapping[str, float], stage: str) -> str:
    return f"{column[stage]:.1f}" if stage in column else "-"


def _ratio(before: Mapping[str, float], now: Mapping[str, float], stage: str) -> str:
    return f"{now[stage] / before[stage]:.3f}" if stage in now and before.get(stage, 0) > 0 else "-"


def _measured(tree: Path, args: argparse.Namespace, run: Callable[..., Any] = subprocess.run) -> Figures:
    """Return the figures of a process of its own, with the code of a tree."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        words = [sys.executable, "-c", CHILD, str(tree), "bench", *_arguments(args), "--json", str(file)]
        done = run(words, env=os.environ | {"PYTHONPATH": str(tree)}, capture_output=True, text=True)
        if done.returncode != 0:
            raise InputError(f"bench of {tree} failed: {done.stderr.strip()[-800:]}")
        return _read(file)


def _arguments(args: argparse.Namespace) -> list[str]:
    """Return what both sides are given; an option left at its default is not, for commits before it."""
    words = [args.source, "--frames", str(args.frames), "--threads", str(args.threads)]
    words += ["--config", args.config] if args.config else []
    words += ["--simulation", *args.simulation] if args.simulation else []
    words += ["--set", *args.set] if args.set else []
    return words + (["--clock", args.clock] if args.clock != "wall" else [])


def _read(path: Path) -> Figures:
    try:
        figures: Figures = json.loads(path.read_text(encoding="utf-8"))
        for row in figures["stages"]:
            float(row["median_ms"]), str(row["stage"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not written by `autoseg3d bench --json` ({error!r})") from error
    return figures


def _git(*words: str) -> None:
    done = subprocess.run(["git", "-C", str(HERE), *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InputError(
            f"--compare takes a commit of the checkout at {HERE}, or a file of --json: {done.stderr.strip()}"
        )
