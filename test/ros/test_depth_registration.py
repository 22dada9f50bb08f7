"""Depth of a camera of its own is reprojected with TF and its own calibration, or says what it lacks."""

import time

import numpy as np
import pytest
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from autoseg3d_core.structures import CameraIntrinsics, Frame, InputError
from autoseg3d_ros.conversions import CameraMessages, DepthCamera, TopicNames, frame_from_messages
from autoseg3d_ros.inputs import latched_qos
from autoseg3d_ros.messages import stamp_from_ns
from autoseg3d_ros.node_config import DepthConfig, InputConfig, NodeConfig, TfConfig, TopicsConfig
from autoseg3d_ros.outcomes import Outcome
from autoseg3d_ros.simulated_camera import camera_messages

NAMES = TopicNames("/color", "/depth", "/info")
WALL_M = 2.0
BASELINE_M = 0.2
COLOR = CameraIntrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)
DEPTH = CameraIntrinsics(40.0, 40.0, 19.5, 14.5, 40, 30)


def images(camera, depth, frame_id, stamp_ns=10**9):
    rgb = np.zeros((camera.height, camera.width, 3), np.uint8)
    frame = Frame(rgb, depth.astype(np.float32), camera, np.eye(4), stamp_ns)
    return camera_messages(frame, Header(stamp=stamp_from_ns(stamp_ns), frame_id=frame_id))


def wall_with_a_post():
    """Return depth of a wall, and a post before it in the columns 18 to 21, as the depth camera sees it."""
    depth = np.full((DEPTH.height, DEPTH.width), WALL_M)
    depth[:, 18:22] = 1.0
    return depth


def moved(x):
    pose = np.eye(4)
    pose[0, 3] = x
    return pose


def test_depth_of_another_camera_lands_where_colour_sees_it():
    color, _, info = images(COLOR, np.zeros((48, 64)), "color_eye")
    _, depth, depth_info = images(DEPTH, wall_with_a_post(), "depth_eye")
    own = DepthCamera(depth_info, moved(BASELINE_M), "/depth_info")
    frame = frame_from_messages(CameraMessages(color, depth, info, None, own), np.eye(4), NAMES)
    assert frame.depth.shape == (48, 64)
    middle = frame.depth[24]
    # A point 1 m before the depth camera's axis is 0.2 m to the right of colour's: 12 pixels at fx = 60.
    assert np.flatnonzero(np.isclose(middle, 1.0)).mean() == pytest.approx(31.5 + 12, abs=1)
    assert middle[31] == pytest.approx(WALL_M, abs=0.01)


def test_depth_of_another_size_at_the_same_place_fills_the_colour_image():
    color, _, info = images(COLOR, np.zeros((48, 64)), "eye")
    small = CameraIntrinsics(30.0, 30.0, 15.5, 11.5, 32, 24)
    _, depth, depth_info = images(small, np.full((24, 32), WALL_M), "eye")
    own = DepthCamera(depth_info, np.eye(4), "/depth_info")
    frame = frame_from_messages(CameraMessages(color, depth, info, None, own), np.eye(4), NAMES)
    assert np.isclose(frame.depth, WALL_M).mean() > 0.95


def test_a_depth_calibration_of_another_size_is_refused_by_topic():
    color, _, info = images(COLOR, np.zeros((48, 64)), "eye")
    _, depth, _ = images(DEPTH, wall_with_a_post(), "eye")
    own = DepthCamera(info, np.eye(4), "/depth_info")
    with pytest.raises(InputError, match=r"/depth_info describes 64x48 but /depth is 40x30"):
        frame_from_messages(CameraMessages(color, depth, info, None, own), np.eye(4), NAMES)


def unregistered(camera_set, stamp_ns=10**9):
    color, _, info = camera_set(stamp_ns=stamp_ns)
    _, depth, depth_info = camera_set(stamp_ns=stamp_ns, frame_id="depth_eye")
    return (color, depth, info), depth_info


@pytest.fixture
def bench(make_bench):
    made = make_bench(topics=TopicsConfig(depth_camera_info="depth/info"))
    made.poses.everywhere = np.eye(4)
    return made


def test_a_frame_waits_for_depths_calibration_and_place(bench, node, camera_set, spin_until):
    messages, depth_info = unregistered(camera_set)
    bench.feed(messages)
    assert bench.sink.frames == []
    publisher = node.create_publisher(CameraInfo, "depth/info", latched_qos())
    publisher.publish(depth_info)
    bench.poses.places["camera", "depth_eye"] = moved(0.1)
    end, stamp_ns = time.monotonic() + 5, 10**9
    while not bench.sink.frames and time.monotonic() < end:
        stamp_ns += 10**9
        bench.feed(unregistered(camera_set, stamp_ns)[0])
        spin_until([node], lambda: bench.sink.frames, 0.3)
    own = bench.sink.frames[0].messages.depth_camera
    assert own.info == depth_info
    assert own.color_from_depth[0, 3] == 0.1
    assert bench.log.about("depth is reprojected from 'depth_eye' to 'camera' with /depth/info")


@pytest.mark.parametrize("has_calibration", [False, True])
def test_what_is_missing_is_told(node, make_bench, camera_set, spin_until, has_calibration):
    bench = make_bench(tf=TfConfig(timeout_s=0.5 if has_calibration else 0.02))
    bench.poses.everywhere = np.eye(4)
    publisher = node.create_publisher(CameraInfo, "/depth/camera_info", QoSProfile(depth=1))
    messages, depth_info = unregistered(camera_set)
    bench.feed(messages)
    if has_calibration:
        assert spin_until([node], publisher.get_subscription_count)
        publisher.publish(depth_info)
    assert spin_until([node], lambda: bench.sink.reports, 5)
    [report] = bench.sink.reports
    assert report.outcome is Outcome.DROPPED_INVALID
    lacking = "TF does not connect 'depth_eye' to 'camera'" if has_calibration else "/depth/camera_info"
    assert lacking in report.reason
    assert "depth.registration to none" in report.reason


def test_depth_can_be_declared_registered(make_bench, camera_set):
    bench = make_bench(depth=DepthConfig(registration="none"))
    bench.poses.everywhere = np.eye(4)
    bench.feed(unregistered(camera_set)[0])
    [frame] = bench.sink.frames
    assert frame.messages.depth_camera is None


def test_registered_depth_asks_for_no_second_calibration(bench, node, camera_set):
    bench.feed(camera_set())
    assert bench.sink.frames[0].messages.depth_camera is None
    assert node.count_subscribers("/depth/info") == 0


def test_the_calibration_is_looked_for_beside_the_depth_image(node):
    from autoseg3d_ros.depth_registration import DepthRegistration

    config = NodeConfig(topics=TopicsConfig(depth="cam/depth/image_rect"), input=InputConfig())
    registration = DepthRegistration(node, config, lambda *_: None, lambda: None)
    assert registration.topic == "/cam/depth/camera_info"
