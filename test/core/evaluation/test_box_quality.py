import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from autoseg3d_core.evaluation.box_quality import box_fit
from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.evaluation.oriented_boxes import oriented_iou, smallest_box
from autoseg3d_core.geometry.boxes import box_axes, box_corners, standing_boxes
from autoseg3d_core.structures import LabelledCloud

CUBE = np.stack(np.meshgrid(*[np.linspace(0, 1, 6, dtype=np.float32)] * 3, indexing="ij"), -1).reshape(-1, 3)


def table(ids, boxes):
    count = len(ids)
    boxes = np.array(boxes, np.float32).reshape(-1, 6)
    oriented = standing_boxes(torch.from_numpy(boxes)).numpy()
    ones = np.ones(count, np.float32)
    return KnownTracks(np.array(ids, np.int64), boxes, oriented, ones, ones > 0)


def cloud(xyz, ids):
    count = len(xyz)
    return LabelledCloud(xyz, np.zeros((count, 3), np.uint8), ids, np.full(count, -1))


@pytest.mark.parametrize(
    ("box", "overlap"), [((0, 0, 0, 1, 1, 1), 1.0), ((0, 0, 0, 1, 1, 2), 0.5), ((2, 2, 2, 3, 3, 3), 0.0)]
)
def test_the_box_of_a_found_object_is_compared_with_that_of_its_points(box, overlap):
    truth = cloud(CUBE, np.full(len(CUBE), 4))
    found = box_fit(table([2, 7], [(9,) * 6, box]), np.full(len(CUBE), 7), truth)
    np.testing.assert_allclose(found.iou, [overlap], atol=1e-6)
    np.testing.assert_allclose(found.oriented_iou, [overlap], atol=1e-5)


def test_an_object_that_half_a_track_lies_on_is_not_found():
    both = np.concatenate([CUBE, CUBE + 5])
    truth = cloud(both, np.repeat([1, 2], len(CUBE)))
    assert len(box_fit(table([3], [(0, 0, 0, 6, 6, 6)]), np.full(len(both), 3), truth)) == 0


def test_walls_small_things_and_points_on_no_track_do_not_count():
    wall = cloud(CUBE, np.zeros(len(CUBE), np.int64))
    small = cloud(CUBE[:50], np.full(50, 1))
    for truth in (wall, small):
        assert len(box_fit(table([3], [(0, 0, 0, 1, 1, 1)]), np.full(len(truth), 3), truth)) == 0
    truth = cloud(CUBE, np.full(len(CUBE), 1))
    assert len(box_fit(table([], []), np.zeros(len(CUBE), np.int64), truth)) == 0
    assert len(box_fit(table([3], [(0, 0, 0, 1, 1, 1)]), np.zeros(len(CUBE), np.int64), truth)) == 0


@pytest.mark.parametrize(
    ("size", "box", "too_long"),
    [
        (1.0, (0, 0, 0, 1, 1, 1.5), False),
        (1.0, (0, 0, 0, 1, 1, 1.51), True),
        (1.0, (0, -0.6, 0, 1, 1, 1), True),
        (1.0, (0, 0, 0, 0.5, 0.5, 0.5), False),
        (0.04, (0, 0, 0, 0.04, 0.04, 0.08), False),  # by less than a voxel
        (0.04, (0, 0, 0, 0.04, 0.04, 0.1), True),
    ],
)
def test_a_box_is_too_long_beyond_one_and_a_half_times_the_object(size, box, too_long):
    truth = cloud((CUBE * size).astype(np.float32), np.full(len(CUBE), 4))
    assert box_fit(table([7], [box]), np.full(len(CUBE), 7), truth).is_too_long.tolist() == [too_long]


def oriented(center, size, degrees, up="z"):
    turn = {"z": Rotation.identity(), "-y": Rotation.from_euler("x", 90, degrees=True)}[up]
    rotation = turn * Rotation.from_euler("z", degrees, degrees=True)
    return np.array([*center, *size, *rotation.as_quat()])


