"""Transforms read in batches from bytes are those that a listener of tf2 hears one by one."""

import random
import struct

import pytest
import tf2_ros
from geometry_msgs.msg import TransformStamped
from rclpy.serialization import serialize_message
from rclpy.time import Time
from tf2_msgs.msg import TFMessage

from autoseg3d_ros.messages import stamp_from_ns
from autoseg3d_ros.tf_reader import TransformReader
from autoseg3d_ros.transform_bytes import TransformBytes

NAMES = ["", "a", "ab", "abc", "odom", "base_link", "/slash", "gelenk_ä", "x" * 40]


def transform(stamp_ns, parent="odom", child="camera", numbers=(0, 0, 0, 0, 0, 0, 1)):
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id, message.header.stamp = parent, stamp_from_ns(stamp_ns)
    at, turn = message.transform.translation, message.transform.rotation
    at.x, at.y, at.z, turn.x, turn.y, turn.z, turn.w = map(float, numbers)
    return message


def made_up(random):
    numbers = [random.uniform(-1e3, 1e3) for _ in range(7)]
    return transform(random.randrange(2**31 * 10**9), random.choice(NAMES), random.choice(NAMES), numbers)


@pytest.mark.parametrize("seed", range(20))
def test_bytes_are_read_as_rclpy_reads_them(seed):
    chance = random.Random(seed)
    reader = TransformBytes()
    for _ in range(10):
        sent = [made_up(chance) for _ in range(chance.randrange(6))]
        data = serialize_message(TFMessage(transforms=sent))
        count = 0
        for found, expected in zip(reader.transforms(data), sent, strict=True):
            assert found == expected
            count += 1
        assert count == len(sent)


def test_bytes_of_the_other_order_are_left_to_rclpy():
    numbers = (1, 2, 3, 0, 0, 0, 1)
    names = struct.pack(">I5s3xI7sx", 5, b"odom\0", 7, b"camera\0")
    data = b"\0\0\0\0" + struct.pack(">IiI", 1, 7, 5) + names
    data += b"\0" * ((4 - len(data)) % 8) + struct.pack(">7d", *numbers)
    [found] = TransformBytes().transforms(data)
    assert found == transform(7_000_000_005, numbers=numbers)


def test_a_batch_is_what_a_listener_hears(node, spin_until):
    chance = random.Random(0)
    heard, read = tf2_ros.Buffer(), tf2_ros.Buffer()
    listener = tf2_ros.TransformListener(heard, node)
    reader = TransformReader(node, read)
    publisher = node.create_publisher(TFMessage, "/tf", 1000)
    assert spin_until([node], lambda: publisher.get_subscription_count() == 2)
    end_ns = 300 * 10**6
    for stamp_ns in range(10**6, end_ns + 1, 10**6):
        place = [chance.uniform(-5, 5) for _ in range(3)]
        arm = transform(stamp_ns, "camera", "arm", (*place, 0, 0, 0.6, 0.8))
        publisher.publish(TFMessage(transforms=[transform(stamp_ns, numbers=(*place, 0, 0, 0, 1)), arm]))
        if stamp_ns % (50 * 10**6) == 0:  # tf2's listener keeps a hundred
            now = "odom", "arm", Time(nanoseconds=stamp_ns)
            assert spin_until([node], lambda now=now: heard.can_transform(*now))
    assert not read.can_transform("odom", "arm", Time()), "nobody has told it to read"
    reader.read()
    for _ in range(50):
        time = Time(nanoseconds=chance.randrange(10**6, end_ns))
        assert read.lookup_transform("odom", "arm", time) == heard.lookup_transform("odom", "arm", time)
    assert listener.buffer is heard


def test_static_transforms_from_before_are_read(node, spin_until):
    sender = tf2_ros.StaticTransformBroadcaster(node)
    sender.sendTransform([transform(0), transform(0, "camera", "eye")])
    buffer = tf2_ros.Buffer()
    reader = TransformReader(node, buffer)

    def is_known():
        reader.read()
        return buffer.can_transform("odom", "eye", Time(nanoseconds=5))

    assert spin_until([node], is_known)
