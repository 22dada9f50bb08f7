"""A node that plays any sequence (simulation, bag, folder) as an RGB-D camera with TF.

ros2 run autoseg3d simulated_camera --ros-args -p source:=simulation:5000 -p rate_hz:=10.0 -p loop:=true
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from tf2_ros import TransformBroadcaster

from autoseg3d_core.config import ConfigError, setting
from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.structures import CameraIntrinsics, Frame, InputError
from autoseg3d_ros.messages import image_message, pose_message, stamp_from_ns
from autoseg3d_ros.parameters import declare_all
from autoseg3d_ros.process import ros_process, spin

MILLIMETRES = 1000.0
LARGEST_DEPTH = 65535


@dataclass(frozen=True)
class CameraConfig:
    """What is played, and how."""

    source: str = setting("simulation:5000", "a bag, a folder of posed images, or simulation:SEED")
    rate_hz: float = setting(10.0, "frames per second", unit="Hz", low=0.1, high=1000.0)
    loop: bool = setting(False, "start again at the end")
    recorded_stamps: bool = setting(False, "publish the recorded stamps instead of the current time")
    wait_for_listener: bool = setting(True, "start only when someone subscribes to the colour image")
    world_frame: str = setting("odom", "TF frame that the poses refer to")
    camera_frame: str = setting("camera_color_optical_frame", "frame_id of the images")
    tf_delay_s: float = setting(0.0, "publish each pose this long after its image", unit="s", low=0.0)


def camera_info(header: Header, camera: CameraIntrinsics) -> CameraInfo:
    """Return a pinhole camera without distortion as CameraInfo."""
    fx, fy, cx, cy = map(float, (camera.fx, camera.fy, camera.cx, camera.cy))
    return CameraInfo(
        header=header,
        width=camera.width,
        height=camera.height,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def camera_messages(frame: Frame, header: Header) -> tuple[Image, Image, CameraInfo]:
    """Return a frame as colour (rgb8), depth (16UC1, millimetres) and camera info."""
    millimetres = np.clip(frame.depth * MILLIMETRES + 0.5, 0, LARGEST_DEPTH).astype(np.uint16)
    return (
        image_message(header, "rgb8", frame.rgb),
        image_message(header, "16UC1", millimetres),
        camera_info(header, frame.camera),
    )


def transform_message(header: Header, child: str, pose: np.ndarray) -> TransformStamped:
    """Return a pose as the transform from a child frame to the header's."""
    message = TransformStamped(header=header, child_frame_id=child)
    at = pose_message(pose)
    move = message.transform.translation
    move.x, move.y, move.z = at.position.x, at.position.y, at.position.z
    message.transform.rotation = at.orientation
    return message


class SimulatedCamera(Node):
    """Publishes one frame per tick of its timer, and calls `when_finished` after the last."""

    def __init__(self, sequence: RgbdSequence | None = None, **node_options: Any) -> None:
        super().__init__("simulated_camera", **node_options)
        self.config = declare_all(self, CameraConfig())
        self._sequence = sequence if sequence is not None else open_source(self.config.source)
        qos = QoSProfile(
            depth=5, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE
        )
        self._color = self.create_publisher(Image, "rgb/image", qos)
        self._depth = self.create_publisher(Image, "depth/image", qos)
        self._info = self.create_publisher(CameraInfo, "rgb/camera_info", qos)
        self._broadcaster = TransformBroadcaster(self)
        self._index = 0
        self.when_finished: Callable[[], None] = lambda: None
        self._timer = self.create_timer(1 / self.config.rate_hz, self._publish_next)
        self.get_logger().info(f"{len(self._sequence)} frames of {self._sequence.name}")

    def _publish_next(self) -> None:
        if self._index == 0 and self.config.wait_for_listener and not self._color.get_subscription_count():
            return
        if self._index >= len(self._sequence):
            self._finish()
            return
        frame = self._sequence[self._index]
        self._index += 1
        if self.config.loop and self._index == len(self._sequence):
            self._index = 0
        now_ns = self.get_clock().now().nanoseconds
        stamp = stamp_from_ns(frame.stamp_ns if self.config.recorded_stamps else now_ns)
        self._send_pose(Header(stamp=stamp, frame_id=self.config.world_frame), frame.world_from_camera)
        header = Header(stamp=stamp, frame_id=self.config.camera_frame)
        for publisher, message in zip(
            (self._color, self._depth, self._info), camera_messages(frame, header), strict=True
        ):
            publisher.publish(message)

    def _send_pose(self, header: Header, pose: np.ndarray) -> None:
        message = transform_message(header, self.config.camera_frame, pose)
        if self.config.tf_delay_s == 0:
            self._broadcaster.sendTransform(message)
            return

        def send_once() -> None:
            timer.cancel()
            self.destroy_timer(timer)
            self._broadcaster.sendTransform(message)

        timer = self.create_timer(self.config.tf_delay_s, send_once)

    def _finish(self) -> None:
        self._timer.cancel()
        self.get_logger().info("the sequence has ended")
        self.when_finished()


def open_source(source: str) -> RgbdSequence:
    """Return the frames of a source."""
    from autoseg3d_core.cli.source import open_source as open_any

    return open_any(source)


def main(args: list[str] | None = None) -> None:
    """Play until the sequence ends or a signal ends the process."""
    code = 0
    with ros_process(args) as ending:
        try:
            node = SimulatedCamera()
        except (InputError, ConfigError, ImportError) as error:
            get_logger("simulated_camera").fatal(str(error))
            code = 1
        else:
            node.when_finished = ending.ask
            executor = SingleThreadedExecutor(context=node.context)
            executor.add_node(node)
            spin(executor, ending)
            node.destroy_node()
    sys.exit(code)


if __name__ == "__main__":
    main()
