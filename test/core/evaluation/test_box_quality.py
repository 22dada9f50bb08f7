import numpy as np
import pytest

from autoseg3d_core.evaluation.box_quality import box_fit
from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.structures import LabelledCloud

CUBE = np.stack(np.meshgrid(*[np.linspace(0, 1, 6, dtype=np.float32)] * 3, indexing="ij"), -1).reshape(-1, 3)


def table(ids, boxes):
    count = len(ids)
    boxes = np.array(boxes, np.float32).reshape(-1, 6)
    return KnownTracks(np.array(ids, np.int64), boxes, np.ones(count, np.float32), np.ones(count, bool))


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
