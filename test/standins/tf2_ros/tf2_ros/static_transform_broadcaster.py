"""Sends transforms that hold at any time."""

from __future__ import annotations

from collections.abc import Iterable

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from tf2_msgs.msg import TFMessage


class StaticTransformBroadcaster:
    """Publishes all transforms so far on /tf_static, for late listeners too.

    A second transform of the same child is dropped, as Jazzy and Kilted do; Lyrical replaces the first,
    and Humble sends the transforms of the last call only.
    """

    def __init__(self, node: Node, qos: QoSProfile | int | None = None) -> None:
        latched = QoSProfile(
            depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL, history=HistoryPolicy.KEEP_LAST
        )
        self.pub_tf = node.create_publisher(TFMessage, "/tf_static", latched if qos is None else qos)
        self.net_message = TFMessage()

    def sendTransform(self, transform: TransformStamped | Iterable[TransformStamped]) -> None:  # noqa: N802
        """Send one transform or several, and again all before."""
        several = [transform] if isinstance(transform, TransformStamped) else list(transform)
        sent = {message.child_frame_id for message in self.net_message.transforms}
        for message in several:
            if message.child_frame_id not in sent:
                sent.add(message.child_frame_id)
                self.net_message.transforms.append(message)
        self.pub_tf.publish(self.net_message)
