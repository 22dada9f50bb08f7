"""Saved maps read back what was in them; unusable requests are refused with a reason."""

import json
import subprocess
import sys

import numpy as np
import pytest

from autoseg3d_core.datasets.ply_vertices import read_vertices
from autoseg3d_core.structures import InputError, LabelledCloud
from autoseg3d_ros.map_files import format_for, write_map


@pytest.fixture
def cloud():
    return LabelledCloud(
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.array([3, 0]),
        np.array([-1, 2]),
    )


def test_a_ply_holds_every_point(tmp_path, cloud, tracks_table):
    write_map(tmp_path / "map.ply", "ply", cloud, tracks_table([3]))
    points = read_vertices(tmp_path / "map.ply")
    assert points["instance"].tolist() == [3, 0]
    assert points["label"].tolist() == [-1, 2]
    assert np.array_equal(np.stack([points[axis] for axis in "xyz"], axis=1), cloud.xyz)
    assert np.array_equal(np.stack([points[c] for c in ("red", "green", "blue")], axis=1), cloud.rgb)


def test_an_npz_holds_points_and_tracks(tmp_path, cloud, tracks_table):
    write_map(tmp_path / "map", "npz", cloud, tracks_table([3, 5]))
    with np.load(tmp_path / "map") as columns:
        assert columns["point_ids"].tolist() == [3, 0]
        assert columns["track_ids"].tolist() == [3, 5]
        assert columns["track_boxes"].shape == (2, 6)


def test_a_json_holds_a_row_per_track(tmp_path, cloud, tracks_table):
    write_map(tmp_path / "map.json", "json", cloud, tracks_table([3, 5]))
    rows = json.loads((tmp_path / "map.json").read_text())["tracks"]
    assert [row["ids"] for row in rows] == [3, 5]


@pytest.mark.parametrize(
    ("name", "kind", "overwrite", "chosen"),
    [
        ("room.snapshot", "", False, "snapshot"),
        ("room.ply", "snapshot", False, "snapshot"),
        ("MAP.PLY", "", False, "ply"),
        ("map", ".npz", False, "npz"),
        ("there.json", "", True, "json"),
    ],
)
def test_a_format_is_the_one_asked_for_or_that_of_the_path(tmp_path, name, kind, overwrite, chosen):
    (tmp_path / "there.json").write_text("mine")
    assert format_for(tmp_path / name, kind, overwrite) == chosen


@pytest.mark.parametrize(
    ("name", "kind", "words"), [("map.xyz", "", "snapshot, ply, npz, json"), ("there.ply", "", "overwrite")]
)
def test_another_format_or_a_file_that_is_there_is_refused(tmp_path, name, kind, words):
    (tmp_path / "there.ply").write_text("mine")
    with pytest.raises(InputError, match=words):
        format_for(tmp_path / name, kind, False)


@pytest.mark.parametrize("kind", ["ply", "npz", "json"])
def test_what_cannot_be_written_is_refused(tmp_path, cloud, tracks_table, kind):
    with pytest.raises(InputError, match="written"):
        write_map(tmp_path / "no" / "folder", kind, cloud, tracks_table([3]))


KILLED = """
import os, pathlib, sys, time
import numpy as np
from autoseg3d_core.structures import LabelledCloud
from autoseg3d_ros.map_files import format_for, write_map

def stall(descriptor):
    print("written", flush=True)
    time.sleep(60)

os.fsync = stall
points = np.zeros((1000, 3), np.float32)
cloud = LabelledCloud(points, points.astype(np.uint8), np.zeros(1000, np.int64), np.zeros(1000, np.int64))
write_map(pathlib.Path(sys.argv[1]), "ply", cloud, None)
"""


def test_a_node_that_is_killed_while_it_saves_leaves_the_old_map(tmp_path):
    path = tmp_path / "map.ply"
    path.write_text("mine")
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "written\n"
    child.kill()
    child.wait()
    child.stdout.close()
    assert path.read_text() == "mine"
