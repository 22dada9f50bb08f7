"""Why a frame has no pose, and by how much the poses of given-up frames were late."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from autoseg3d_ros.node_config import NodeConfig
from autoseg3d_ros.throttled_log import ThrottledLog

WATCHED, WATCH_S, LOOK_S = 10, 10.0, 0.05
"""How many given-up frames are watched for their pose, for how long, and how often."""
LARGEST_TIMEOUT_S = 60.0


@runtime_checkable
class Poses(Protocol):
    """Where the camera was; `PoseSource`, or a table in tests."""

    @property
    def origin(self) -> str:
        """Return where the poses come from, for messages."""
        ...

    def problem(self) -> str:
        """Return why no pose has come at all and what to do, empty when some have come."""
        ...

    def pose_at(self, target: str, source: str, stamp_ns: int) -> Float64[np.ndarray, "4 4"] | None:
        """Return the pose at a stamp, or None while unknown."""
        ...

    def between(self, target: str, source: str, stamp_ns: int) -> Float64[np.ndarray, "4 4"] | None:
        """Return where one of the robot's frames is in another at a stamp, or None while unknown."""
        ...

    def lag_ms(self, target: str, source: str, stamp_ns: int) -> float | None:
        """Return how far the newest pose is behind a stamp, or None when there is none."""
        ...

    def known_frames(self) -> list[str]:
        """Return the names of all frames."""
        ...

    def start_again(self) -> None:
        """Forget the poses of before a jump."""
        ...


@dataclass(frozen=True)
class Wanted:
    """The pose that a frame waits for; `arrived` is when its images did, by the steady clock."""

    camera_frame: str
    stamp_ns: int
    arrived: float


class MissingPoses:
    """Explains missing poses, and measures how late they come once their frames were given up."""

    def __init__(self, poses: Poses, log: ThrottledLog, config: Callable[[], NodeConfig]) -> None:
        self._poses, self._log, self._config = poses, log, config
        self._since: float | None = None
        self._watched: deque[Wanted] = deque()
        self._looked = 0.0

    def have_come(self) -> None:
        """Take note that poses come again."""
        self._since = None

    def is_watching(self) -> bool:
        """Tell whether `look` has something to look at."""
        return bool(self._watched)

    def forget(self) -> None:
        """Stop watching: time has started again."""
        self._watched.clear()

    def give_up(self, wanted: Wanted) -> str:
        """Return why a frame has to do without its pose, and watch for it from here on."""
        config, poses = self._config(), self._poses
        target, source, now = config.world, wanted.camera_frame, time.monotonic()
        if len(self._watched) < WATCHED:
            self._watched.append(wanted)
        if self._since is None:
            self._since = wanted.arrived
        lasts = now - self._since >= config.tf.unknown_frame_s
        if poses.problem():
            if lasts:
                self._log.error("pose topic", poses.problem())
            return poses.problem()
        lag_ms = poses.lag_ms(target, source, wanted.stamp_ns)
        if lag_ms is not None:
            newest = f"is {lag_ms:.0f} ms behind" if lag_ms > 0 else f"is {-lag_ms:.0f} ms ahead of"
            return (
                f"{poses.origin}: no pose of {source!r} in {target!r} at the image's stamp within "
                f"tf.timeout_s = {config.tf.timeout_s} s; the newest {newest} the image"
            )
        frames = poses.known_frames()
        missing = [frame for frame in (target, source) if frame not in frames]
        reason = f"{poses.origin}: no path from {source!r} to {target!r}"
        if missing:
            reason += f"; TF does not know {' and '.join(map(repr, missing))}"
        if lasts:
            self._log.error(
                "tf path",
                f"{reason}. Known frames: {', '.join(frames) or 'none'}. Set target_frame to one of them, "
                "or start the node that publishes the missing transform",
            )
        return reason

    def look(self) -> None:
        """Tell how late the pose of a given-up frame was, once it has come."""
        config, now = self._config(), time.monotonic()
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        while self._watched and now - self._watched[0].arrived > WATCH_S:
            self._watched.popleft()
        came = [
            wanted
            for wanted in self._watched
            if self._poses.pose_at(config.world, wanted.camera_frame, wanted.stamp_ns) is not None
        ]
        if not came:
            return
        late_s = now - came[0].arrived  # the first watched came latest
        enough_s = min(math.ceil(late_s * 12) / 10, LARGEST_TIMEOUT_S)
        self._log.warning(
            "late",
            f"{self._poses.origin}: the pose of {came[0].camera_frame!r} came {late_s * 1e3:.0f} ms after "
            f"its image, later than tf.timeout_s = {config.tf.timeout_s} s: set tf.timeout_s to {enough_s:g}",
        )
        self._watched = deque(wanted for wanted in self._watched if wanted not in came)
