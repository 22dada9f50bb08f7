"""A TF buffer that starts again with a looped bag, takes poses of a topic, and lets odometry step."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import tf2_ros
from rclpy.duration import Duration
from rclpy.node import Node

from autoseg3d_ros.conversions import stamp_to_ns
from autoseg3d_ros.messages import stamp_from_ns

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
    would move it. The frame `stepping` stays where it was until its next transform: the original would let it
    slide between two, so that a correction of localisation gave poses where the robot never was.
    """

    def __init__(self, cache_s: float, node: Node, stepping: str = "") -> None:
        self._newest_ns: dict[str, int] = {}
        self._static: dict[str, tuple[Any, str]] = {}  # by child frame: transform, authority
        self._cleared_at = -SAME_JUMP_S
        self._stepping, self._step = stepping, None
        self.given_child = ""
        self.contested: Callable[[Any], None] = lambda transform: None
        super().__init__(Duration(nanoseconds=int(cache_s * 1e9)), node)

    def set_transform(self, transform: Any, authority: str) -> None:
        """Add a transform, as a listener does; it is copied."""
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
        if self._stepping and child.lstrip("/") == self._stepping:
            self._hold(transform, stamp_ns, authority)
        super().set_transform(transform, authority)

    def _hold(self, transform: Any, stamp_ns: int, authority: str) -> None:
        """Add the step before once more, a nanosecond before the next one."""
        before, self._step = self._step, copy.deepcopy(transform)
        if before is not None and stamp_to_ns(before.header.stamp) < stamp_ns - 1:
            before.header.stamp = stamp_from_ns(stamp_ns - 1)
            super().set_transform(before, authority)

    def set_transform_static(self, transform: Any, authority: str) -> None:
        """Add a transform that holds at any time, as a listener does."""
        if transform.child_frame_id.lstrip("/") == self.given_child:
            return
        self._static[transform.child_frame_id] = transform, authority
        super().set_transform_static(transform, authority)

    def clear(self) -> None:
        """Forget all but static transforms; the original calls it too, when its clock jumps back."""
        super().clear()
        self._step = None
        for transform, authority in list(self._static.values()):
            super().set_transform_static(transform, authority)

    def start_again(self) -> None:
        """Forget all but static transforms, unless that has just been done."""
        if time.monotonic() - self._cleared_at < SAME_JUMP_S:
            return
        self._cleared_at = time.monotonic()
        self._newest_ns.clear()
        self.clear()
