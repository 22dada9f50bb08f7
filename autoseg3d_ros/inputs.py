"""What the node listens to: a topic, type and QoS per input, and the camera's calibration as it comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from autoseg3d_ros.conversions import stamp_to_ns
from autoseg3d_ros.input_report import CALIBRATION, COLOR
from autoseg3d_ros.node_config import NodeConfig

CALIBRATIONS_KEPT = 10
LOOK_FOR_LATCHED_S = 0.5


def input_qos() -> QoSProfile:
    """Return what matches any camera driver and never slows one down."""
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)


def is_only_latched(node: Node, topic: str) -> bool:
    """Tell whether a topic has publishers that keep their messages for late subscribers, and no others."""
    publishers = node.get_publishers_info_by_topic(topic)
    return bool(publishers) and all(
        p.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in publishers
    )


def latched_qos() -> QoSProfile:
    """Return what also hears a message that was sent once, before we listened."""
    return QoSProfile(
        depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
    )


@dataclass(frozen=True)
class Subscription:
    """What one input listens to: the topic as resolved and its message type."""

    role: str
    topic: str
    message_type: type


def subscriptions(node: Node, config: NodeConfig) -> tuple[Subscription, ...]:
    """Return topic and type per input, with the transports' suffixes.

    As in image_transport it is the image's own topic that is remapped, and its transports go with it.
    """
    transports = {"raw": ("", Image), "compressed": ("/compressed", CompressedImage)}
    transports["compressedDepth"] = ("/compressedDepth", CompressedImage)
    color_suffix, color_type = transports[config.input.color_transport]
    depth_suffix, depth_type = transports[config.input.depth_transport]
    return (
        Subscription(COLOR, node.resolve_topic_name(config.topics.color) + color_suffix, color_type),
        Subscription("depth", node.resolve_topic_name(config.topics.depth) + depth_suffix, depth_type),
        Subscription(CALIBRATION, config.topics.camera_info, CameraInfo),
        *((Subscription("masks", config.topics.masks, Image),) if config.topics.masks else ()),
    )


class CalibrationGate:
    """Keeps the last calibrations of the camera: sent with every image, now and then, or once and latched.

    `heard` is called after each new one. A calibration needs no stamp. `comes_with_images` tells whether the
    last image had one of its own stamp.
    """

    zero_stamps = 0

    def __init__(self, topic: str, heard: Callable[[], None]) -> None:
        self.topic = topic
        self.received = 0
        self.comes_with_images = False
        self._heard = heard
        self._kept: deque[Any] = deque(maxlen=CALIBRATIONS_KEPT)

    @property
    def stamps_ns(self) -> list[int]:
        """The stamps of the calibrations kept, oldest first."""
        return [stamp_to_ns(message.header.stamp) for message in self._kept]

    def accept(self, message: Any) -> None:
        """Take a message; one that two subscriptions hear counts once."""
        if self._kept and message == self._kept[-1]:
            return
        self.received += 1
        self._kept.append(message)
        self._heard()

    def for_image(self, stamp_ns: int) -> Any | None:
        """Return the calibration whose stamp is nearest to an image's, None before the first has come."""
        return min(
            reversed(self._kept),
            key=lambda message: abs(stamp_to_ns(message.header.stamp) - stamp_ns),
            default=None,
        )


class LatchedListener:
    """Asks for a calibration that was sent before we came, where all publishers keep theirs.

    Others would warn of a subscription that does not fit them.
    """

    def __init__(self, node: Node, gate: CalibrationGate) -> None:
        self._node, self._gate = node, gate
        self._subscription: Any = None
        self._timer = node.create_timer(LOOK_FOR_LATCHED_S, self._look)

    def close(self) -> None:
        """Stop listening."""
        self._node.destroy_timer(self._timer)
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)

    def _look(self) -> None:
        if self._gate.received:
            self._timer.cancel()
        elif self._subscription is None and is_only_latched(self._node, self._gate.topic):
            self._subscription = self._node.create_subscription(
                CameraInfo, self._gate.topic, self._gate.accept, latched_qos()
            )
