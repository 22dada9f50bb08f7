"""What commands ask of their arguments."""

import argparse

import pytest

from autoseg3d_core import build
from autoseg3d_core.cli import evaluate
from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.cli.arguments import add_settings, positive, rate
from autoseg3d_core.cli.source import scenes_of
from autoseg3d_core.errors import InputError


def test_an_option_given_twice_adds_up():
    parser = argparse.ArgumentParser()
    add_settings(parser, "--set", "")
    assert parser.parse_args(["--set", "a=1", "b=2", "--set", "c=3"]).set == ["a=1", "b=2", "c=3"]
    assert parser.parse_args([]).set == []
    with pytest.raises(SystemExit):
        parser.parse_args(["--set", "a=1", "simulation:5000"])


@pytest.mark.parametrize(
    ("kind", "bad"),
    [(positive, t) for t in ("0", "-1", "1.5", "x", "")] + [(rate, t) for t in ("0", "-1", "nan", "x")],
)
def test_numbers_without_sense_are_refused(kind, bad):
    with pytest.raises(argparse.ArgumentTypeError):
        kind(bad)


@pytest.mark.parametrize("rows", [["model.name=overlap"], ["a/b", "x=1"], ["../up"]])
def test_a_row_without_a_plain_name_is_refused(rows, tmp_path, capsys):
    assert main(["evaluate", str(tmp_path), "--row", *rows]) == 2
    assert "begin with a name" in capsys.readouterr().err


def test_rows_of_one_name_are_refused(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path), "--row", "a", "--row", "a", "x=1"]) == 2
    assert "given twice" in capsys.readouterr().err


def test_without_rows_the_row_bears_the_name_of_the_model_that_runs():
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    assert evaluate.named_rows(parser.parse_args(["scenes"])) == [[build.load().model.name]]


def test_masks_weights_that_were_asked_for_are_not_passed_over_in_silence():
    pytest.importorskip("ultralytics", reason="without ultralytics masks are geometric in any case")
    config = build.load(None, ("masks.fastsam.weights=/no/such.pt",))
    with pytest.raises(InputError, match=r"/no/such\.pt"):
        build.mask_maker(config)


def test_two_recordings_of_one_name_are_not_taken_for_one_scene(tmp_path, monkeypatch):
    assert scenes_of(["simulation:3", "a/run1", "b/run2/"]) == {
        "simulation_3": "simulation:3",
        "run1": "a/run1",
        "run2": "b/run2/",
    }
    monkeypatch.chdir(tmp_path)
    assert scenes_of(["."]) == {tmp_path.name: "."}
    with pytest.raises(InputError, match="dayA/run1 and dayB/run1 would both"):
        scenes_of(["dayA/run1", "dayB/run1"])


@pytest.mark.parametrize("text", ["map.voxel_size_m=[", "lifting.points={a"])
def test_a_value_that_is_not_yaml_is_one_line_of_error(text, capsys):
    assert main(["replay", "simulation:5000", "--out", "nowhere", "--set", text]) == 2
    assert "not YAML" in capsys.readouterr().err
