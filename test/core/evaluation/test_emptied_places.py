"""Whether a place that something has left was looked at, in front of a wall 3 m ahead."""

import dataclasses

import numpy as np
import pytest

from autoseg3d_core.evaluation.emptied_places import LEAST_FRAMES, EmptiedPlaces

THING, OTHER = 5, 6


def before(frame):
    """A thing 2 m ahead in the middle of the image, and another beside it."""
    depth, labels = frame.depth.copy(), np.zeros((120, 160), np.int32)
    depth[50:70, 70:90], labels[50:70, 70:90] = 2.0, THING
    depth[50:70, 20:40], labels[50:70, 20:40] = 2.0, OTHER
    return dataclasses.replace(frame, depth=depth, label_image=labels)


def seen(frame, afterwards, poses=None):
    places = EmptiedPlaces({THING, OTHER, 99})
    places.take_before(before(frame), np.eye(4))
    for index, depth in enumerate(afterwards):
        places.take_after(dataclasses.replace(frame, depth=depth), poses[index] if poses else np.eye(4))
    return places.looked_at()


def test_a_place_behind_which_depth_ends_was_looked_at_and_one_where_something_stands_was_not(wall_frame):
    frame = wall_frame(depth=3.0)
    still_there = frame.depth.copy()
    still_there[50:70, 20:40] = 2.0
    assert seen(frame, [still_there] * LEAST_FRAMES) == {THING}
    assert seen(frame, [still_there] * (LEAST_FRAMES - 1)) == frozenset()
    assert seen(frame, [before(frame).depth] * 5) == frozenset()


@pytest.mark.parametrize(("rows", "is_seen"), [(8, True), (14, False)])
def test_what_hides_more_than_half_of_a_place_hides_it(wall_frame, rows, is_seen):
    frame = wall_frame(depth=3.0)
    hidden = frame.depth.copy()
    hidden[50 : 50 + rows] = 1.0
    assert (THING in seen(frame, [hidden] * LEAST_FRAMES)) == is_seen


def test_a_camera_that_looks_elsewhere_or_measures_nothing_has_not_looked(wall_frame):
    frame = wall_frame(depth=3.0)
    turned = np.eye(4)
    turned[:3, :3] = [[-1, 0, 0], [0, 1, 0], [0, 0, -1]]
    assert seen(frame, [frame.depth] * 5, [turned] * 5) == frozenset()
    assert seen(frame, [np.zeros_like(frame.depth)] * 5) == frozenset()
