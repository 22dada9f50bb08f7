"""Frames from whatever arrays people have; each wrong kind is a sentence that says what to give."""

import numpy as np
import pytest
import torch

from autoseg3d_core import build
from autoseg3d_core.datasets.arrays import frame_from_arrays
from autoseg3d_core.errors import ConfigError, InputError
from autoseg3d_core.lifting import check_frame
from autoseg3d_core.structures import CameraIntrinsics

K = [[50.0, 0, 15.5], [0, 60.0, 11.5], [0, 0, 1]]
GOOD = {
    "rgb": np.zeros((24, 32, 3), np.uint8),
    "depth": np.ones((24, 32), np.float32),
    "intrinsics": K,
    "world_from_camera": np.eye(4),
    "stamp_ns": 7,
}


def made(**changes):
    return frame_from_arrays(**{**GOOD, **changes})


def test_a_frame_has_the_camera_and_pose_that_were_given():
    frame = made(world_from_camera=np.diag([1, -1, -1, 1]))
    check_frame(frame)
    assert frame.camera == CameraIntrinsics(50.0, 60.0, 15.5, 11.5, 32, 24)
    assert made(intrinsics=frame.camera).camera == frame.camera
    np.testing.assert_array_equal(frame.world_from_camera, np.diag([1.0, -1, -1, 1]))


@pytest.mark.parametrize(
    ("depth", "scale"),
    [
        (np.full((24, 32), 1500, np.uint16), 1000),
        (np.full((24, 32), 7500, np.int64), 5000.0),
        (np.full((24, 32), 1.5, np.float64), None),
        (np.full((24, 32), 1500.0, np.float32), 1000),
        (np.full((24, 32), 1.5, np.float16), None),
        (torch.full((24, 32), 1.5), None),
        (np.full((32, 24), 1.5).T, None),
        ([[1.5] * 32] * 24, None),
    ],
)
def test_depth_of_any_kind_becomes_metres(depth, scale):
    frame = made(depth=depth, depth_scale=scale)
    check_frame(frame)
    np.testing.assert_allclose(frame.depth, 1.5)


def test_depth_that_is_no_number_is_unknown_and_the_array_given_stays_as_it_is():
    depth = np.array([[np.nan, np.inf, -np.inf, 2.0]] * 2, np.float32)
    camera = np.array([[50.0, 0, 1.5], [0, 50.0, 0.5], [0, 0, 1]])
    frame = made(depth=depth, rgb=np.zeros((2, 4, 3), np.uint8), intrinsics=camera)
    np.testing.assert_array_equal(frame.depth, [[0, 0, 0, 2.0]] * 2)
    assert np.isnan(depth[0, 0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rgb": np.zeros((24, 32, 4), np.uint8)}, "without alpha"),
        ({"rgb": np.zeros((24, 32), np.uint8)}, "height x width x 3"),
        ({"rgb": np.zeros((24, 32, 3))}, "multiply by 255"),
        ({"rgb": "photo.png"}, "rgb is str"),
        ({"rgb": None}, "rgb is NoneType"),
        ({"depth": np.ones((24, 32), np.uint16)}, "give depth_scale, the units per metre"),
        ({"depth": np.ones((24, 32, 1))}, "give height x width"),
        ({"depth": [[1.0], [1.0, 2.0]]}, "depth is list"),
        ({"depth": np.full((24, 32), 1500.0)}, "of depth is 1.5e.03 m: give depth_scale"),
        (
            {"depth": np.full((24, 32), 1.5), "depth_scale": 1000},
            "of depth is 0.0015 m: .* or 1 for metres",
        ),
        ({"depth_scale": 0}, "depth_scale is 0"),
        ({"depth_scale": "mm"}, "depth_scale is 'mm'"),
        ({"depth_scale": float("nan")}, "depth_scale is nan"),
        ({"intrinsics": [50.0, 60.0, 15.5, 11.5]}, r"\[\[fx, 0, cx\]"),
        ({"intrinsics": np.transpose(K)}, "not of the form"),
        ({"intrinsics": np.array(K) * [[4], [4], [1]]}, r"\(62, 46\) is outside of the image of 32x24"),
        ({"intrinsics": {"fx": 50}}, "intrinsics is dict"),
        ({"world_from_camera": np.eye(3)}, "give a 4x4 matrix"),
        ({"world_from_camera": None}, "world_from_camera is NoneType"),
        ({"stamp_ns": 1.5}, "time.time_ns"),
        ({"stamp_ns": True}, "time.time_ns"),
        ({"stamp_ns": "now"}, "time.time_ns"),
    ],
)
def test_each_wrong_kind_is_told_with_what_to_give(change, said):
    with pytest.raises(InputError, match=said):
        made(**change)


def test_a_step_with_something_else_than_a_frame_is_told():
    online = build.online_segmenter(build.load(None, ("model.name=overlap", "masks.name=geometric")))
    with pytest.raises(InputError, match="step takes a Frame, not ndarray"):
        online.step(GOOD["rgb"])
    assert online.frame_index == 0


def test_configs_of_the_wrong_kind_are_told():
    with pytest.raises(ConfigError, match="takes a Config, not str"):
        build.online_segmenter("config.yaml")
    with pytest.raises(ConfigError, match="give a tuple"):
        build.load(None, "lifting.points=3000")
