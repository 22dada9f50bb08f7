"""Plays a rosbag2 recording over DDS with its own clock, as `ros2 bag play --clock` does."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection
from rosgraph_msgs.msg import Clock

from autoseg3d_core.datasets.bag_qos import is_latched
from autoseg3d_core.structures import InputError
from autoseg3d_ros.messages import stamp_from_ns

CLOCK_STEP_S = 0.02


class BagPlayer:
    """Publishes every message of a recording at the recorded pace, and the time as /clock."""

    def __init__(self, node: Node, bag: str | Path, rate: float = 1.0) -> None:
        self._node, self._bag, self._rate = node, Path(bag), rate
        self._clock = node.create_publisher(Clock, "/clock", 10)
        self._publishers: dict[str, Publisher] = {}
        with AnyReader([self._bag]) as reader:
            if not reader.message_count:
                raise InputError(f"{bag}: the recording is empty")
            self.start_ns = reader.start_time
            self.duration_s = reader.duration / 1e9
            for connection in reader.connections:
                self._publishers[connection.topic] = node.create_publisher(
                    message_class(connection.msgtype), connection.topic, _profile(connection)
                )

    @property
    def topics(self) -> list[str]:
        """Return the topics that are played."""
        return sorted(self._publishers)

    def announce(self) -> None:
        """Publish the first moment as /clock, so that nodes on simulated time can start."""
        self._clock.publish(Clock(clock=stamp_from_ns(self.start_ns)))

    def play(self, watch: Callable[[float], None] = lambda seconds: None) -> None:
        """Publish the whole recording; `watch` is called with the seconds played after each message."""
        begin = time.monotonic()
        with AnyReader([self._bag]) as reader:
            for connection, stamp_ns, data in reader.messages():
                played_s = (stamp_ns - self.start_ns) / 1e9
                time.sleep(max(0.0, begin + played_s / self._rate - time.monotonic()))
                self._clock.publish(Clock(clock=stamp_from_ns(stamp_ns)))
                self._publishers[connection.topic].publish(bytes(data))
                watch(played_s)

    def run_on(self, seconds: float) -> None:
        """Let the clock go on after the end, so that what waits for time is done."""
        end_ns = self.start_ns + round(self.duration_s * 1e9)
        begin = time.monotonic()
        while (passed := time.monotonic() - begin) < seconds:
            self._clock.publish(Clock(clock=stamp_from_ns(end_ns + round(passed * self._rate * 1e9))))
            time.sleep(CLOCK_STEP_S)


def message_class(name: str) -> Any:
    """Return the class of a message type such as `sensor_msgs/msg/Image`."""
    package, _, kind = name.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), kind)
    except (ImportError, AttributeError) as error:
        raise InputError(f"message type {name} is not installed: source the workspace that has it") from error


def _profile(connection: Connection) -> QoSProfile:
    """Return what `ros2 bag play` offers: latched where the recorded publishers were, else not."""
    latched = is_latched(connection.ext.offered_qos_profiles)  # type: ignore[union-attr]
    durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
    return QoSProfile(depth=100, durability=durability, reliability=ReliabilityPolicy.RELIABLE)
