import numpy as np
import pytest
import torch

from autoseg3d_core.geometry.boxes import standing_boxes
from autoseg3d_core.structures import LabelledCloud
from autoseg3d_core.visualization.captions import caption_places, write_captions
from autoseg3d_core.visualization.palette import colors_of
from autoseg3d_core.visualization.scene_view import ASLANT, FROM_ABOVE, View, scene_view
from autoseg3d_core.visualization.splatting import depth_shade, nearest_points


def cloud_of(xyz, ids):
    count = len(xyz)
    rgb = np.full((count, 3), 128, np.uint8)
    return LabelledCloud(np.asarray(xyz, np.float32), rgb, np.asarray(ids), np.full(count, -1))


def standing(boxes):
    return standing_boxes(torch.tensor(boxes)).numpy()


def sheet(x, y, z, step=0.04):
    """Return points on a grid; one of the three ranges may be a single value."""
    ranges = [np.arange(*v, step) if isinstance(v, tuple) else np.array([v]) for v in (x, y, z)]
    return np.stack(np.meshgrid(*ranges), axis=-1).reshape(-1, 3)


def pixels_of(picture, track_id):
    wanted = colors_of(np.array([track_id]))[0].astype(float)
    return (np.abs(picture.astype(float) - wanted).sum(axis=2) < 12).sum()


