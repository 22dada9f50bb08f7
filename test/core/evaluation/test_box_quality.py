import dataclasses

import numpy as np
import pytest
import torch

from autoseg3d_core.evaluation.box_quality import box_overlaps
from autoseg3d_core.report import Reading, track_table
from autoseg3d_core.structures import LabelledCloud, Memory

CUBE = np.stack(np.meshgrid(*[np.linspace(0, 1, 6, dtype=np.float32)] * 3, indexing="ij"), -1).reshape(-1, 3)


def table(ids, boxes):
    empty = track_table(Memory.empty().tracks, torch.zeros(0).long(), torch.zeros(0), Reading(3, 0.0, 0.04))
    rows = {
        field.name: np.zeros(
            (len(ids), *getattr(empty, field.name).shape[1:]), getattr(empty, field.name).dtype
        )
        for field in dataclasses.fields(empty)
    }
    boxes = np.array(boxes, np.float32).reshape(-1, 6)
    return type(empty)(**(rows | {"ids": np.array(ids, np.int64), "boxes": boxes}))


def cloud(xyz, ids):
    count = len(xyz)
    return LabelledCloud(xyz, np.zeros((count, 3), np.uint8), ids, np.full(count, -1))


@pytest.mark.parametrize(
    ("box", "overlap"), [((0, 0, 0, 1, 1, 1), 1.0), ((0, 0, 0, 1, 1, 2), 0.5), ((2, 2, 2, 3, 3, 3), 0.0)]
)
def test_the_box_of_a_found_object_is_compared_with_that_of_its_points(box, overlap):
    truth = cloud(CUBE, np.full(len(CUBE), 4))
    found = box_overlaps(table([2, 7], [(9,) * 6, box]), np.full(len(CUBE), 7), truth)
    np.testing.assert_allclose(found, [overlap], atol=1e-6)


def test_an_object_that_half_a_track_lies_on_is_not_found():
    both = np.concatenate([CUBE, CUBE + 5])
    truth = cloud(both, np.repeat([1, 2], len(CUBE)))
    assert len(box_overlaps(table([3], [(0, 0, 0, 6, 6, 6)]), np.full(len(both), 3), truth)) == 0


def test_walls_small_things_and_points_on_no_track_do_not_count():
    wall = cloud(CUBE, np.zeros(len(CUBE), np.int64))
    small = cloud(CUBE[:50], np.full(50, 1))
    for truth in (wall, small):
        assert len(box_overlaps(table([3], [(0, 0, 0, 1, 1, 1)]), np.full(len(truth), 3), truth)) == 0
    truth = cloud(CUBE, np.full(len(CUBE), 1))
    assert len(box_overlaps(table([], []), np.zeros(len(CUBE), np.int64), truth)) == 0
    assert len(box_overlaps(table([3], [(0, 0, 0, 1, 1, 1)]), np.zeros(len(CUBE), np.int64), truth)) == 0
