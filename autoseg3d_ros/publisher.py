"""SceneUpdate -> topics with listeners; what nobody listens to is not built."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from autoseg3d.msg import FrameStatus, InstanceArray, InstanceEvent
from jaxtyping import Float64, Int64
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from autoseg3d_core.structures import Event, Frame, LabelledCloud, SceneUpdate, TrackTable
from autoseg3d_ros import instance_messages, messages
from autoseg3d_ros.exports import Exports
from autoseg3d_ros.markers import MarkerSet, drawn
from autoseg3d_ros.messages import Occasion
from autoseg3d_ros.node_config import NodeConfig
from autoseg3d_ros.outcomes import FrameReport, Outcome
from autoseg3d_ros.overlay import overlay, track_colors
from autoseg3d_ros.vocabulary import Vocabulary

LOST_STATUS_S = 1.0
NO_MASKS = np.zeros(0, np.int64)


def output_qos(depth: int, latched: bool = False) -> QoSProfile:
    """Return what every subscriber can read; `latched` gives late ones the last message."""
    durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE, durability=durability)


class ScenePublisher:
    """Owns the node's output topics. Only the worker's thread calls it, except for `status`."""

    def __init__(self, node: Node, config: NodeConfig, names: Sequence[str] = ()) -> None:
        self.config = config
        self._node, self._vocabulary = node, Vocabulary(names)
        self._all: list[Publisher] = []
        self._points = self._open(PointCloud2, "points", output_qos(1))
        self._map = self._open(PointCloud2, "map_points", output_qos(1, latched=True))
        self._instances = self._open(InstanceArray, "instances", output_qos(5))
        self._label_image = self._open(Image, "label_image", output_qos(1))
        self._debug_image = self._open(Image, "debug_image", output_qos(1))
        self._markers = self._open(MarkerArray, "markers", output_qos(1))
        self._events = self._open(InstanceEvent, "events", output_qos(100))
        self._status = self._open(FrameStatus, "status", output_qos(10))
        self._info: Publisher | None = None
        self._detections = self._open_vision_topics()
        self._exports = Exports(self._open, config.publish, node.get_name(), node.get_logger().warning)
        self._marker_set = MarkerSet()
        self._marker_viewers = 0
        self._last_resend = self._last_map = self._last_debug = -np.inf
        self._last_lost: dict[Outcome, float] = {}

    def scene(self, occasion: Occasion, update: SceneUpdate, frame: Frame) -> None:
        """Publish all that one frame changed."""
        tracks = self._vocabulary.tracks(update.tracks)
        self._publish_instances(occasion, update)
        for event in update.events:
            self.event(occasion, event)
        if _has_listeners(self._points):
            self._points.publish(self.cloud(occasion, update.cloud))
        if _has_listeners(self._label_image):
            style = self.config.publish.label_image
            self._label_image.publish(
                messages.label_image(occasion.in_camera(), update.label_image, tracks, style)
            )
        self._exports.scene(occasion, tracks, self._vocabulary.names, self.config.publish.map_rate_hz)
        self.markers(occasion, update)
        self._publish_debug_image(occasion, update, frame)

    def map_points(self, occasion: Occasion, map_cloud: Callable[[], LabelledCloud]) -> None:
        """Publish the map if it is due and somebody listens; only then is the cloud made."""
        if not _has_listeners(self._map):
            return
        now = time.monotonic()
        if now - self._last_map >= 1 / self.config.publish.map_rate_hz:
            self._last_map = now
            self._map.publish(self.cloud(occasion, map_cloud()))

    def markers(self, occasion: Occasion, update: SceneUpdate) -> None:
        """Publish what changed in the markers, and now and then all of them."""
        viewers = self._markers.get_subscription_count()
        now = time.monotonic()
        is_due = now - self._last_resend >= self.config.markers.resend_s
        resend = is_due or viewers > self._marker_viewers
        self._marker_viewers = viewers
        if viewers == 0:
            return
        self._last_resend = now if resend else self._last_resend
        named = self._vocabulary.tracks(update.tracks)
        tracks = drawn(named, self.config.markers, self.config.publish.include_occluded)
        changes = self._marker_set.update(
            occasion.in_world(),
            tracks,
            track_colors(tracks.ids),
            self.config.markers,
            self._vocabulary.names,
            resend,
        )
        if changes.markers:
            self._markers.publish(changes)

    def cleared(self, occasion: Occasion) -> None:
        """Empty the viewers after a reset."""
        self._markers.publish(self._marker_set.clear(occasion.in_world()))
        self._exports.cleared(occasion)
        self._last_resend = self._last_map = -np.inf

    def event(self, occasion: Occasion, event: Event) -> None:
        """Publish one event."""
        self._events.publish(messages.event_message(occasion, event))

    def status(self, report: FrameReport, dropped_total: int) -> None:
        """Publish what became of a frame; of lost frames at most one per second and cause."""
        if report.outcome is not Outcome.PROCESSED:
            now = time.monotonic()
            if now - self._last_lost.get(report.outcome, -LOST_STATUS_S) < LOST_STATUS_S:
                return
            self._last_lost[report.outcome] = now
        self._status.publish(messages.status_message(report, dropped_total))

    def cloud(self, occasion: Occasion, cloud: LabelledCloud) -> PointCloud2:
        """Return a cloud in the colours that publish.cloud_color asks for."""
        choice = self.config.publish.cloud_color
        cloud = self._vocabulary.cloud(cloud)
        rgb = cloud.rgb
        if choice != "rgb":
            rgb = track_colors(cloud.ids if choice == "instance" else cloud.labels + 1)
        return messages.point_cloud(occasion.in_world(), cloud, rgb)

    def tracks_message(
        self,
        occasion: Occasion,
        camera_pose: Float64[np.ndarray, "4 4"],
        tracks: TrackTable,
        mask_ids: Int64[np.ndarray, " masks"] = NO_MASKS,
    ) -> InstanceArray:
        """Return tracks as messages."""
        named = self._vocabulary.tracks(tracks)
        return instance_messages.instance_array(
            occasion, camera_pose, named, mask_ids, self._vocabulary.names
        )

    def learn(self, given: Mapping[int, str]) -> None:
        """Call tracks by the names that they were given, and publish the names if there are new ones."""
        if self._vocabulary.learn(given) and self._info is not None:
            self._publish_names(self._info)

    def close(self) -> None:
        """Destroy the topics."""
        for publisher in self._all:
            self._node.destroy_publisher(publisher)

    def _publish_instances(self, occasion: Occasion, update: SceneUpdate) -> None:
        tracks = instance_messages.reported(update.tracks, self.config.publish.include_occluded)
        array = self.tracks_message(occasion, update.world_from_camera, tracks, update.mask_ids)
        self._instances.publish(array)
        if self._detections is not None and _has_listeners(self._detections):
            self._detections.publish(instance_messages.detections(occasion, array.instances))

    def _publish_debug_image(self, occasion: Occasion, update: SceneUpdate, frame: Frame) -> None:
        now = time.monotonic()
        is_due = now - self._last_debug >= 1 / self.config.debug.max_rate_hz
        if is_due and _has_listeners(self._debug_image):
            self._last_debug = now
            seen = update.tracks[update.tracks.misses == 0].ids
            picture = overlay(frame.rgb, update.label_image, seen, self.config.debug.opacity)
            self._debug_image.publish(messages.image_message(occasion.in_camera(), "rgb8", picture))

    def _open(self, message_type: Any, name: str, qos: QoSProfile) -> Publisher:
        overrides = QoSOverridingOptions.with_default_policies()
        publisher = self._node.create_publisher(
            message_type, f"~/{name}", qos, qos_overriding_options=overrides
        )
        self._all.append(publisher)
        return publisher

    def _publish_names(self, info: Publisher) -> None:
        stamp = self._node.get_clock().now().to_msg()
        info.publish(messages.label_info(Header(stamp=stamp), self._vocabulary.names))

    def _open_vision_topics(self) -> Publisher | None:
        """Open what needs vision_msgs and publish the classes once; None where it is not installed."""
        try:
            from vision_msgs.msg import Detection3DArray, LabelInfo
        except ImportError as error:
            self._node.get_logger().warning(
                f"no ~/detections and ~/label_info: {error}; install ros-$ROS_DISTRO-vision-msgs"
            )
            return None
        self._info = self._open(LabelInfo, "label_info", output_qos(1, latched=True))
        self._publish_names(self._info)
        return self._open(Detection3DArray, "detections", output_qos(5))


def _has_listeners(publisher: Publisher) -> bool:
    return publisher.get_subscription_count() > 0