def test_an_oriented_box_is_compared_with_the_tightest_upright_one_around_the_object():
    xyz = Rotation.from_euler("z", 30, degrees=True).apply((CUBE - 0.5) * (2, 1, 1)).astype(np.float32)
    tracks = table([7], [(-9,) * 3 + (9,) * 3])
    for degrees, expected in ((30, 1.0), (210, 1.0), (120, 1 / 3)):
        tracks.oriented_boxes[0] = oriented((0, 0, 0), (2, 1, 1), degrees)
        found = box_fit(tracks, np.full(len(xyz), 7), cloud(xyz, np.full(len(xyz), 4)))
        np.testing.assert_allclose(found.oriented_iou, [expected], atol=1e-4)


@pytest.mark.parametrize(
    ("size", "other", "degrees", "overlap"),
    [
        ((2, 1, 1), (2, 1, 1), 0, 1.0),
        ((2, 1, 1), (2, 1, 1), 180, 1.0),
        ((2, 1, 1), (2, 1, 1), 90, 1 / 3),
        ((1, 1, 1), (1, 1, 1), 45, 2 * (2**0.5 - 1) / (2 - 2 * (2**0.5 - 1))),  # a regular octagon
        ((1, 1, 1), (2**0.5, 2**0.5, 1), 45, 0.5),  # one square within the other
        ((1, 1, 1), (1, 1, 3), 0, 1 / 3),
    ],
)
@pytest.mark.parametrize("up", ["z", "-y"])
def test_overlaps_of_turned_boxes_that_are_known(size, other, degrees, overlap, up):
    pair = oriented((3, -4, 5), size, 20, up), oriented((3, -4, 5), other, 20 + degrees, up)
    for first, second in (pair, pair[::-1]):
        assert oriented_iou(first[None], second[None])[0] == pytest.approx(overlap, abs=1e-5)


def test_boxes_that_only_touch_or_lie_apart_do_not_overlap():
    first = oriented((0, 0, 0), (2, 1, 1), 45)
    for place in ((0, 0, 1), (2, -2, 0), (0, 0, 7)):
        assert oriented_iou(first[None], oriented(place, (2, 1, 1), 45)[None])[0] == pytest.approx(
            0, abs=1e-6
        )


def test_overlaps_agree_with_counting_random_points():
    random = np.random.default_rng(0)
    xyz = random.uniform(-1.6, 1.6, (200_000, 3))
    for _ in range(25):
        pair = [
            oriented(random.uniform(-0.4, 0.4, 3), random.uniform(0.3, 1.6, 3), random.uniform(0, 360))
            for _ in range(2)
        ]
        one, two = (
            (np.abs((xyz - box[:3]) @ box_axes(box[None])[0]) <= box[3:6] / 2).all(axis=1) for box in pair
        )
        counted = (one & two).sum() / (one | two).sum()
        assert oriented_iou(pair[0][None], pair[1][None])[0] == pytest.approx(counted, abs=0.02)


@pytest.mark.parametrize("up", ["z", "-y"])
@pytest.mark.parametrize("degrees", [0, 17, 45, 100, 160])
def test_the_smallest_box_of_the_corners_of_a_box_is_that_box(degrees, up):
    box = oriented((30, -20, 10), (1.5, 0.5, 0.7), degrees, up)
    found = smallest_box(box_corners(box[None])[0], box_axes(box[None])[0][:, 2])
    np.testing.assert_allclose(found[:6], box[:6], atol=1e-5)
    assert oriented_iou(box[None], found[None])[0] == pytest.approx(1.0, abs=1e-4)
    np.testing.assert_allclose(
        np.abs(box_axes(found[None])[0][:, 0] @ box_axes(box[None])[0][:, 0]), 1, atol=1e-5
    )
