"""The camera's pose at an image's stamp, from TF or a pose topic, received on a node and thread of its own.

A listener in the main node would starve behind image callbacks, and the other way round.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import rclpy
import tf2_ros
import yaml
from jaxtyping import Float64
from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.time import Time

from autoseg3d_ros.conversions import pose_from_transform, stamp_to_ns
from autoseg3d_ros.node_config import NodeConfig
from autoseg3d_ros.pose_topic import CAMERA, PoseTopic

JUMP_NS = 500_000_000
"""A transform that steps back by more is a new start of time, not disorder between publishers."""
SAME_JUMP_S = 2.0
"""Images and transforms that start again within this time do so for one and the same reason."""


class LoopingBuffer(tf2_ros.Buffer):
    """A TF buffer that empties itself when the stamps of a transform start again.

    The original ignores transforms older than its cache, so that after a long bag's end its second loop
    has no poses at all. Static transforms stay; the original forgets them too since Lyrical, and nobody
    sends them twice.

    The pose of `given_child` is not taken from TF but from `give`; `contested` hears of transforms on TF that
    would move it.
    """

    def __init__(self, cache_s: float, node: Node) -> None:
        self._newest_ns: dict[str, int] = {}
        self._static: dict[str, tuple[Any, str]] = {}  # by child frame: transform, authority
        self._cleared_at = -SAME_JUMP_S
        self.given_child = ""
        self.contested: Callable[[Any], None] = lambda transform: None
        super().__init__(Duration(nanoseconds=int(cache_s * 1e9)), node)

    def set_transform(self, transform: Any, authority: str) -> None:
        """Add a transform, as the listener does."""
        if transform.child_frame_id.lstrip("/") == self.given_child:
            self.contested(transform)
            return
        self._add(transform, authority)

    def give(self, transform: Any) -> None:
        """Add a transform of a pose topic; it alone says where its child is from here on."""
        self.given_child = transform.child_frame_id
        self._add(transform, "pose topic")

    def _add(self, transform: Any, authority: str) -> None:
        child, stamp_ns = transform.child_frame_id, stamp_to_ns(transform.header.stamp)
        if stamp_ns < self._newest_ns.get(child, stamp_ns) - JUMP_NS:
            self.start_again()
        self._newest_ns[child] = max(stamp_ns, self._newest_ns.get(child, stamp_ns))
        super().set_transform(transform, authority)

    def set_transform_static(self, transform: Any, authority: str) -> None:
        """Add a transform that holds at any time, as the listener does."""
        if transform.child_frame_id.lstrip("/") == self.given_child:
            return
        self._static[transform.child_frame_id] = transform, authority
        super().set_transform_static(transform, authority)

    def clear(self) -> None:
        """Forget all but static transforms; the original calls it too, when its clock jumps back."""
        super().clear()
        for transform, authority in list(self._static.values()):
            super().set_transform_static(transform, authority)

    def start_again(self) -> None:
        """Forget all but static transforms, unless that has just been done."""
        if time.monotonic() - self._cleared_at < SAME_JUMP_S:
            return
        self._cleared_at = time.monotonic()
        self._newest_ns.clear()
        self.clear()


class PoseSource:
    """Answers where the camera was at a stamp, without ever waiting."""

    def __init__(self, node: Node, config: NodeConfig) -> None:
        self._node = _companion(node)
        self._buffer = LoopingBuffer(config.tf.cache_s, self._node)
        self._topic = PoseTopic(node, self._node, config, self._buffer) if config.input.pose_topic else None
        self._listener = tf2_ros.TransformListener(self._buffer, self._node)
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
        try:
            found = self._buffer.lookup_transform(target, source, Time(nanoseconds=stamp_ns))
        except tf2_ros.TransformException:
            return None
        return pose_from_transform(found.transform)

    def lag_ms(self, target: str, source: str, stamp_ns: int) -> float | None:
        """Return how far the newest transform is behind a stamp; None when the frames are not connected."""
        try:
            newest = self._buffer.lookup_transform(target, self._frame(source), Time())
        except tf2_ros.TransformException:
            return None
        return (stamp_ns - stamp_to_ns(newest.header.stamp)) / 1e6

    def known_frames(self) -> list[str]:
        """Return the names of all frames that have been heard of."""
        frames = yaml.safe_load(self._buffer.all_frames_as_yaml()) or {}
        parents = {about["parent"] for about in frames.values()}
        return sorted(parents.union(frames) - {CAMERA})

    def start_again(self) -> None:
        """Forget the poses of before, because image stamps went backwards."""
        self._buffer.start_again()

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
