"""Saved maps read back what was in them; unusable requests are refused with a reason."""

import json

import numpy as np
import pytest

from autoseg3d_core.datasets.ply_vertices import read_vertices
from autoseg3d_core.structures import InputError, LabelledCloud
from autoseg3d_ros.map_files import write_map


@pytest.fixture
def cloud():
    return LabelledCloud(
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.array([3, 0]),
        np.array([-1, 2]),
    )


def test_a_ply_holds_every_point(tmp_path, cloud, tracks_table):
    path = write_map(tmp_path / "map.ply", "", False, cloud, tracks_table([3]))
    points = read_vertices(path)
    assert points["instance"].tolist() == [3, 0]
    assert points["label"].tolist() == [-1, 2]
    assert np.array_equal(np.stack([points[axis] for axis in "xyz"], axis=1), cloud.xyz)
    assert np.array_equal(np.stack([points[c] for c in ("red", "green", "blue")], axis=1), cloud.rgb)


def test_an_npz_holds_points_and_tracks(tmp_path, cloud, tracks_table):
    with np.load(write_map(tmp_path / "map", "npz", False, cloud, tracks_table([3, 5]))) as columns:
        assert columns["point_ids"].tolist() == [3, 0]
        assert columns["track_ids"].tolist() == [3, 5]
        assert columns["track_boxes"].shape == (2, 6)


def test_a_json_holds_a_row_per_track(tmp_path, cloud, tracks_table):
    path = write_map(tmp_path / "map.json", "json", False, cloud, tracks_table([3, 5]))
    rows = json.loads(path.read_text())["tracks"]
    assert [row["ids"] for row in rows] == [3, 5]


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [("map.xyz", "", "ply, npz, json"), ("there.ply", "", "overwrite"), ("no/folder.ply", "", "written")],
)
def test_what_cannot_be_written_is_refused(tmp_path, cloud, tracks_table, name, kind, words):
    (tmp_path / "there.ply").write_text("mine")
    with pytest.raises(InputError, match=words):
        write_map(tmp_path / name, kind, False, cloud, tracks_table([3]))
    assert (tmp_path / "there.ply").read_text() == "mine"


def test_overwriting_is_allowed_on_request(tmp_path, cloud, tracks_table):
    (tmp_path / "there.ply").write_text("mine")
    assert write_map(tmp_path / "there.ply", "ply", True, cloud, tracks_table([3])).stat().st_size > 20
