"""The camera's pose at an image's stamp, from TF or a pose topic, received on a node and thread of its own.

A listener in the main node would starve behind image callbacks, and the other way round.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import rclpy
import tf2_ros
import yaml
from jaxtyping import Float64
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.time import Time

from autoseg3d_ros.conversions import pose_from_transform, stamp_to_ns
from autoseg3d_ros.node_config import NodeConfig
from autoseg3d_ros.pose_topic import CAMERA, PoseTopic
from autoseg3d_ros.tf_buffer import LoopingBuffer
from autoseg3d_ros.tf_reader import TransformReader

NEWEST = 0
"""The stamp by which a buffer gives its newest transform."""
READ_S = 0.05
"""How often transforms are read while no frame asks for them."""


class PoseSource:
    """Answers where the camera was at a stamp, without ever waiting."""

    def __init__(self, node: Node, config: NodeConfig) -> None:
        self._node = _companion(node)
        odometry = config.tf.odometry_frame.lstrip("/")
        stepping = "" if odometry == config.world else odometry
        self._buffer = LoopingBuffer(config.tf.cache_s, self._node, stepping)
        self._topic = PoseTopic(node, self._node, config, self._buffer) if config.input.pose_topic else None
        self._reader = TransformReader(self._node, self._buffer)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._node.create_timer(READ_S, self._reader.read, clock=steady)
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=_spin, args=(self._executor.spin,), name="tf", daemon=True)
        self._thread.start()

    @property
    def origin(self) -> str:
        """Where the poses come from, for messages: TF, or the name of the topic."""
        return self._topic.name if self._topic else "TF"

    def problem(self) -> str:
        """Return why no pose has come at all and what to do, empty when some have come."""
        return self._topic.problem() if self._topic else ""

    def pose_at(self, target: str, source: str, stamp_ns: int) -> Float64[np.ndarray, "4 4"] | None:
        """Return `target_from_source` at a stamp, or None while TF cannot tell."""
        return self.between(target, self._frame(source), stamp_ns)

    def between(self, target: str, source: str, stamp_ns: int) -> Float64[np.ndarray, "4 4"] | None:
        """Return where one of the robot's frames is in another at a stamp, or None while TF cannot tell."""
        found = self._lookup(target, source, stamp_ns)
        return None if found is None else pose_from_transform(found.transform)

    def lag_ms(self, target: str, source: str, stamp_ns: int) -> float | None:
        """Return how far the newest transform is behind a stamp; None when the frames are not connected."""
        newest = self._lookup(target, self._frame(source), NEWEST)
        return None if newest is None else (stamp_ns - stamp_to_ns(newest.header.stamp)) / 1e6

    def known_frames(self) -> list[str]:
        """Return the names of all frames that have been heard of."""
        self._reader.read()
        frames = yaml.safe_load(self._buffer.all_frames_as_yaml()) or {}
        parents = {about["parent"] for about in frames.values()}
        return sorted(parents.union(frames) - {CAMERA})

    def start_again(self) -> None:
        """Forget the poses of before, because image stamps went backwards; also those not yet read."""
        self._reader.read()
        self._buffer.start_again()

    def _lookup(self, target: str, source: str, stamp_ns: int) -> Any:
        """Return a transform by all that has come so far, None where that does not tell it."""
        self._reader.read()
        try:
            return self._buffer.lookup_transform_core(target, source, Time(nanoseconds=stamp_ns))
        except tf2_ros.TransformException:
            return None

    def _frame(self, source: str) -> str:
        """Return the frame to look up: poses of a topic that names no frame are the camera's own."""
        return CAMERA if self._buffer.given_child == CAMERA else source

    def close(self) -> None:
        """End the thread and destroy the node."""
        self._executor.shutdown(timeout_sec=1.0)
        self._thread.join(timeout=1.0)
        self._node.destroy_node()


def _companion(node: Node) -> Node:
    """Return a bare node beside the given one that hears the same /tf, /tf_static and clock."""
    remappings: list[str] = []
    for topic in ("/tf", "/tf_static"):
        resolved = node.resolve_topic_name(topic)
        remappings += ["-r", f"{topic}:={resolved}"] if resolved != topic else []
    return rclpy.create_node(
        f"{node.get_name()}_tf",
        context=node.context,
        namespace=node.get_namespace(),
        cli_args=["--ros-args", *remappings] if remappings else None,
        use_global_arguments=False,
        enable_rosout=False,
        start_parameter_services=False,
        parameter_overrides=[Parameter("use_sim_time", value=node.get_parameter("use_sim_time").value)],
    )


def _spin(spin: Callable[[], None]) -> None:
    try:
        spin()
    except (ExternalShutdownException, KeyboardInterrupt):
        return  # the process is ending; the main thread cleans up
