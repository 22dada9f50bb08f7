"""Poses come from TF at the asked stamp, late ones too, and a looped bag's second time."""

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster

from autoseg3d_ros.messages import stamp_from_ns
from autoseg3d_ros.node_config import NodeConfig
from autoseg3d_ros.pose_source import PoseSource


def transform(seconds, x, parent="odom", child="camera"):
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp = stamp_from_ns(int(seconds * 1e9))
    message.transform.translation.x = float(x)
    message.transform.rotation.w = 1.0
    return message


@pytest.fixture
def target():
    return "odom"


@pytest.fixture
def poses(node, target):
    source = PoseSource(node, NodeConfig(target_frame=target))
    yield source
    source.close()


@pytest.fixture
def send(node, spin_until, poses):
    """Return a function that sends transforms and waits until TF knows the last."""
    broadcaster = TransformBroadcaster(node)
    assert spin_until([node], lambda: node.count_subscribers("/tf") > 0)

    def to_tf(*transforms):
        for message in transforms:
            broadcaster.sendTransform(message)
        last = transforms[-1]
        stamp_ns = last.header.stamp.sec * 10**9 + last.header.stamp.nanosec
        parent, child = last.header.frame_id, last.child_frame_id
        assert spin_until([node], lambda: poses.pose_at(parent, child, stamp_ns) is not None)

    return to_tf


def test_the_pose_is_that_of_the_stamp(send, poses):
    send(transform(1, 0), transform(2, 10))
    pose = poses.pose_at("odom", "camera", 1_500_000_000)
    assert pose[0, 3] == pytest.approx(5.0)


def test_there_is_no_pose_before_it_comes_and_none_is_made_up(send, poses):
    send(transform(1, 0), transform(2, 10))
    assert poses.pose_at("odom", "camera", 2_100_000_000) is None
    assert poses.lag_ms("odom", "camera", 2_100_000_000) == pytest.approx(100.0)
    assert poses.pose_at("map", "camera", 1_000_000_000) is None
    assert poses.lag_ms("map", "camera", 1_000_000_000) is None


def test_the_known_frames_are_listed(send, poses):
    send(transform(1, 0))
    assert poses.known_frames() == ["camera", "odom"]


def test_poses_start_again_after_a_jump_beyond_the_cache(send, poses):
    send(*(transform(t, t) for t in np.arange(1, 31, 0.5)))
    send(*(transform(t, t) for t in np.arange(1, 5, 0.5)))
    assert poses.pose_at("odom", "camera", 1_000_000_000)[0, 3] == pytest.approx(1.0)
    assert poses.pose_at("odom", "camera", 25_000_000_000) is None


@pytest.mark.parametrize("target", ["map"])
def test_a_correction_of_odometry_is_a_step_and_no_slide(send, poses):
    for child, parent in (("odom", "map"), ("camera", "odom")):
        send(*(transform(1 + t, 3.0 if child == "odom" and t else 0.0, parent, child) for t in (0, 1)))
    at = [1_000_000_000, 1_500_000_000, 1_999_999_998, 2_000_000_000]
    assert [poses.pose_at("map", "camera", stamp_ns)[0, 3] for stamp_ns in at] == pytest.approx([0, 0, 0, 3])
    assert poses.pose_at("map", "camera", 2_000_000_001) is None


def test_transforms_of_before_that_come_after_the_jump_of_images_do_no_harm(node, poses, spin_until):
    broadcaster = TransformBroadcaster(node)
    assert spin_until([node], lambda: node.count_subscribers("/tf") > 0)
    for seconds in (90, 91):
        broadcaster.sendTransform(transform(seconds, 0))
    spin_until([node], lambda: False, 0.02)
    poses.start_again()
    broadcaster.sendTransform(transform(1, 4))
    assert spin_until([node], lambda: poses.pose_at("odom", "camera", 10**9) is not None)


def test_static_transforms_outlive_a_jump(send, poses, node, spin_until):
    broadcaster = StaticTransformBroadcaster(node)
    broadcaster.sendTransform(transform(0, 1, "camera", "eye"))
    assert spin_until([node], lambda: poses.pose_at("camera", "eye", 1) is not None)
    send(transform(30, 30))
    send(transform(1, 1))
    assert poses.pose_at("odom", "eye", 1_000_000_000)[0, 3] == pytest.approx(2.0)
