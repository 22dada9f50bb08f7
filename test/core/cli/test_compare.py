"""Two configurations on the same scenes: which is better, and whether anybody can tell."""

import dataclasses
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.cli.evaluation_rows import Row, read_rows, write_scores
from autoseg3d_core.cli.evaluation_sinks import FrameCosts
from autoseg3d_core.cli.scene_run import SceneRun
from autoseg3d_core.evaluation.bootstrap import COMPARED, differences
from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.evaluation.plain import to_plain
from autoseg3d_core.evaluation.scene_scores import SceneScorer, pooled
from autoseg3d_core.structures import FrameTruth, LabelledCloud, SceneTruth

OBJECTS = 8


@cache
def result(found, ghosts=0):
    """A scene of 8 objects side by side, so many of which are found, and ghosts on halves of the others."""
    true = np.repeat(np.arange(1, OBJECTS + 1), 200)
    predicted = np.where(true <= found, true, 0)
    for ghost in range(ghosts):
        start = 200 * (OBJECTS - ghost) - 40
        predicted[start : start + 40] = 20 + ghost
    xyz = (np.arange(len(true))[:, None] * [0.01, 0, 0]).astype(np.float32)
    cloud = LabelledCloud(xyz, np.zeros((len(true), 3), np.uint8), true, np.zeros(len(true), np.int64))
    names = np.arange(1, OBJECTS + 1)
    truth = SceneTruth(cloud, names, names * 0, np.zeros((OBJECTS, 6), np.float32), ("thing",))
    ids = np.unique(predicted[predicted > 0])
    oriented = np.tile(np.array([0, 0, 0, 1, 1, 1, 0, 0, 0, 1], np.float32), (len(ids), 1))
    ones = np.ones(len(ids), np.float32)
    tracks = KnownTracks(ids, np.zeros((len(ids), 6), np.float32), oriented, ones, ones > 0)
    scorer = SceneScorer()
    image = np.tile(true.astype(np.int32), (2, 1))
    scorer.add(FrameTruth(image, image, np.eye(4)), np.tile(predicted.astype(np.int32), (2, 1)))
    return scorer.result(truth, dataclasses.replace(cloud, ids=predicted), tracks)


def by_name(found):
    return {one.name: one for one in found}


def test_what_is_better_in_every_scene_is_better():
    found = by_name(differences([result(3, 2), result(4, 2)], [result(6), result(7)], 40))
    assert found["ap"].first < found["ap"].second
    assert 0 < found["ap"].low <= found["ap"].second - found["ap"].first <= found["ap"].high
    assert (found["ap"].verdict, found["ghosts"].verdict, found["missed"].verdict) == (1, 1, 1)
    assert found["ghosts"].high < 0


def test_swapping_the_two_swaps_the_verdicts():
    first, second = [result(n) for n in (2, 3, 5)], [result(n) for n in (6, 7, 8)]
    there, back = differences(first, second, 20), differences(second, first, 20)
    for one, other in zip(there, back, strict=True):
        assert one.verdict == -other.verdict
        np.testing.assert_allclose([one.low, one.high], [-other.high, -other.low], atol=1e-12)


def test_what_is_better_here_and_worse_there_is_unclear():
    found = by_name(differences([result(7), result(2), result(5)], [result(2), result(7), result(5)], 40))
    assert found["ap"].low < 0 < found["ap"].high
    assert found["ap"].verdict == 0


def test_the_same_is_the_same_and_one_scene_says_nothing():
    same = [result(3), result(6)]
    assert {one.verdict for one in differences(same, same, 20)} == {0}
    alone = by_name(differences([result(3)], [result(6)], 20))["ap"]
    assert np.isnan([alone.low, alone.high]).all()
    assert alone.second > alone.first


def test_the_interval_is_that_of_draws_made_by_hand():
    """Of two scenes there are four draws: both, twice the first, twice the second."""
    first, second = [result(2), result(4)], [result(4), result(5)]
    found = by_name(differences(first, second, 4000))["ap50"]
    draws = [(0, 0), (0, 1), (1, 1)]
    apart = [pooled([second[i] for i in rows]).ap50 - pooled([first[i] for i in rows]).ap50 for rows in draws]
    assert (found.low, found.high) == pytest.approx((min(apart), max(apart)))


