"""A camera and its TF that go wrong in every way that users have reported, at random but by a seed."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import cv2
import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from tf2_ros import TransformBroadcaster

from autoseg3d_core.structures import Frame
from autoseg3d_ros.messages import image_message, stamp_from_ns
from autoseg3d_ros.simulated_camera import camera_messages, transform_message

SECOND = 10**9
CAMERA = "camera"
OFTEN, SELDOM, RARE = 0.05, 0.02, 0.004
"""How likely a fault is for each frame."""
COLORS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "rgb8": lambda rgb: rgb,
    "bgr8": lambda rgb: rgb[..., ::-1],
    "rgba8": lambda rgb: cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA),
    "mono8": lambda rgb: cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY),
}


class FaultyCamera:
    """Sends one frame after the other, over and over; `sent` knows when, by stamp."""

    def __init__(self, node: Node, frames: Sequence[Frame], seed: int) -> None:
        self._frames, self._random = frames, Random(seed)
        qos = QoSProfile(depth=10)
        self._publishers = [
            node.create_publisher(kind, topic, qos)
            for kind, topic in ((Image, "rgb/image"), (Image, "depth/image"), (CameraInfo, "rgb/camera_info"))
        ]
        self._tf = TransformBroadcaster(node)
        self._late: list[tuple[float, int, list[TransformStamped]]] = []
        self._behind_ns = self._count = 0
        self._correction = np.eye(4)
        self.faults: dict[str, int] = {}
        self.sent: dict[int, float] = {}

    def is_heard(self) -> bool:
        """Tell whether the node listens to the images."""
        return all(publisher.get_subscription_count() for publisher in self._publishers)

    def send_next(self) -> None:
        """Send a frame, with whatever goes wrong."""
        frame = self._frames[self._count % len(self._frames)]
        self._count += 1
        self._move_clock_and_world()
        stamp_ns = 0 if self._is("zero stamp", RARE) else time.time_ns() - self._behind_ns
        self._send_poses(frame, stamp_ns)
        header = Header(stamp=stamp_from_ns(stamp_ns), frame_id=CAMERA)
        messages = self._spoilt(frame, list(camera_messages(frame, header)))
        for publisher, message in zip(self._publishers, messages, strict=True):
            if not self._is("lost message", SELDOM):
                publisher.publish(message)
        self.sent[stamp_ns] = time.monotonic()
        if len(self.sent) > 1000:
            del self.sent[next(iter(self.sent))]

    def send_late_poses(self) -> None:
        """Send the poses that were held back and are due."""
        while self._late and self._late[0][0] <= time.monotonic():
            self._tf.sendTransform(heapq.heappop(self._late)[2])

    def _is(self, fault: str, likely: float) -> bool:
        happens = self._random.random() < likely
        if happens:
            self.faults[fault] = self.faults.get(fault, 0) + 1
        return happens

    def _move_clock_and_world(self) -> None:
        if self._is("small step of the clock back", RARE):
            self._behind_ns += SECOND // 5
        if self._is("clock starts again", RARE):
            self._behind_ns += 60 * SECOND
        if self._is("correction of localisation", RARE):
            self._correction[:2, 3] = [self._random.uniform(-2, 2) for _ in range(2)]

    def _send_poses(self, frame: Frame, stamp_ns: int) -> None:
        if self._is("lost pose", SELDOM):
            return

        def sent(parent: str, child: str, pose: np.ndarray) -> TransformStamped:
            return transform_message(Header(stamp=stamp_from_ns(stamp_ns), frame_id=parent), child, pose)

        poses = [sent("map", "odom", self._correction), sent("odom", CAMERA, frame.world_from_camera)]
        if self._is("late pose", OFTEN):
            due = time.monotonic() + self._random.uniform(0.05, 0.6)
            heapq.heappush(self._late, (due, self._count, poses))
        else:
            self._tf.sendTransform(poses)

    def _spoilt(self, frame: Frame, messages: list[Any]) -> list[Any]:
        color, depth, info = messages
        encoding = self._random.choice(list(COLORS))
        color = image_message(color.header, encoding, np.ascontiguousarray(COLORS[encoding](frame.rgb)))
        if self._random.random() < 0.5:
            depth = image_message(depth.header, "32FC1", frame.depth)
        if self._is("unknown encoding", RARE):
            color.encoding = "nonsense"
        if self._is("image cut short", RARE):
            depth.data = depth.data[: len(depth.data) // 2]
        if self._is("calibration without focal length", RARE):
            info.k, info.p = np.zeros(9), np.zeros(12)
        if self._is("depth without readings", RARE):
            depth = image_message(depth.header, "16UC1", np.zeros(frame.depth.shape, np.uint16))
        if self._is("grey image", RARE):
            color = image_message(color.header, "rgb8", np.full_like(frame.rgb, 128))
        return [color, depth, info]
