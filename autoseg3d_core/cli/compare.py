"""`autoseg3d compare`: which of two configurations is better on the same scenes, and how sure that is."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from autoseg3d_core.cli.arguments import positive
from autoseg3d_core.cli.evaluation_rows import Row, read_rows
from autoseg3d_core.evaluation.bootstrap import CONFIDENCE, Difference, differences
from autoseg3d_core.evaluation.score_columns import COMPARED
from autoseg3d_core.structures import InputError
from autoseg3d_core.visualization.report import text_table

DRAWS = 1000
FEW = 8
"""Of fewer scenes the draws are so alike that their interval is narrower than it should be."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("first", help="scores.json of `evaluate --out`, or its folder")
    parser.add_argument("second", help="the other; may be the same, with --rows")
    parser.add_argument(
        "--rows", nargs=2, metavar=("FIRST", "SECOND"), help="the row of each to compare (default: the same)"
    )
    parser.add_argument(
        "--draws", type=positive, default=DRAWS, help=f"times that scenes are drawn (default: {DRAWS})"
    )
    parser.add_argument("--json", metavar="FILE", help="also write the differences to a JSON file")


def run(args: argparse.Namespace) -> int:
    """Compare, print a table and a verdict, and write JSON if asked to."""
    first, second = chosen_rows(read_rows(Path(args.first)), read_rows(Path(args.second)), args.rows)
    ours, theirs = ({run.scene: run.result for run in row.runs} for row in (first, second))
    scenes = sorted(ours.keys() & theirs.keys())
    if not scenes:
        raise InputError(f"{args.first} and {args.second} have no scene in common: nothing to compare")
    alone = sorted(ours.keys() ^ theirs.keys())
    found = differences([ours[s] for s in scenes], [theirs[s] for s in scenes], args.draws)
    names = (first.name, second.name) if first.name != second.name else ("first", "second")
    print(f"{len(scenes)} scenes; in one of the two only: {', '.join(alone) or 'none'}")
    print(comparison_table(found, names))
    print(verdict(found[0], names, len(scenes)))
    if args.json:
        said = {
            "first": {"source": args.first, "row": first.name},
            "second": {"source": args.second, "row": second.name},
            "scenes": scenes,
            "confidence": CONFIDENCE,
            "draws": args.draws,
            "differences": [_as_json(one) for one in found],
        }
        Path(args.json).write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    return 0


def chosen_rows(first: Sequence[Row], second: Sequence[Row], names: Sequence[str] | None) -> tuple[Row, Row]:
    """Return the rows to compare; raises `InputError` where it is not clear which."""
    ours, theirs = ({row.name: row for row in rows} for rows in (first, second))
    if names is not None:
        for name, rows in zip(names, (ours, theirs), strict=True):
            if name not in rows:
                raise InputError(f"--rows {name}: no such row; there are {', '.join(rows)}")
        return ours[names[0]], theirs[names[1]]
    if len(first) == len(second) == 1:
        return first[0], second[0]
    common = [name for name in ours if name in theirs]
    if len(common) != 1:
        raise InputError(
            f"say which rows to compare: --rows FIRST SECOND, of {', '.join(ours)} and {', '.join(theirs)}"
        )
    return ours[common[0]], theirs[common[0]]


def comparison_table(found: Sequence[Difference], names: tuple[str, str]) -> str:
    """Return a table of both, their difference and its interval; shares in percent."""
    rows = []
    for one in found:
        column = COMPARED[one.name]
        if math.isnan(one.first) and math.isnan(one.second):
            continue
        digits = 1 if column.is_share else 0
        first, second = (f"{column.unit * value:.{digits}f}" for value in (one.first, one.second))
        apart = f"{column.unit * (one.second - one.first):+.{digits}f}"
        low, high = (f"{column.unit * edge:+.{digits}f}" for edge in (one.low, one.high))
        interval = "" if math.isnan(one.low) else f"{low} to {high}"
        better = {0: "", -1: names[0], 1: names[1]}[one.verdict]
        rows.append((column.title, first, second, apart, interval, better))
    header = ("", *names, "difference", f"{CONFIDENCE:.0%} interval", "better")
    return text_table(header, rows)


def verdict(ap: Difference, names: tuple[str, str], scenes: int) -> str:
    """Return one sentence about AP."""
    lead = f"AP differs by {100 * (ap.second - ap.first):+.1f}"
    if math.isnan(ap.low):
        return f"No verdict: {lead}, and {scenes} scene{'s' * (scenes != 1)} cannot tell how sure that is."
    interval = f"{CONFIDENCE:.0%} interval {100 * ap.low:+.1f} to {100 * ap.high:+.1f}, {scenes} scenes"
    if ap.verdict == 0:
        return f"No clear difference between {names[0]} and {names[1]}: {lead} ({interval})."
    better, other = (names[1], names[0]) if ap.verdict > 0 else names
    doubt = f" {scenes} scenes are few: the interval is too narrow." if scenes < FEW else ""
    return f"{better} is better than {other}: {lead} ({interval}).{doubt}"


def _as_json(one: Difference) -> dict[str, object]:
    column = COMPARED[one.name]
    values = {key: value for key, value in asdict(one).items() if key != "name"}
    return {
        "score": one.name,
        "unit": "percent" if column.is_share else "count",
        "more_is_better": column.more_is_better,
        **{key: None if math.isnan(value) else column.unit * value for key, value in values.items()},
        "verdict": {0: "unclear", -1: "first", 1: "second"}[one.verdict],
    }
