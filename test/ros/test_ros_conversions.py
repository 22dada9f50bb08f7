"""Messages become frames; every unusable one is refused by topic, with what to do about it."""

import numpy as np
import pytest
from geometry_msgs.msg import Transform

from autoseg3d_core.structures import InputError
from autoseg3d_ros.conversions import (
    CameraMessages,
    TopicNames,
    check_pose,
    frame_from_messages,
    pose_from_transform,
)
from autoseg3d_ros.messages import byte_array

NAMES = TopicNames("/color", "/depth", "/info")


def convert(messages, pose=None, scale=0.0):
    return frame_from_messages(CameraMessages(*messages), np.eye(4) if pose is None else pose, NAMES, scale)


def test_a_frame_has_rgb_metres_camera_and_stamp(camera_set):
    frame = convert(camera_set(stamp_ns=1_234_567_891, depth=1.5))
    assert frame.rgb.shape == (6, 8, 3)
    assert np.allclose(frame.depth, 1.5)
    assert (frame.camera.fx, frame.camera.width, frame.stamp_ns) == (10.0, 8, 1_234_567_891)


def test_depth_as_float_metres_gives_the_same(camera_set):
    color, depth, info = camera_set(depth=1.5)
    metres = np.full((6, 8), 1.5, np.float32)
    metres[0, :4] = np.nan, np.inf, -np.inf, -1.0
    depth.encoding, depth.step, depth.data = "32FC1", 32, byte_array(metres)
    frame = convert((color, depth, info))
    assert (frame.depth[0, :4] == 0).all()
    assert np.allclose(frame.depth[1:], 1.5)


def test_depth_as_float_millimetres_is_read_with_a_scale(camera_set):
    color, depth, info = camera_set()
    depth.encoding, depth.step = "32FC1", 32
    depth.data = byte_array(np.full((6, 8), 1500, np.float32))
    assert np.allclose(convert((color, depth, info), scale=0.001).depth, 1.5)


def test_a_depth_scale_replaces_the_millimetre(camera_set):
    assert np.allclose(convert(camera_set(depth=1.5), scale=0.01).depth, 15.0)


def test_depth_of_another_size_is_refused_with_the_drivers_arguments(camera_set):
    color, _, info = camera_set()
    _, depth, _ = camera_set(width=10)
    with pytest.raises(InputError, match=r"/depth is 10x6 but /color is 8x6.*align_depth.enable"):
        convert((color, depth, info))


def test_a_calibration_of_another_size_is_refused(camera_set):
    color, depth, _ = camera_set()
    _, _, info = camera_set(width=16)
    with pytest.raises(InputError, match=r"/info describes 16x6"):
        convert((color, depth, info))


@pytest.mark.parametrize(("index", "topic"), [(0, "/color"), (1, "/depth")])
def test_an_unknown_encoding_is_refused_with_the_known_ones(camera_set, index, topic):
    messages = camera_set()
    messages[index].encoding = "nonsense"
    with pytest.raises(InputError, match=topic) as refusal:
        convert(messages)
    assert "nonsense" in str(refusal.value)
    assert ("rgb8", "16UC1")[index] in str(refusal.value)


def test_an_uncalibrated_camera_is_refused(camera_set):
    color, depth, info = camera_set()
    info.k[0] = 0.0
    info.p[0] = 0.0
    with pytest.raises(InputError, match="/info"):
        convert((color, depth, info))


def test_a_truncated_image_is_refused(camera_set):
    messages = camera_set()
    messages[0].data = messages[0].data[:20]
    with pytest.raises(InputError, match="/color"):
        convert(messages)


@pytest.mark.parametrize("bad", [np.full((4, 4), np.nan), np.diag([2.0, 1, 1, 1]), np.diag([1.0, 1, -1, 1])])
def test_a_pose_that_is_no_rigid_motion_is_refused(bad):
    with pytest.raises(InputError, match="TF"):
        check_pose(bad, "camera")


def test_a_transform_becomes_a_pose():
    transform = Transform()
    transform.translation.x = 2.0
    transform.rotation.z = transform.rotation.w = float(np.sqrt(0.5))
    pose = pose_from_transform(transform)
    assert np.allclose(pose @ [1, 0, 0, 1], [2, 1, 0, 1])


@pytest.mark.parametrize("w", [0.0, float("nan")])
def test_a_transform_without_rotation_gives_a_pose_that_is_refused(w):
    transform = Transform()
    transform.rotation.w = w
    with pytest.raises(InputError, match="TF"):
        check_pose(pose_from_transform(transform), "camera")
