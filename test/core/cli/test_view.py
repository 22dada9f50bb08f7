"""What a replay leaves to look at agrees with itself, and opens in the viewer."""

import csv
import json
import re

import numpy as np
import pytest

from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.datasets.ply_vertices import read_vertices

ROOM = ("simulation:5000", "--simulation", "frames=4", "width=160", "height=120")
NAMED = ("--set", "masks.name=geometric", "tracks.maturity.hits=1", "model.class_names=true")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Return the folder of a short replay with named objects."""
    pytest.importorskip("mujoco")
    out = tmp_path_factory.mktemp("view") / "out"
    assert main(["replay", *ROOM, "--out", str(out), *NAMED]) == 0
    return out


def test_the_table_the_summary_and_the_map_agree_about_the_objects(results):
    with (results / "objects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    instances = json.loads((results / "summary.json").read_text())["instances"]
    assert rows
    assert [(int(r["id"]), r["name"]) for r in rows] == [(i["id"], i["label"]) for i in instances]
    assert {i["label"] for i in instances} != {"object"}
    points = read_vertices(results / "scene.ply")["instance"]
    for row, instance in zip(rows, instances, strict=True):
        assert int(row["map_voxels"]) == (points == int(row["id"])).sum() == instance["map_voxels"]
        box = [float(row[name]) for name in ("x_m", "y_m", "z_m", "length_m", "width_m", "height_m")]
        np.testing.assert_allclose(box, instance["oriented_box"][:6], atol=1e-4)


def test_the_page_shows_every_object_and_frame(results):
    text = (results / "index.html").read_text()
    instances = json.loads((results / "summary.json").read_text())["instances"]
    for instance in instances:
        assert f"{instance['id']} {instance['label']}, " in text
    frames = list((results / "frames").glob("*.png"))
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", text)
    assert sum(caption.startswith("frame ") for caption in captions) == len(frames) == 4


def test_results_and_sources_become_recordings_for_the_viewer(results, tmp_path, capsys):
    pytest.importorskip("rerun")
    assert main(["view", str(results), "--save", str(tmp_path / "room.rrd")]) == 0
    data = (tmp_path / "room.rrd").read_bytes()
    assert b"/world/map" in data
    assert b"/world/tracks" in data
    assert main(["view", *ROOM, "--save", str(tmp_path / "raw.rrd"), "--limit", "2"]) == 0
    assert b"/world/camera/image/depth" in (tmp_path / "raw.rrd").read_bytes()
    assert "autoseg3d view" in capsys.readouterr().out


def test_results_that_are_none_are_told(results, tmp_path, capsys):
    pytest.importorskip("rerun")
    (tmp_path / "summary.json").write_text("{}")
    (tmp_path / "scene.ply").write_bytes((results / "scene.ply").read_bytes())
    assert main(["view", str(tmp_path), "--save", str(tmp_path / "x.rrd")]) == 2
    assert "not written by `autoseg3d replay`" in capsys.readouterr().err
    assert main(["view", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err
