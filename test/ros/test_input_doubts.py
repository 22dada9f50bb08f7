"""Depth in a wrong unit, empty depth and wrong poses are told with the parameter that mends them."""

from dataclasses import replace

import numpy as np
import pytest

from autoseg3d_core.datasets.open_sequence import open_sequence
from autoseg3d_core.lifting import LiftingConfig
from autoseg3d_core.resources import resource_path
from autoseg3d_core.structures import CameraIntrinsics, Frame
from autoseg3d_ros.input_doubts import InputDoubts

LIMITS = LiftingConfig()


def wall(depth_m, x=0.0):
    pose = np.eye(4)
    pose[0, 3] = x
    depth = np.full((48, 64), depth_m, np.float32)
    return Frame(
        np.zeros((48, 64, 3), np.uint8), depth, CameraIntrinsics(60, 60, 31.5, 23.5, 64, 48), pose, 1
    )


@pytest.mark.parametrize(
    ("true_unit_m", "read_unit_m", "advice"),
    [
        (1e-4, 1e-3, "input.depth_scale to 0.0001 if the depth is in 0.1 mm"),
        (1e-3, 1.0, "input.depth_scale to 0.001 if the depth is in mm"),
        (1.0, 1e-3, "input.depth_scale to 1 if the depth is in m"),
    ],
)
def test_depth_of_which_nothing_is_usable_is_told_with_its_unit(true_unit_m, read_unit_m, advice):
    as_read = 1.5 / true_unit_m * read_unit_m
    doubt = InputDoubts().of_frame(wall(as_read), LIMITS, read_unit_m)
    assert advice in str(doubt)


def test_empty_depth_is_told_and_good_depth_is_not():
    assert "topics.depth" in str(InputDoubts().of_frame(wall(0.0), LIMITS, 1e-3))
    assert InputDoubts().of_frame(wall(1.5), LIMITS, 1e-3) is None


def test_frames_from_one_place_are_not_compared():
    doubts = InputDoubts()
    assert all(doubts.of_first(wall(1.5), 1e-3) == [] for _ in range(50))
    assert len(doubts._kept) == 1


def test_the_bundled_recording_with_depth_in_fifths_is_told_once_with_the_scale():
    recording = open_sequence(resource_path("demo/recording"))
    doubts, said = InputDoubts(), []
    for index in range(0, len(recording), 2):
        frame = recording[index]
        said += doubts.of_first(replace(frame, depth=frame.depth / 5), 1e-3)
    assert len(said) == 1
    assert "5 times too small" in str(said[0])
    assert "set input.depth_scale to 0.005" in str(said[0])
