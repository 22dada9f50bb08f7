"""Outputs for planners and scene graphs; each is an option, and its topic is made only where it is on."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from std_msgs.msg import String

from autoseg3d_core.structures import TrackTable
from autoseg3d_ros.collision_objects import CollisionObjects
from autoseg3d_ros.messages import Occasion
from autoseg3d_ros.node_config import PublishConfig
from autoseg3d_ros.scene_graph import scene_graph_json

QUEUE = 1000
"""Collision objects are one message each: all of a new scene have to wait for a slow planner."""
NO_MOVEIT = (
    "no ~/collision_objects: moveit_msgs is not installed: sudo apt install ros-$ROS_DISTRO-moveit-msgs, "
    "or set publish.collision_objects to false"
)

Open = Callable[[Any, str, QoSProfile], Publisher]


class Exports:
    """Sends the confirmed objects to MoveIt and as a scene graph, as far as they are asked for."""

    def __init__(
        self, open_topic: Open, config: PublishConfig, prefix: str, warn: Callable[[str], Any]
    ) -> None:
        self._collisions = self._graph = None
        self._objects, self._viewers = CollisionObjects(prefix), 0
        self._last_graph = -np.inf
        if config.collision_objects and importlib.util.find_spec("moveit_msgs") is None:
            warn(NO_MOVEIT)
        elif config.collision_objects:
            from moveit_msgs.msg import CollisionObject

            self._collisions = open_topic(CollisionObject, "collision_objects", QoSProfile(depth=QUEUE))
        if config.scene_graph:
            self._graph = open_topic(String, "scene_graph", QoSProfile(depth=1))

    def scene(self, occasion: Occasion, tracks: TrackTable, names: Sequence[str], rate_hz: float) -> None:
        """Send what one frame changed, and the graph where it is due."""
        if self._collisions is not None:
            viewers = self._collisions.get_subscription_count()
            resend, self._viewers = viewers > self._viewers, viewers
            changes = self._objects.update(occasion.in_world(), tracks, names, resend) if viewers else []
            for message in changes:
                self._collisions.publish(message)
        if self._graph is None or not self._graph.get_subscription_count():
            return
        now = time.monotonic()
        if now - self._last_graph >= 1 / rate_hz:
            self._last_graph = now
            self._graph.publish(String(data=scene_graph_json(tracks, names, occasion.target_frame)))

    def cleared(self, occasion: Occasion) -> None:
        """Take all objects out of the planning scene."""
        if self._collisions is not None:
            for message in self._objects.clear(occasion.in_world()):
                self._collisions.publish(message)
        self._last_graph = -np.inf
