"""Camera topics and TF -> posed image sets: synchronises, waits for poses, counts what is lost.

Everything here runs on the node's main thread and only passes messages on; decoding is the worker's.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import message_filters
import numpy as np
from jaxtyping import Float64
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions

from autoseg3d_ros.conversions import CameraMessages, TopicNames, stamp_to_ns
from autoseg3d_ros.depth_registration import DepthRegistration
from autoseg3d_ros.input_report import CALIBRATION, COLOR
from autoseg3d_ros.inputs import (
    CalibrationGate,
    LatchedListener,
    Subscription,
    input_qos,
    subscriptions,
)
from autoseg3d_ros.missing_poses import MissingPoses, Poses, Wanted
from autoseg3d_ros.node_config import NodeConfig
from autoseg3d_ros.outcomes import FrameReport, Outcome
from autoseg3d_ros.stamp_doubts import StampDoubts
from autoseg3d_ros.synchronizer import LoopingSynchronizer, StampGate
from autoseg3d_ros.throttled_log import ThrottledLog


@dataclass(frozen=True, eq=False)
class PosedMessages:
    """One set of camera messages and where the camera was, and odometry's frame where TF knows it."""

    messages: CameraMessages
    world_from_camera: Float64[np.ndarray, "4 4"]
    camera_frame: str
    tf_wait_ms: float
    world_from_odometry: Float64[np.ndarray, "4 4"] | None = None


@runtime_checkable
class FrameSink(Protocol):
    """Whoever takes the frames; called on the main thread, to return at once."""

    def received(self) -> None:
        """Hear of a colour image; it ends as a frame, or is lost."""
        ...

    def frame(self, frame: PosedMessages) -> None:
        """Take a frame."""
        ...

    def lost(self, report: FrameReport) -> None:
        """Hear of a frame that will not come, and why."""
        ...

    def time_jumped(self, back_ns: int) -> None:
        """Hear that stamps went back; all frames from here on are of the new time."""
        ...


@dataclass(frozen=True, eq=False)
class _Waiting:
    """Images of one stamp that still lack the camera's pose or its calibration."""

    color: Any
    depth: Any
    masks: Any
    camera_frame: str
    arrived: float
    has_own_depth: bool
    """Whether depth is of a camera of its own, and has to be reprojected."""

    @property
    def stamp_ns(self) -> int:
        return stamp_to_ns(self.color.header.stamp)


