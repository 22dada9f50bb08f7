"""Scores as tables on the screen: shares in percent, counts as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autoseg3d_core.evaluation.average_precision import AveragePrecision, mean_average_precision
from autoseg3d_core.evaluation.scene_labels import PUBLISHED, WITHOUT_MAPPING, WITHOUT_SEGMENTS
from autoseg3d_core.evaluation.scene_scores import Scores
from autoseg3d_core.evaluation.score_columns import FOUND, KEPT
from autoseg3d_core.visualization.report import text_table

TITLES = {PUBLISHED: "published", WITHOUT_SEGMENTS: "no segments", WITHOUT_MAPPING: "no mapping"}
"""What each protocol is called above its columns."""
PRECISIONS = {"ap": "AP", "ap50": "AP50", "ap25": "AP25"}
Groups = Mapping[str, Sequence[str]]
"""Names of classes by the name of their group."""


def score_tables(rows: Mapping[str, Scores], milliseconds: Mapping[str, float] | None = None) -> str:
    """Return two tables with a row per name: how well objects were found, and how they were kept."""
    times = milliseconds or {}
    found = [
        (name, *(column.shown(scores) for column in FOUND), *([times[name]] if name in times else []))
        for name, scores in rows.items()
    ]
    kept = [(name, *(column.shown(scores) for column in KEPT)) for name, scores in rows.items()]
    time_title = ["ms after masks"] if times else []
    return "\n\n".join(
        (
            text_table(("", *(column.title for column in FOUND), *time_title), found),
            text_table(("", *(column.title for column in KEPT)), kept),
        )
    )


def precision_cells(rows: Mapping[str, Scores]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return header and rows of precision by each protocol; one that changes nothing is left out."""
    protocols = [PUBLISHED]
    for name in (WITHOUT_SEGMENTS, WITHOUT_MAPPING):
        if any(repr(one.protocols[name]) != repr(one.protocols[PUBLISHED]) for one in rows.values()):
            protocols.append(name)
    header = ["", *(f"{TITLES[name]} {title}" for name in protocols for title in PRECISIONS.values())]
    cells = [
        (row, *(v for name in protocols for v in shares(one.protocols[name]))) for row, one in rows.items()
    ]
    return header, cells


def class_cells(
    rows: Mapping[str, Scores], groups: Groups | None = None
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return header and rows of precision: the mean of all classes, of each group, then class by class.

    Configurations that do not say what class an object is of are left out.
    """
    rows = {name: scores for name, scores in rows.items() if scores.classes}
    names = sorted({name for scores in rows.values() for name in scores.classes})
    header = ["", *(" ".join(filter(None, (row, title))) for row in rows for title in PRECISIONS.values())]
    sets = {"all classes": names, **(groups or {})}
    of_groups = [group_means(scores, sets) for scores in rows.values()]
    means = [(name, *(v for means in of_groups for v in shares(means[name]))) for name in sets]
    nothing = mean_average_precision({})
    own = [
        (name, *(v for scores in rows.values() for v in shares(scores.classes.get(name, nothing))))
        for name in names
    ]
    return header, [*means, *own] if names else []


def precision_tables(rows: Mapping[str, Scores], groups: Groups | None = None, by_class: bool = False) -> str:
    """Return a table of precision by protocol, and, where classes are known, of their means, or of each."""
    tables = [text_table(*precision_cells(rows))]
    header, cells = class_cells(rows, groups)
    if cells:
        tables.append(text_table(header, cells if by_class else cells[: 1 + len(groups or {})]))
    return "\n\n".join(tables)


def shares(precision: AveragePrecision) -> tuple[float, ...]:
    """Return AP, AP50 and AP25 in percent."""
    return tuple(100 * float(getattr(precision, name)) for name in PRECISIONS)


def group_means(scores: Scores, groups: Groups) -> dict[str, AveragePrecision]:
    """Return the mean precision over the classes of each group that have a true object."""
    return {
        group: mean_average_precision(
            {name: scores.classes[name] for name in names if name in scores.classes}
        )
        for group, names in groups.items()
    }
