"""Hears /tf and /tf_static in batches: a robot may send thousands of transforms per second.

An executor would wait, wake up and make Python messages for each of them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import tf2_ros
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from tf2_msgs.msg import TFMessage

from autoseg3d_ros.transform_bytes import TransformBytes

KEPT, STATIC_KEPT = 1000, 100
"""Messages that the middleware keeps until they are read: a second at 1 kHz; and of each static publisher."""
AUTHORITY = "default_authority"


class Unspun(CallbackGroup):
    """Keeps what belongs to it out of every executor: it is read by hand."""

    def can_execute(self, entity: Any) -> bool:
        """Tell the executor to leave it."""
        return False

    def beginning_execution(self, entity: Any) -> bool:
        """Tell the executor to leave it."""
        return False

    def ending_execution(self, entity: Any) -> None:
        """Never called."""


class TransformReader:
    """Fills a buffer with the transforms that have come, whenever it is told to `read`; by any thread."""

    def __init__(self, node: Node, buffer: tf2_ros.Buffer) -> None:
        self._node, self._buffer = node, buffer
        self._lock = threading.Lock()
        self._bytes = TransformBytes()
        latched = QoSProfile(depth=STATIC_KEPT, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._moving = self._listen("/tf", QoSProfile(depth=KEPT))
        self._static = self._listen("/tf_static", latched)

    def read(self) -> None:
        """Add all transforms that have come since the last time."""
        with self._lock:
            for data in _taken(self._static, STATIC_KEPT):
                for transform in deserialize_message(data, TFMessage).transforms:
                    self._buffer.set_transform_static(transform, AUTHORITY)
            for data in _taken(self._moving, KEPT):
                for transform in self._bytes.transforms(data):
                    self._buffer.set_transform(transform, AUTHORITY)

    def _listen(self, topic: str, qos: QoSProfile) -> Subscription:
        return self._node.create_subscription(
            TFMessage, topic, lambda data: None, qos, callback_group=Unspun(), raw=True
        )


def _taken(subscription: Subscription, most: int) -> Iterator[bytes]:
    """Take serialised messages that wait."""
    with subscription.handle:
        for _ in range(most):
            taken = subscription.handle.take_message(TFMessage, True)
            if taken is None:
                return
            yield taken[0]