def write(folder, rows):
    """Write rows of scenes as an evaluation does: rows maps names to results by scene."""
    made = []
    for name, scenes in rows.items():
        runs = []
        for scene, found in scenes.items():
            costs = FrameCosts(np.arange(2), *np.ones((4, 2)))
            run = SceneRun(name, scene, found, costs, {}, {})
            (folder / name).mkdir(parents=True, exist_ok=True)
            file = folder / name / f"{scene}.json"
            file.write_text(json.dumps({"digest": "", "run": to_plain(run)}))
            runs.append(run)
        made.append(Row(name, (), tuple(runs), {}))
    write_scores(folder / "scores.json", made, "evaluate", "edge", 1)
    return str(folder)


@pytest.fixture
def evaluated(tmp_path):
    scenes = {"a": result(2), "b": result(3), "c": result(2)}
    first = write(tmp_path / "one", {"overlap": scenes})
    better = {"a": result(6), "b": result(6), "d": result(5)}
    return first, write(tmp_path / "two", {"overlap": better, "esam": scenes})


def test_rows_are_read_as_they_were_written(evaluated):
    folder = Path(evaluated[0])
    [row] = read_rows(folder)
    assert [run.scene for run in row.runs] == ["a", "b", "c"]
    assert repr(row.scores) == repr(pooled([result(2), result(3), result(2)]))
    assert read_rows(folder / "scores.json")[0].name == "overlap"


def test_two_evaluations_are_compared_on_the_scenes_that_they_share(evaluated, tmp_path, capsys):
    assert main(["compare", *evaluated, "--draws", "20", "--json", str(tmp_path / "x.json")]) == 0
    said = capsys.readouterr().out
    assert "2 scenes; in one of the two only: c, d" in said
    assert "second is better than first: AP differs by +" in said
    assert "2 scenes are few" in said
    written = json.loads((tmp_path / "x.json").read_text())
    assert written["scenes"] == ["a", "b"]
    assert [one["score"] for one in written["differences"]] == list(COMPARED)
    ap = written["differences"][0]
    assert (ap["unit"], ap["verdict"]) == ("percent", "second")
    assert 30 < ap["second"] - ap["first"] < 70


def test_rows_of_one_evaluation_are_compared_by_name(evaluated, capsys):
    assert main(["compare", evaluated[1], evaluated[1], "--rows", "overlap", "esam", "--draws", "20"]) == 0
    assert "overlap is better than esam" in capsys.readouterr().out


def test_one_scene_gets_no_verdict(tmp_path, capsys):
    paths = [write(tmp_path / str(n), {"x": {"a": result(n)}}) for n in (3, 5)]
    assert main(["compare", *paths]) == 0
    assert "No verdict: AP differs by +" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spoil", "words", "said"),
    [
        (lambda one: None, ["--rows", "overlap", "none"], "no such row; there are overlap, esam"),
        (lambda one: (one / "scores.json").unlink(), [], "cannot be read"),
        (lambda one: (one / "scores.json").write_text("[1]"), [], "not written by `autoseg3d evaluate"),
        (lambda one: (one / "scores.json").write_text("{}"), [], "not written by `autoseg3d evaluate"),
        (lambda one: (one / "overlap" / "b.json").unlink(), [], "cannot be read as the result of a scene"),
        (lambda one: (one / "overlap" / "b.json").write_text("{}"), [], "cannot be read as the result"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(evaluated, tmp_path, spoil, words, said, capsys):
    spoil(tmp_path / "one")
    assert main(["compare", *evaluated, *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_evaluations_without_a_common_scene_or_a_clear_row_are_refused(tmp_path, capsys):
    one = write(tmp_path / "1", {"x": {"a": result(3)}, "y": {"a": result(3)}})
    two = write(tmp_path / "2", {"x": {"b": result(3)}, "y": {"b": result(3)}})
    assert main(["compare", one, two, "--rows", "x", "x"]) == 2
    assert "no scene in common" in capsys.readouterr().err
    assert main(["compare", one, two]) == 2
    assert "say which rows to compare" in capsys.readouterr().err