def slow_nearest(at, away, size, shape):
    best = np.full(shape, np.inf)
    index = np.full(shape, -1)
    for i, (column, row) in enumerate(np.floor(at).astype(int)):
        for y in range(row - size // 2, row - size // 2 + size):
            for x in range(column - size // 2, column - size // 2 + size):
                if 0 <= y < shape[0] and 0 <= x < shape[1] and away[i] < best[y, x]:
                    best[y, x], index[y, x] = away[i], i
    return index


@pytest.mark.parametrize("size", [1, 3, 5])
def test_each_pixel_shows_the_nearest_of_the_points_that_cover_it(size):
    rng = np.random.default_rng(size)
    at, away = rng.random((150, 2)) * [60, 40], rng.random(150)
    at = at[(at[:, 0] > 3) & (at[:, 0] < 57) & (at[:, 1] > 3) & (at[:, 1] < 37)]
    away = away[: len(at)]
    fast, slow = nearest_points(at, away, size, (40, 60)), slow_nearest(at, away, size, (40, 60))
    covered = slow >= 0
    assert np.array_equal(fast[covered], slow[covered])


def test_points_off_the_picture_are_left_out_and_no_points_show_nothing():
    at = np.array([[-5.0, 3.0], [3.0, 99.0], [1e7, -1e7]])
    assert (nearest_points(at, np.ones(3), 1, (10, 10)) == -1).all()
    assert (nearest_points(np.zeros((0, 2)), np.zeros(0), 3, (10, 10)) == -1).all()


def test_only_what_lies_behind_its_neighbours_is_shaded():
    depth = np.full((20, 20), 2.0)
    depth[:, :10] = 1.0
    depth[:, 15:] = np.inf
    shade = depth_shade(depth, 0.5, 1)
    assert (shade[:, :10] == 1).all()
    assert (shade[:, 10] < 0.9).all()
    assert (shade[:, 11:] == 1).all()


def test_the_view_is_taken_from_the_side_that_shows_the_tracks():
    room = [sheet((0, 2), (0, 2), 0.0), sheet((0, 2), 2.0, (0, 1)), sheet(0.0, (0, 2), (0, 1))]
    thing = sheet((0.2, 0.8), (1.2, 1.8), 0.3)
    points = np.concatenate([*room, thing])
    ids = np.concatenate([np.zeros(len(points) - len(thing), int), np.full(len(thing), 5)])
    cloud, none = cloud_of(points, ids), np.zeros((0, 10))
    chosen = scene_view(cloud, np.zeros(0, int), none, ASLANT, tint=1.0)
    from_behind = scene_view(cloud, np.zeros(0, int), none, View(135.0, ASLANT.elevation, True), tint=1.0)
    tinted = [(np.ptp(picture.astype(int), axis=2) > 30).sum() for picture in (chosen, from_behind)]
    assert tinted[0] > 1.2 * tinted[1]


def test_the_ceiling_is_cut_away():
    points = np.concatenate([sheet((0, 2), (0, 2), 0.0), sheet((0, 2), (0, 2), 2.0)])
    cloud = cloud_of(points, np.where(points[:, 2] > 1, 2, 1))
    picture = scene_view(cloud, np.zeros(0, int), np.zeros((0, 10)), FROM_ABOVE, tint=1.0)
    assert pixels_of(picture, 1) > 1000
    assert pixels_of(picture, 2) == 0


def test_turning_the_world_and_its_vertical_leaves_the_bird_s_eye_view_alike():
    points = np.concatenate([sheet((0, 3), (0, 2), 0.0), sheet((1, 1.6), (1, 1.4), 0.4)])
    ids, none = np.where(points[:, 2] > 0.2, 3, 1), np.zeros((0, 10))
    up = np.array([0, -1.0, 0])
    turned = points[:, [0, 2, 1]] * [1, -1, 1]  # z becomes -y
    sizes = [
        pixels_of(scene_view(cloud_of(p, ids), np.zeros(0, int), none, FROM_ABOVE, u, tint=1.0), 3)
        for p, u in ((points, None), (turned, up))
    ]
    assert sizes[0] > 1000
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)


def test_boxes_are_drawn_for_tracks_in_sight_but_not_for_walls():
    points = np.concatenate([sheet((0, 4), (0, 4), 0.0), sheet((1, 2), (1, 2), 0.5)])
    cloud = cloud_of(points, np.where(points[:, 2] > 0.2, 3, 1))
    boxes = standing([[0, 0, 0, 4, 4, 0.1], [1, 1, 0, 2, 2, 0.5], [3, 3, 0, 3.5, 3.5, 1]])
    plain = scene_view(cloud, np.array([1, 3, 9]), standing([[-50.0] * 6] * 3), ASLANT)
    drawn = scene_view(cloud, np.array([1, 3, 9]), boxes, ASLANT)
    assert 500 < (plain != drawn).any(axis=2).sum() < 20_000
    hidden = scene_view(cloud, np.array([9]), boxes[2:], ASLANT)
    bare = scene_view(cloud, np.zeros(0, int), np.zeros((0, 10)), ASLANT)
    assert np.array_equal(hidden, bare)


def test_a_single_point_is_a_picture_too():
    picture = scene_view(cloud_of([[1, 2, 3]], [4]), np.array([4]), standing([[1, 2, 3, 1, 2, 3.0]]))
    assert picture.shape == (800, 1280, 3)


def test_captions_lie_on_their_region_largest_first():
    labels = np.zeros((60, 80), np.int32)
    labels[10:50, 10:14] = 7
    labels[46:50, 10:60] = 7  # an L, whose middle is not on it
    labels[5:15, 40:50] = 3
    labels[0, 0] = 9
    ids, places = caption_places(labels, smallest_share=0.005)
    assert ids.tolist() == [7, 3]
    assert [labels[row, column] for column, row in places] == [7, 3]
    assert len(caption_places(np.zeros((6, 8), np.int32), 0.1)[0]) == 0


def test_a_caption_over_an_earlier_one_is_left_out_and_none_leaves_the_picture():
    ground = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    picture = np.full((60, 80, 3), 200, np.uint8)
    write_captions(picture, ["12", "13", "14"], np.array([[40, 30], [42, 31], [79, 0]]), ground)
    assert picture[..., 0].min() == 0
    assert not (picture == [0, 140, 0]).all(axis=2).any()
    assert (picture == [0, 0, 140]).all(axis=2).any()


def test_the_caption_of_a_table_does_not_lie_on_what_stands_in_its_middle():
    labels = np.zeros((120, 200), np.int32)
    labels[20:100, 20:180] = 1
    labels[50:70, 80:120] = 2
    (first, second), places = caption_places(labels, smallest_share=0.005)
    assert (first, second) == (1, 2)
    column, row = places[0]
    assert labels[row - 10 : row + 11, column - 10 : column + 11].max() == 1
    assert labels[places[1][1], places[1][0]] == 2
