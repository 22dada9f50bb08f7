"""Scores as tables on the screen: shares in percent, counts as they are."""

from __future__ import annotations

from collections.abc import Mapping

from autoseg3d_core.evaluation.scene_labels import PUBLISHED, WITHOUT_MAPPING, WITHOUT_SEGMENTS
from autoseg3d_core.evaluation.scene_scores import Scores
from autoseg3d_core.visualization.report import text_table

TITLES = {PUBLISHED: "published", WITHOUT_SEGMENTS: "no segments", WITHOUT_MAPPING: "no mapping"}
"""What each protocol is called above its columns."""


def score_tables(rows: Mapping[str, Scores], milliseconds: Mapping[str, float] | None = None) -> str:
    """Return two tables with a row per name: how well objects were found, and how they were kept."""
    times = milliseconds or {}
    found = [
        (name, *_found(scores), *([times[name]] if name in times else [])) for name, scores in rows.items()
    ]
    kept = [(name, *_kept(scores)) for name, scores in rows.items()]
    header = ("", "AP", "AP50", "AP25", "spread", "box IoU", "oriented IoU", "long boxes", "boundary F")
    return "\n\n".join(
        (
            text_table((*header, *(["ms after masks"] if times else [])), found),
            text_table(
                (
                    "",
                    "IDF1",
                    "HOTA",
                    "id switches",
                    "fragmentations",
                    "still right",
                    "recalled",
                    "objects",
                    "missed",
                    "tracks",
                    "ghosts",
                    "duplicates",
                    "on walls",
                ),
                kept,
            ),
        )
    )


def precision_table(rows: Mapping[str, Scores]) -> str:
    """Return a table of precision with and without the published mapping, and of the mean over classes."""
    header = (
        "",
        *(f"{title} {at}" for title in TITLES.values() for at in ("AP", "AP50", "AP25")),
        "classes AP",
    )
    cells = []
    for name, scores in rows.items():
        found = [scores.protocols[protocol] for protocol in TITLES]
        values = [100 * value for one in found for value in (one.ap, one.ap50, one.ap25)]
        cells.append((name, *values, 100 * scores.class_mean.ap))
    return text_table(header, cells)


def _found(scores: Scores) -> tuple[float, ...]:
    precision = (scores.ap, scores.ap50, scores.ap25, scores.spread)
    shares = (*precision, scores.box_iou, scores.oriented_iou, scores.long_boxes, scores.boundary_f)
    return tuple(100 * share for share in shares)


def _kept(scores: Scores) -> tuple[float | int | str, ...]:
    return (
        100 * scores.idf1,
        100 * scores.hota,
        scores.id_switches,
        scores.fragmentations,
        100 * scores.still_right,
        f"{scores.recalled} of {scores.returns}",
        scores.objects,
        scores.missed,
        scores.tracks,
        f"{scores.ghosts} ({scores.ghost_share:.0%})" if scores.tracks else "0",
        scores.duplicates,
        scores.on_structure,
    )
