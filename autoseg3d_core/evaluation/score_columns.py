"""What the scores are called, of what kind they are, and which way is better: one row per score.

Every table of scores, on the screen, in a report or of a comparison, takes its columns from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from autoseg3d_core.evaluation.scene_scores import Scores


@dataclass(frozen=True)
class Column:
    """One score: its name in `Scores`, its title, whether it is a share (or a count), whether more is better.

    `more_is_better` is None where neither is.
    """

    name: str
    title: str
    more_is_better: bool | None = True
    is_share: bool = True

    @property
    def unit(self) -> float:
        """What a value is multiplied by to be shown: shares are shown in percent."""
        return 100.0 if self.is_share else 1.0

    def shown(self, scores: Scores) -> float | int | str:
        """Return the value as tables show it: shares in percent, counts as they are."""
        value = getattr(scores, self.name)
        if self.name == "recalled":
            return f"{scores.recalled} of {scores.returns}"
        if self.name == "ghosts" and scores.tracks:
            return f"{scores.ghosts} ({scores.ghost_share:.0%})"
        return 100 * float(value) if self.is_share else value


COLUMNS = (
    Column("ap", "AP"),
    Column("ap50", "AP50"),
    Column("ap25", "AP25"),
    Column("ap_to_95", "AP to 95"),
    Column("spread", "spread", more_is_better=None),
    Column("box_iou", "box IoU"),
    Column("oriented_iou", "oriented IoU"),
    Column("long_boxes", "long boxes", more_is_better=False),
    Column("boundary_f", "boundary F"),
    Column("idf1", "IDF1"),
    Column("hota", "HOTA"),
    Column("id_switches", "id switches", more_is_better=False, is_share=False),
    Column("fragmentations", "fragmentations", more_is_better=False, is_share=False),
    Column("still_right", "still right"),
    Column("recalled", "recalled", is_share=False),
    Column("objects", "objects", more_is_better=None, is_share=False),
    Column("missed", "missed", more_is_better=False, is_share=False),
    Column("tracks", "tracks", more_is_better=None, is_share=False),
    Column("ghosts", "ghosts", more_is_better=False, is_share=False),
    Column("duplicates", "duplicates", more_is_better=False, is_share=False),
    Column("on_structure", "on walls", more_is_better=False, is_share=False),
)
COLUMN_OF = {column.name: column for column in COLUMNS}
FOUND = tuple(column for column in COLUMNS[: COLUMNS.index(COLUMN_OF["idf1"])] if column.name != "ap_to_95")
"""How well objects were found and measured."""
KEPT = COLUMNS[COLUMNS.index(COLUMN_OF["idf1"]) :]
"""How well they were kept, and what is wrong in the map."""
COMPARED = {column.name: column for column in COLUMNS if column.more_is_better is not None}
"""The scores that two configurations can be compared by."""
