"""What the node relies on in tf2's listener and broadcasters: true of the originals and the stand-ins."""

import pytest
import tf2_ros
from geometry_msgs.msg import TransformStamped
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.parameter import Parameter
from rclpy.time import Time
from rosgraph_msgs.msg import Clock

from autoseg3d_ros.messages import stamp_from_ns


def transform(seconds, x, parent="odom", child="camera"):
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp = stamp_from_ns(int(seconds * 1e9))
    message.transform.translation.x = float(x)
    message.transform.rotation.w = 1.0
    return message


def listening_buffer(node):
    buffer = tf2_ros.Buffer()
    buffer.listener = tf2_ros.TransformListener(buffer, node)  # the original hears no more once it is deleted
    return buffer


def x_of(buffer, parent, child, seconds=0):
    found = buffer.lookup_transform(parent, child, Time(nanoseconds=int(seconds * 1e9)))
    return found.transform.translation.x


def test_several_transforms_travel_in_one_message(node, spin_until):
    buffer = listening_buffer(node)
    broadcaster = tf2_ros.TransformBroadcaster(node)
    assert spin_until([node], lambda: node.count_subscribers("/tf") > 0)
    broadcaster.sendTransform([transform(1, 1), transform(1, 2, "camera", "eye")])
    assert spin_until([node], lambda: buffer.can_transform("odom", "eye", Time()))
    assert x_of(buffer, "odom", "eye", 1) == 3
    assert isinstance(buffer.listener.group, ReentrantCallbackGroup)


def test_late_listeners_hear_all_static_transforms_of_one_call(node, spin_until):
    broadcaster = tf2_ros.StaticTransformBroadcaster(node)
    broadcaster.sendTransform([transform(0, 1), transform(0, 2, "camera", "eye")])
    buffer = listening_buffer(node)
    assert spin_until([node], lambda: buffer.can_transform("odom", "eye", Time()))
    assert x_of(buffer, "odom", "eye", 77) == 3


@pytest.mark.parametrize("with_node", [True, False])
def test_a_jump_back_of_the_clock_clears_a_buffer_with_a_node_since_jazzy(node, spin_until, with_node):
    node.set_parameters([Parameter("use_sim_time", value=True)])
    clock = node.create_publisher(Clock, "/clock", 10)
    buffer = tf2_ros.Buffer(None, node) if with_node else tf2_ros.Buffer()

    def show(seconds):
        clock.publish(Clock(clock=stamp_from_ns(seconds * 10**9)))
        assert spin_until([node], lambda: node.get_clock().now().nanoseconds == seconds * 10**9)

    assert spin_until([node], lambda: clock.get_subscription_count() > 0)
    show(100)
    buffer.set_transform(transform(100, 1), "test")
    show(101)
    clock.publish(Clock(clock=stamp_from_ns(100_500_000_000)))
    assert spin_until([node], lambda: node.get_clock().now().nanoseconds == 100_500_000_000)
    assert buffer.can_transform("odom", "camera", Time()), "half a second is no jump"
    show(5)
    is_cleared = with_node and hasattr(tf2_ros.Buffer, "time_jump_callback")
    assert bool(buffer.can_transform("odom", "camera", Time())) is not is_cleared


def test_a_future_is_done_when_the_transform_comes():
    buffer = tf2_ros.Buffer()
    future = buffer.wait_for_transform_async("odom", "camera", Time(nanoseconds=10**9))
    assert not future.done()
    buffer.set_transform(transform(1, 1), "test")
    assert future.done()
