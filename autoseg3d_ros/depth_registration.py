"""Depth of another camera than colour's: when it has to be reprojected, with which calibration and place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo

from autoseg3d_ros.conversions import ALIGNMENT_ADVICE, DepthCamera, stamp_to_ns
from autoseg3d_ros.inputs import CalibrationGate, LatchedListener, input_qos
from autoseg3d_ros.node_config import NodeConfig

PoseBetween = Callable[[str, str, int], Float64[np.ndarray, "4 4"] | None]
"""Where the second frame is in the first at a stamp, None while unknown."""


@dataclass(frozen=True)
class _Frames:
    color: str
    depth: str


class DepthRegistration:
    """Knows the depth camera once images ask for it; listens to its calibration only then."""

    def __init__(
        self, node: Node, config: NodeConfig, between: PoseBetween, heard: Callable[[], None]
    ) -> None:
        self._node, self._config, self._between, self._heard = node, config, between, heard
        self.topic = _calibration_topic(node, config)
        self._gate: CalibrationGate | None = None
        self._subscriptions: list[Any] = []
        self._latched: LatchedListener | None = None

    def is_needed(self, color: Any, depth: Any) -> bool:
        """Tell whether depth is from another place or of another size than the colour image."""
        if self._config.depth.registration == "none":
            return False
        frames = _frames(color, depth)
        if frames.depth and frames.color != frames.depth:
            is_other = True
        else:
            is_other = _size(color) is not None and _size(depth) is not None and _size(color) != _size(depth)
        if is_other and self._gate is None:
            self._listen(frames)
        return is_other

    def camera(self, color: Any, depth: Any) -> DepthCamera | None:
        """Return the depth camera at the depth image's stamp, None while it is unknown."""
        stamp_ns, frames = stamp_to_ns(depth.header.stamp), _frames(color, depth)
        info = self._gate.for_image(stamp_ns) if self._gate else None
        place = self._between(frames.color, frames.depth or frames.color, stamp_ns)
        return None if info is None or place is None else DepthCamera(info, place, self.topic)

    def problem(self, color: Any, depth: Any) -> str:
        """Return why the depth camera is unknown, and what to do."""
        frames = _frames(color, depth)
        if self._gate is None or not self._gate.received:
            why = f"no calibration of it has come on {self.topic} (topics.depth_camera_info)"
        else:
            why = f"TF does not connect {frames.depth!r} to {frames.color!r}"
        return (
            f"depth ({frames.depth!r}) is not of the colour camera ({frames.color!r}), and {why}: "
            f"set depth.registration to none if it is registered all the same; {ALIGNMENT_ADVICE}"
        )

    def close(self) -> None:
        """Stop listening."""
        if self._latched is not None:
            self._latched.close()
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _listen(self, frames: _Frames) -> None:
        self._gate = CalibrationGate(self.topic, self._heard)
        self._subscriptions.append(
            self._node.create_subscription(CameraInfo, self.topic, self._gate.accept, input_qos())
        )
        self._latched = LatchedListener(self._node, self._gate)
        self._node.get_logger().info(
            f"depth is reprojected from {frames.depth!r} to {frames.color!r} with {self.topic}; "
            "set depth.registration to none if it is registered already"
        )


def _calibration_topic(node: Node, config: NodeConfig) -> str:
    """Return the topic of depth's calibration: as told, or beside the depth image, where drivers put it."""
    if config.topics.depth_camera_info:
        return node.resolve_topic_name(config.topics.depth_camera_info)
    return node.resolve_topic_name(config.topics.depth).rsplit("/", 1)[0] + "/camera_info"


def _frames(color: Any, depth: Any) -> _Frames:
    return _Frames(color.header.frame_id.lstrip("/"), depth.header.frame_id.lstrip("/"))


def _size(image: Any) -> tuple[int, int] | None:
    """Return the size of a raw image, None for a compressed one."""
    return (image.width, image.height) if hasattr(image, "width") else None
