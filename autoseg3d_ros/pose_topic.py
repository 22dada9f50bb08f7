"""Poses of a topic (odometry, motion capture, visual SLAM) as transforms of a TF buffer.

There they are interpolated by stamp and chained with the robot's other transforms like those of TF.
"""

from __future__ import annotations

import math
from typing import Any, Protocol, runtime_checkable

from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped, TransformStamped
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from autoseg3d_ros.conversions import stamp_to_ns
from autoseg3d_ros.node_config import NodeConfig
from autoseg3d_ros.throttled_log import ThrottledLog

CAMERA = "camera of input.pose_topic"
"""What a pose without a child frame moves: the colour camera, whatever its frame is called."""
LOOK_S = 0.5
KEPT = 200
TYPES = {
    "nav_msgs/msg/Odometry": Odometry,
    "geometry_msgs/msg/PoseStamped": PoseStamped,
    "geometry_msgs/msg/PoseWithCovarianceStamped": PoseWithCovarianceStamped,
}
UNIT_TOLERANCE = 0.1


@runtime_checkable
class GivenPoses(Protocol):
    """Whoever takes the poses; a TF buffer."""

    contested: Any

    def give(self, transform: TransformStamped) -> None:
        """Take the pose of a frame."""
        ...


class PoseTopic:
    """Listens to the pose topic, whose type is that of its publisher, and gives each pose to a buffer.

    `node` names the topic and logs; `listener` is the node whose thread receives. One source of poses is
    used: a second publisher, a second parent frame and TF for the same frame are told and left out.
    """

    def __init__(self, node: Node, listener: Node, config: NodeConfig, buffer: GivenPoses) -> None:
        self.name = node.resolve_topic_name(config.input.pose_topic)
        self._config, self._listener, self._buffer = config, listener, buffer
        self._log = ThrottledLog(node.get_logger(), config.diagnostics.repeat_s)
        self._parent = ""
        self._type = ""
        self._wrong_types: list[str] = []
        self._is_unusable = False
        buffer.contested = self._on_contested
        self._timer = listener.create_timer(LOOK_S, self._look)
        self._look()

    def problem(self) -> str:
        """Return why no pose has come and what to do, empty when some have come."""
        if self._parent:
            return ""
        if self._wrong_types and not self._type:
            return f"{self.name} is {', '.join(self._wrong_types)}: input.pose_topic takes {', '.join(TYPES)}"
        if not self._type:
            return f"nobody publishes {self.name}: check input.pose_topic, or leave it empty to use TF"
        if self._is_unusable:
            return f"{self.name} sends no usable pose: check stamp, position and orientation"
        return f"no pose has come on {self.name} (input.pose_topic)"

    def _look(self) -> None:
        """Subscribe once somebody publishes poses, and tell whether there is more than one."""
        found = self._listener.get_publishers_info_by_topic(self.name)
        self._wrong_types = sorted({p.topic_type for p in found} - TYPES.keys())
        if len(found) > 1:
            self._log.warning(
                "several",
                f"{self.name} has {len(found)} publishers, whose poses may contradict each other: keep one",
            )
        known = [p.topic_type for p in found if p.topic_type in TYPES]
        if known and not self._type:
            self._type = known[0]
            qos = QoSProfile(depth=KEPT, reliability=ReliabilityPolicy.BEST_EFFORT)
            self._listener.create_subscription(TYPES[self._type], self.name, self._on_pose, qos)

    def _on_pose(self, message: Any) -> None:
        transform = self._transform(message)
        if transform is None:
            self._is_unusable = True
            self._log.error(
                "unusable",
                f"{self.name}: a pose whose stamp is zero, whose position is not finite or whose orientation "
                "is no unit quaternion is ignored: mend its publisher",
            )
            return
        parent = transform.header.frame_id
        if self._parent and parent != self._parent:
            self._log.warning(
                "parents",
                f"{self.name}: poses come in {self._parent!r} and in {parent!r}: the latter are ignored; "
                "keep one publisher",
            )
            return
        self._parent = parent
        self._buffer.give(transform)

    def _transform(self, message: Any) -> TransformStamped | None:
        """Return a pose as a transform, None when it cannot be used."""
        pose = message.pose.pose if hasattr(message.pose, "pose") else message.pose
        at, turn = pose.position, pose.orientation
        norm = math.hypot(turn.x, turn.y, turn.z, turn.w)
        is_finite = all(map(math.isfinite, (at.x, at.y, at.z, norm)))
        if not is_finite or abs(norm - 1) > UNIT_TOLERANCE or stamp_to_ns(message.header.stamp) == 0:
            return None
        child = self._config.input.pose_frame or getattr(message, "child_frame_id", "")
        result = TransformStamped(header=message.header, child_frame_id=child.lstrip("/") or CAMERA)
        result.header.frame_id = (message.header.frame_id or self._config.world).lstrip("/")
        move, rotation = result.transform.translation, result.transform.rotation
        move.x, move.y, move.z = at.x, at.y, at.z
        rotation.x, rotation.y, rotation.z, rotation.w = (v / norm for v in (turn.x, turn.y, turn.z, turn.w))
        return result

    def _on_contested(self, transform: Any) -> None:
        self._log.warning(
            "contested",
            f"TF also moves {transform.child_frame_id!r} (in {transform.header.frame_id!r}): poses are taken "
            f"from {self.name}; empty input.pose_topic to use TF",
        )
