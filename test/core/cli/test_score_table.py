"""Tables of scores: what is left out, means of groups of classes, and words that every table shares."""

import dataclasses

import pytest

from autoseg3d_core.cli.score_table import class_cells, precision_cells, precision_tables, score_tables
from autoseg3d_core.evaluation.average_precision import AveragePrecision
from autoseg3d_core.evaluation.scene_labels import PROTOCOLS
from autoseg3d_core.evaluation.scene_scores import Scores
from autoseg3d_core.evaluation.score_columns import COLUMNS

HALF, TENTH = AveragePrecision(0.5, 0.6, 0.7, 0.4), AveragePrecision(0.1, 0.2, 0.3, 0.0)


def scores(classes=None, **changes):
    """Scores of which every share is a half and every count 3."""
    values = {column.name: 0.5 if column.is_share else 3 for column in COLUMNS}
    values |= {"protocols": dict.fromkeys(PROTOCOLS, HALF), "classes": classes or {}, "class_mean": HALF}
    return Scores(**{**values, "returns": 4, **changes})


def test_every_score_has_a_column_and_its_title_is_its_own():
    named = {field.name for field in dataclasses.fields(Scores)} - {"protocols", "classes", "class_mean"}
    assert {column.name for column in COLUMNS} == named - {"returns"}
    assert len({column.title for column in COLUMNS}) == len(COLUMNS)


def test_shares_are_in_percent_and_counts_as_they_are():
    found, kept = score_tables({"mine": scores(id_switches=7, ap=0.125)}).split("\n\n")
    assert found.splitlines()[2].split()[:2] == ["mine", "12.50"]
    assert {"7", "(100%)"} <= set(kept.split())
    assert "3 of 4" in kept


def test_a_protocol_that_changes_nothing_is_left_out():
    header, _ = precision_cells({"mine": scores()})
    assert header == ["", "published AP", "published AP50", "published AP25"]
    own = dict.fromkeys(PROTOCOLS, HALF) | {"without_mapping": TENTH}
    header, [row] = precision_cells({"mine": scores(protocols=own)})
    assert header[4:] == ["no mapping AP", "no mapping AP50", "no mapping AP25"]
    assert row[1:] == pytest.approx((50, 60, 70, 10, 20, 30))


def test_classes_follow_the_means_of_all_and_of_each_group():
    """The mean is over the classes that have a true object; a row without classes has none."""
    rows = {"mine": scores({"chair": HALF, "lamp": TENTH}), "overlap": scores()}
    header, cells = class_cells(rows, {"head": ("chair", "sofa"), "tail": ("sofa",)})
    assert header[1:4] == ["mine AP", "mine AP50", "mine AP25"]
    by_name = {name: values for name, *values in cells}
    assert list(by_name) == ["all classes", "head", "tail", "chair", "lamp"]
    assert by_name["all classes"][:3] == pytest.approx([30, 40, 50])
    assert by_name["head"][:3] == by_name["chair"][:3] == pytest.approx([50, 60, 70])
    assert str(by_name["tail"][0]) == "nan"
    assert len(header) == 4  # overlap knows no classes
    assert "chair" in precision_tables(rows, by_class=True)
    assert "chair" not in precision_tables(rows)
    assert class_cells({"overlap": scores()})[1] == []
