import numpy as np

from autoseg3d_core.datasets.ply_vertices import read_vertices
from autoseg3d_core.structures import LabelledCloud
from autoseg3d_core.visualization.overlay import overlay
from autoseg3d_core.visualization.palette import NOBODY, colors_of
from autoseg3d_core.visualization.ply import write_ply
from autoseg3d_core.visualization.report import text_table
from autoseg3d_core.visualization.scene_view import FROM_ABOVE, scene_view


def cloud_of(xyz, ids):
    count = len(xyz)
    rgb = np.full((count, 3), 128, np.uint8)
    return LabelledCloud(np.asarray(xyz, np.float32), rgb, np.asarray(ids), np.full(count, -1))


def test_the_first_hundred_ids_have_distinct_colours():
    colors = colors_of(np.arange(1, 101)).astype(int)
    apart = np.abs(colors[:, None] - colors[None]).sum(axis=2) + 1000 * np.eye(100, dtype=int)
    assert apart.min() > 8
    assert np.abs(np.diff(colors, axis=0)).sum(axis=1).min() > 60
    assert tuple(colors_of(np.array([0]))[0]) == NOBODY


def test_an_id_keeps_its_colour_whatever_stands_beside_it():
    assert np.array_equal(colors_of(np.array([7]))[0], colors_of(np.array([3, 7, 900]))[1])


def test_an_overlay_tints_only_what_has_an_id():
    rgb = np.full((40, 60, 3), 100, np.uint8)
    labels = np.zeros((40, 60), np.int32)
    labels[10:30, 20:40] = 5
    picture = overlay(rgb, labels, opacity=1.0, captions=False)
    assert np.array_equal(picture[20, 30], colors_of(np.array([5]))[0])
    assert (picture[:9] == 100).all()


def test_a_ply_file_is_read_back(tmp_path):
    rng = np.random.default_rng(0)
    cloud = LabelledCloud(
        rng.normal(size=(50, 3)).astype(np.float32),
        rng.integers(0, 255, (50, 3), dtype=np.uint8),
        rng.integers(0, 9, 50),
        rng.integers(-1, 4, 50),
    )
    write_ply(tmp_path / "scene.ply", cloud)
    again = read_vertices(tmp_path / "scene.ply")
    assert list(again) == ["x", "y", "z", "red", "green", "blue", "instance", "label"]
    assert np.array_equal(np.stack([again[axis] for axis in "xyz"], axis=1), cloud.xyz)
    assert np.array_equal(np.stack([again[c] for c in ("red", "green", "blue")], axis=1), cloud.rgb)
    assert np.array_equal(again["instance"], cloud.ids)
    assert np.array_equal(again["label"], cloud.labels)


def test_from_above_the_higher_point_hides_the_lower_and_north_is_up():
    floor = [[x / 20, y / 20, 0.0] for x in range(40) for y in range(40)]
    lid = [[x / 20, y / 20, 0.5] for x in range(20, 30) for y in range(30, 40)]
    cloud = cloud_of(floor + lid + [[0, 0, 2.0]] * 40, [1] * 1600 + [2] * 100 + [0] * 40)
    picture = scene_view(cloud, np.zeros(0, int), np.zeros((0, 10)), FROM_ABOVE, tint=1.0)
    rows, columns = np.nonzero((picture == colors_of(np.array([2]))[0]).all(axis=2))
    all_rows, all_columns = np.nonzero((picture != 255).any(axis=2))
    assert rows.mean() < all_rows.mean()  # larger y lies higher in the picture
    assert columns.mean() > all_columns.mean()


def test_an_empty_scene_is_a_blank_picture():
    assert (
        scene_view(cloud_of(np.zeros((0, 3)), np.zeros(0, int)), np.zeros(0, int), np.zeros((0, 10))) == 255
    ).all()


def test_tables_align():
    assert text_table(("stage", "ms"), [("lift", 1.5), ("associate", 12)]).splitlines() == [
        "stage        ms",
        "---------  ----",
        "lift       1.50",
        "associate    12",
    ]
