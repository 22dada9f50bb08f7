"""What looks wrong about the stamps of the images that arrive."""

from __future__ import annotations

import statistics
from collections import deque

from rclpy.clock import Clock

from autoseg3d_ros.conversions import TopicNames
from autoseg3d_ros.throttled_log import ThrottledLog

RESIDUAL_WARNING_S = 0.01
RESIDUALS = 30
"""Pairs of images whose median difference in time counts."""


class StampDoubts:
    """Warns if colour and depth are of different times, or their stamps far from the node's clock."""

    def __init__(self, clock: Clock, log: ThrottledLog, names: TopicNames) -> None:
        self._clock, self._log, self._names = clock, log, names
        self._residuals: deque[float] = deque(maxlen=RESIDUALS)

    def look(self, color_ns: int, depth_ns: int, clock_warning_s: float) -> None:
        """Take the stamps of one pair of images, and warn where that is due."""
        self._residuals.append(abs(color_ns - depth_ns) / 1e9)
        typical = statistics.median(self._residuals)
        if len(self._residuals) == RESIDUALS and typical > RESIDUAL_WARNING_S:
            self._log.warning(
                "residual",
                f"{self._names.color} and {self._names.depth} are {typical * 1e3:.0f} ms apart: turn on the "
                "driver's synchronisation (realsense2_camera enable_sync:=true)",
            )
        off = abs(self._clock.now().nanoseconds - color_ns) / 1e9
        if off > clock_warning_s:
            self._log.warning(
                "clock",
                f"{self._names.color}: stamps are {off:.0f} s from the node's clock: for a bag, play it with "
                "--clock and set use_sim_time:=true (outputs carry the images' stamps either way)",
            )
