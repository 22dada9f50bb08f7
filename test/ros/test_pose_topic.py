"""Poses of a topic are used in place of TF, by stamp, and contradictions are told in one line."""

import math

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped, TransformStamped
from nav_msgs.msg import Odometry
from rclpy.qos import QoSProfile
from std_msgs.msg import String
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster

from autoseg3d_ros.messages import stamp_from_ns
from autoseg3d_ros.node_config import InputConfig, NodeConfig
from autoseg3d_ros.pose_source import PoseSource

SECOND = 10**9


class Log:
    def __init__(self):
        self.lines = []
        self.warning = self.error = self.info = self.lines.append


def pose_message(kind, seconds, x, yaw=0.0, frame_id="odom", child="base_link"):
    message = kind()
    message.header.frame_id, message.header.stamp = frame_id, stamp_from_ns(int(seconds * SECOND))
    pose = message.pose if kind is PoseStamped else message.pose.pose
    pose.position.x = float(x)
    pose.orientation.z, pose.orientation.w = math.sin(yaw / 2), math.cos(yaw / 2)
    if kind is Odometry:
        message.child_frame_id = child
    return message


def mounted(child="camera", parent="base_link", z=1.0):
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.transform.translation.z, message.transform.rotation.w = z, 1.0
    return message


class Bench:
    """A pose topic and what listens to it."""

    def __init__(self, node, spin_until, monkeypatch, topic="/odom", frame="", **config):
        self.log = Log()
        monkeypatch.setattr(node, "get_logger", lambda: self.log)
        self.node, self._spin = node, spin_until
        self.config = NodeConfig(input=InputConfig(pose_topic=topic, pose_frame=frame), **config)
        self.poses = PoseSource(node, self.config)
        self.publishers = {}

    def send(self, *messages, topic="/odom"):
        kind = type(messages[0])
        if (kind, topic) not in self.publishers:
            self.publishers[kind, topic] = self.node.create_publisher(kind, topic, QoSProfile(depth=50))
        publisher = self.publishers[kind, topic]
        assert self.wait(publisher.get_subscription_count)
        for message in messages:
            publisher.publish(message)

    def wait(self, condition, timeout_s=5.0):
        return self._spin([self.node], condition, timeout_s)

    def knows(self, stamp_ns, source="camera", target="odom"):
        return lambda: self.poses.pose_at(target, source, stamp_ns) is not None


@pytest.fixture
def make_bench(node, spin_until, monkeypatch):
    made = []

    def make(**options):
        made.append(Bench(node, spin_until, monkeypatch, **options))
        return made[-1]

    yield make
    for bench in made:
        bench.poses.close()


@pytest.mark.parametrize("kind", [Odometry, PoseStamped, PoseWithCovarianceStamped])
def test_poses_of_each_type_are_interpolated_by_stamp(make_bench, kind):
    bench = make_bench()
    bench.send(
        pose_message(kind, 1, 0.0, child="camera"), pose_message(kind, 2, 4.0, math.pi / 2, child="camera")
    )
    assert bench.wait(bench.knows(2 * SECOND))
    pose = bench.poses.pose_at("odom", "camera", SECOND * 3 // 2)
    np.testing.assert_allclose(pose[:3, 3], [2, 0, 0], atol=1e-9)
    np.testing.assert_allclose(pose[:2, 0], [math.cos(math.pi / 4), math.sin(math.pi / 4)], atol=1e-9)
    assert bench.poses.pose_at("odom", "camera", 3 * SECOND) is None
    assert bench.poses.lag_ms("odom", "camera", 3 * SECOND) == pytest.approx(1000.0)
    assert bench.poses.origin == "/odom"
    assert bench.poses.problem() == ""


def test_the_camera_on_the_moving_frame_comes_from_static_tf(make_bench, node):
    bench = make_bench()
    StaticTransformBroadcaster(node).sendTransform(mounted())
    bench.send(pose_message(Odometry, 1, 3.0))
    assert bench.wait(bench.knows(SECOND))
    np.testing.assert_allclose(bench.poses.pose_at("odom", "camera", SECOND)[:3, 3], [3, 0, 1])


def test_a_pose_without_a_child_frame_is_that_of_the_named_frame(make_bench, node):
    bench = make_bench(frame="base_link")
    StaticTransformBroadcaster(node).sendTransform(mounted())
    bench.send(pose_message(PoseStamped, 1, 3.0))
    assert bench.wait(bench.knows(SECOND))
    np.testing.assert_allclose(bench.poses.pose_at("odom", "camera", SECOND)[:3, 3], [3, 0, 1])


def test_a_pose_in_no_frame_is_one_in_the_target_frame_slash_or_not(make_bench):
    bench = make_bench(target_frame="/odom")
    bench.send(pose_message(PoseStamped, 1, 3.0, frame_id=""))
    assert bench.wait(bench.knows(SECOND))
    assert bench.poses.pose_at("odom", "camera", SECOND)[0, 3] == pytest.approx(3.0)


def test_tf_of_the_same_frame_is_told_and_left_out(make_bench, node):
    bench = make_bench()
    bench.send(pose_message(Odometry, 1, 3.0, child="camera"))
    assert bench.wait(bench.knows(SECOND))
    tf = TransformBroadcaster(node)
    assert bench.wait(lambda: node.count_subscribers("/tf"))
    wrong = mounted("camera", "map", 7.0)
    wrong.header.stamp = stamp_from_ns(SECOND)
    assert bench.wait(lambda: tf.sendTransform(wrong) or bench.log.lines)
    [line] = bench.log.lines
    assert "TF also moves 'camera' (in 'map'): poses are taken from /odom" in line
    np.testing.assert_allclose(bench.poses.pose_at("odom", "camera", SECOND)[:3, 3], [3, 0, 0])


def test_poses_in_a_second_frame_are_told_and_left_out(make_bench):
    bench = make_bench()
    bench.send(pose_message(Odometry, 1, 3.0, child="camera"))
    bench.send(pose_message(Odometry, 2, 9.0, child="camera", frame_id="map"))
    bench.send(pose_message(Odometry, 3, 5.0, child="camera"))
    assert bench.wait(bench.knows(3 * SECOND))
    [line] = bench.log.lines
    assert "poses come in 'odom' and in 'map'" in line
    assert bench.poses.pose_at("odom", "camera", 2 * SECOND)[0, 3] == pytest.approx(4.0)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: setattr(m.pose.pose.position, "y", math.nan),
        lambda m: setattr(m.pose.pose.orientation, "w", 0.0),
        lambda m: setattr(m.header, "stamp", stamp_from_ns(0)),
    ],
    ids=["position", "orientation", "stamp"],
)
def test_an_unusable_pose_is_told_and_left_out(make_bench, spoil):
    bench = make_bench()
    message = pose_message(Odometry, 1, 3.0, child="camera")
    spoil(message)
    bench.send(message)
    assert bench.wait(lambda: bench.log.lines)
    assert "/odom" in bench.log.lines[0]
    assert "ignored" in bench.log.lines[0]
    assert "no usable pose" in bench.poses.problem()


def test_a_topic_that_nobody_publishes_or_of_another_type_is_a_problem_with_its_remedy(make_bench, node):
    bench = make_bench(topic="poses")
    assert "nobody publishes /poses" in bench.poses.problem()
    node.create_publisher(String, "/poses", 1)
    assert bench.wait(lambda: "std_msgs/msg/String" in bench.poses.problem())
    assert "nav_msgs/msg/Odometry" in bench.poses.problem()
