"""Where the camera of a bag is: TF, and beside it odometry or poses, in one tree of frames."""

from __future__ import annotations

from typing import Any

import numpy as np

from autoseg3d_core.datasets.bag_index import BagIndex
from autoseg3d_core.structures import InputError

WORLD_FRAMES = ("map", "odom", "world")
ODOMETRY = "nav_msgs/msg/Odometry"
POSES = {
    ODOMETRY,
    "geometry_msgs/msg/PoseStamped",
    "geometry_msgs/msg/PoseWithCovarianceStamped",
    "geometry_msgs/msg/TransformStamped",
}


class BagPoses:
    """Answers where the colour camera was at a stamp; `guess` says what was taken where TF does not tell.

    `pose_topic` is used besides TF, and wins over it. Without one, odometry is, where TF knows no moving
    frame above the camera and the bag has one such topic. Raises `InputError` where nothing tells.
    """

    def __init__(self, bag: BagIndex, camera: str, pose_topic: str | None, target: str | None) -> None:
        self.tree, self.camera, self.guess = bag.transform_tree(), camera, ""
        self._bag, self._source = bag, bag.path
        if pose_topic is not None:
            self._add(pose_topic)
        elif target is None and self._is_unknown():
            topics = [topic for topic, kind in bag.kinds.items() if kind == ODOMETRY]
            if len(topics) == 1:
                self._add(topics[0])
                self.guess = f"poses: {topics[0]}, as TF does not tell (--topics pose=TOPIC)"
        self.target = target or self._default_target()

    def at(self, stamp_ns: int) -> np.ndarray:
        """Return the camera's pose in the target frame; raises `InputError` with the reason."""
        return self.tree.lookup(self.target, self.camera, stamp_ns)

    def _is_unknown(self) -> bool:
        frames = self.tree.frames
        if self.camera not in frames:
            return True
        above = self.tree.chain(self.camera)
        return self.tree.is_fixed(self.camera) and not any(name in above for name in WORLD_FRAMES)

    def _add(self, topic: str) -> None:
        """Add the poses of a topic: of the frame that a message names, else of the camera itself."""
        kind = self._bag.kinds[topic]
        if kind not in POSES:
            raise InputError(
                f"{self._source}: {topic} is {kind}: name a topic of "
                f"{', '.join(sorted(POSES))}, or leave it out for TF"
            )
        child = ""
        for place in self._bag.messages(topic):
            message = self._bag.read(place)
            at, turn = _position(message)
            child = getattr(message, "child_frame_id", "").lstrip("/")
            parent, moving = message.header.frame_id.lstrip("/"), child or self.camera
            self.tree.add(
                "world" if parent in ("", moving) else parent,
                moving,
                place.stamp_ns,
                np.array([at.x, at.y, at.z]),
                np.array([turn.x, turn.y, turn.z, turn.w]),
            )
        if child and child != self.camera and not self._reaches(child):
            raise InputError(
                f"{self._source}: {topic} gives the pose of {child}, but nothing says where "
                f"{self.camera} is on it: "
                "record /tf_static as well, or name the camera's frame with --camera-frame"
            )

    def _reaches(self, frame: str) -> bool:
        return self.camera in self.tree.frames and frame in self.tree.chain(self.camera)

    def _default_target(self) -> str:
        """Return the well-known world frame above the camera, or else the root of its tree."""
        frames = self.tree.frames
        if not frames:
            raise InputError(
                f"{self._source}: no transforms: record /tf and /tf_static as well, or a topic of poses "
                "(--topics pose=TOPIC)"
            )
        if self.camera not in frames:
            return self.camera
        above = self.tree.chain(self.camera)
        known = next((name for name in WORLD_FRAMES if name in above), None)
        if known is None and self.tree.is_fixed(self.camera):
            raise InputError(
                f"{self._source}: no transform says how {above[-1]} moves: record /tf with "
                f"{', '.join(WORLD_FRAMES)} or similar; for a camera that stands still, set "
                f"{above[-1]} as the target frame (--target-frame {above[-1]})"
            )
        return known or above[-1]


def _position(message: Any) -> tuple[Any, Any]:
    """Return the translation and the rotation of any kind of pose message."""
    if hasattr(message, "transform"):
        return message.transform.translation, message.transform.rotation
    pose = message.pose
    pose = getattr(pose, "pose", pose)
    return pose.position, pose.orientation