class FrameSource:
    """Subscribes to a camera and gives its sink each frame once its pose is known."""

    def __init__(self, node: Node, config: NodeConfig, poses: Poses, sink: FrameSink) -> None:
        self.config = config
        self.is_enabled = True
        self._node, self._poses, self._sink = node, poses, sink
        self._log = ThrottledLog(node.get_logger(), config.diagnostics.repeat_s)
        self._waiting: deque[_Waiting] = deque()
        self._last_position: np.ndarray | None = None
        self._missing = MissingPoses(poses, self._log, lambda: self.config)
        self.inputs = subscriptions(node, config)
        self.gates = [self._gate(item) for item in self.inputs]
        self.names = TopicNames(*(gate.topic for gate in self.gates))
        self._stamps = StampDoubts(node.get_clock(), self._log, self.names)
        self._calibration = next(gate for gate in self.gates if isinstance(gate, CalibrationGate))
        self._images = [gate for gate in self.gates if isinstance(gate, StampGate)]
        self.synchronizer = LoopingSynchronizer(
            self._images,
            config.sync.queue_size,
            config.sync.slop_s,
            self._on_matched,
            self._on_jump,
            self._on_evicted,
        )
        partners = ", ".join(gate.topic for gate in self._images[1:])
        self._why_evicted = f"not all of {partners} within sync.slop_s of its stamp", Outcome.DROPPED_SYNC
        self._subscribers = [
            self._subscribe(item, gate) for item, gate in zip(self.inputs, self.gates, strict=True)
        ]
        self._latched = LatchedListener(node, self._calibration)
        self._registration = DepthRegistration(node, config, poses.between, self._on_calibration)
        self._timer = node.create_timer(config.tf.recheck_ms / 1e3, self._deliver_ready)
        self._timer.cancel()

    def qos(self) -> list[QoSProfile]:
        """Return the QoS of each input, with the overrides that are in force."""
        return [subscriber.sub.qos_profile for subscriber in self._subscribers]

    def pending(self) -> int:
        """Return how many colour images still wait for their partners or their pose."""
        return len(self._waiting) + self.synchronizer.queued(0)

    def close(self) -> None:
        """Stop listening, and let go of what waits."""
        self._why_evicted = "the node was deactivated", Outcome.DROPPED_INACTIVE
        self.synchronizer.close()
        for item in self._waiting:
            self._give_up(item, Outcome.DROPPED_INACTIVE, "the node was deactivated before its pose came")
        self._waiting.clear()
        self._node.destroy_timer(self._timer)
        self._latched.close()
        self._registration.close()
        for subscriber in self._subscribers:
            self._node.destroy_subscription(subscriber.sub)

    def _gate(self, item: Subscription) -> StampGate | CalibrationGate:
        topic = self._node.resolve_topic_name(item.topic)
        if item.role == CALIBRATION:
            return CalibrationGate(topic, self._on_calibration)
        return StampGate(topic, self._on_zero_stamp)

    def _subscribe(self, item: Subscription, gate: StampGate | CalibrationGate) -> message_filters.Subscriber:
        subscriber = message_filters.Subscriber(
            self._node,
            item.message_type,
            item.topic,
            qos_profile=input_qos(),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        if item.role == COLOR:
            subscriber.registerCallback(lambda _: self._sink.received())
        subscriber.registerCallback(gate.accept)
        return subscriber

    def _on_zero_stamp(self, gate: StampGate, message: Any) -> None:
        reason = f"{gate.topic}: header.stamp is zero: the node that publishes it has to fill the stamp"
        self._log.error(f"zero {gate.topic}", reason)
        if gate is self.gates[0]:
            self._sink.lost(FrameReport(0, message.header.frame_id, Outcome.DROPPED_INVALID, reason))

    def _on_calibration(self) -> None:
        if self._waiting:
            self._deliver_ready()

    def _on_matched(self, color: Any, depth: Any, masks: Any = None) -> None:
        camera_frame = (self.config.camera_frame or color.header.frame_id).lstrip("/")
        if not self.is_enabled:
            reason = "~/enable is false"
            stamp_ns = stamp_to_ns(color.header.stamp)
            self._sink.lost(FrameReport(stamp_ns, camera_frame, Outcome.DROPPED_INACTIVE, reason))
            return
        is_own = self._registration.is_needed(color, depth)
        item = _Waiting(color, depth, masks, camera_frame, time.monotonic(), is_own)
        self._stamps.look(item.stamp_ns, stamp_to_ns(depth.header.stamp), self.config.input.clock_warning_s)
        if not camera_frame:
            reason = f"{self.names.color}: header.frame_id is empty: set the parameter camera_frame"
            self._log.error("frame_id", reason)
            self._sink.lost(FrameReport(item.stamp_ns, "", Outcome.DROPPED_INVALID, reason))
            return
        self._waiting.append(item)
        self._deliver_ready()

    def _on_evicted(self, index: int, stamps_ns: list[int]) -> None:
        """Count colour images that found no partners; those of the other inputs are nobody's frames."""
        if index != 0:
            return
        reason, outcome = self._why_evicted
        for stamp_ns in stamps_ns:
            self._sink.lost(FrameReport(stamp_ns, "", outcome, reason))

    def _on_jump(self, back_ns: int) -> None:
        config, back_s = self.config.input, back_ns / 1e9
        if back_s < config.time_jump_s:
            self._node.get_logger().warning(
                f"stamps went back by {back_s:.2f} s, less than input.time_jump_s: ridden out"
            )
            return
        self._node.get_logger().warning(
            f"stamps went back by {back_s:.2f} s (looped bag or restarted simulation): "
            f"input.on_time_jump is {config.on_time_jump}"
        )
        for item in self._waiting:
            self._give_up(item, Outcome.DROPPED_NO_TF, "time started again before its pose came")
        self._waiting.clear()
        self._missing.forget()
        self._last_position = None
        self._poses.start_again()
        self._sink.time_jumped(back_ns)

    def _deliver_ready(self) -> None:
        """Send on the frames whose pose and calibration are known, give up those that waited too long."""
        now = time.monotonic()
        target = self.config.world
        waiting, self._waiting = self._waiting, deque()
        for item in waiting:
            pose = self._poses.pose_at(target, item.camera_frame, item.stamp_ns)
            info = self._calibration.for_image(item.stamp_ns)
            own = self._registration.camera(item.color, item.depth) if item.has_own_depth else None
            has_depth = own is not None or not item.has_own_depth
            has_all = pose is not None and info is not None and has_depth
            if has_all and not self._may_still_come(item, info, now):
                assert pose is not None
                messages = CameraMessages(item.color, item.depth, info, item.masks, own)
                wait_ms = (now - item.arrived) * 1e3
                odometry = self._odometry_at(item.stamp_ns)
                self._deliver(PosedMessages(messages, pose, item.camera_frame, wait_ms, odometry))
            elif now - item.arrived < self.config.tf.timeout_s:
                self._waiting.append(item)
            elif info is None:
                reason = f"no calibration has come on {self.names.camera_info}"
                self._give_up(item, Outcome.DROPPED_SYNC, reason)
            elif pose is not None:
                reason = self._registration.problem(item.color, item.depth)
                self._log.warning("registration", f"frame dropped: {reason}")
                self._give_up(item, Outcome.DROPPED_INVALID, reason)
            else:
                wanted = Wanted(item.camera_frame, item.stamp_ns, item.arrived)
                self._give_up(item, Outcome.DROPPED_NO_TF, self._missing.give_up(wanted))
        self._missing.look()
        has_work = self._waiting or self._missing.is_watching()
        if has_work and self._timer.is_canceled():
            self._timer.reset()
        elif not has_work:
            self._timer.cancel()

    def _odometry_at(self, stamp_ns: int) -> Float64[np.ndarray, "4 4"] | None:
        """Return where odometry's frame lies, None where it is the world or is not known."""
        odometry = self.config.tf.odometry_frame.lstrip("/")
        if odometry in ("", self.config.world):
            return None
        return self._poses.between(self.config.world, odometry, stamp_ns)

    def _may_still_come(self, item: _Waiting, info: Any, now: float) -> bool:
        """Tell whether an image had better wait a moment for the calibration of its own stamp."""
        slop_s, calibration = self.config.sync.slop_s, self._calibration
        is_own = abs(stamp_to_ns(info.header.stamp) - item.stamp_ns) <= slop_s * 1e9
        if not is_own and calibration.comes_with_images and now - item.arrived < slop_s:
            return True
        calibration.comes_with_images = is_own
        return False

    def _deliver(self, frame: PosedMessages) -> None:
        self._missing.have_come()
        position = frame.world_from_camera[:3, 3]
        if self._last_position is not None and frame.world_from_odometry is None:
            step = float(np.linalg.norm(position - self._last_position))
            if step > self.config.tf.max_jump_m:
                self._log.warning(
                    "pose jump",
                    f"TF: {frame.camera_frame} moved {step:.2f} m between two frames (tf.max_jump_m is "
                    f"{self.config.tf.max_jump_m} m): objects seen before and after the jump will not match; "
                    "with TF from tf.odometry_frame the map would be corrected",
                )
        self._last_position = position
        self._sink.frame(frame)

    def _give_up(self, item: _Waiting, outcome: Outcome, reason: str) -> None:
        wait_ms = (time.monotonic() - item.arrived) * 1e3
        self._sink.lost(FrameReport(item.stamp_ns, item.camera_frame, outcome, reason, tf_wait_ms=wait_ms))
