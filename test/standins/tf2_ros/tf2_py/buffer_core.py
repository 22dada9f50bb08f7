"""The transforms between frames over time, looked up without waiting."""

from __future__ import annotations

import math
from threading import RLock
from typing import Any

from builtin_interfaces.msg import Time as TimeMessage
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.time import Time

from tf2_py.exceptions import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TransformException,
)
from tf2_py.history import History, Sample, StaticHistory, seconds
from tf2_py.rotation import IDENTITY, Rigid, compose, inverse

DEFAULT_CACHE = Duration(seconds=10)
MAX_DEPTH = 1000
UNIT_TOLERANCE = 10e-3


class BufferCore:
    """Keeps transforms and answers for any two frames of one tree; methods may be called by any thread."""

    def __init__(self, cache_time: Duration | None = None) -> None:
        keep = DEFAULT_CACHE if cache_time is None else cache_time
        self._keep_ns = nanoseconds_of_duration(keep)
        self._histories: dict[str, History | StaticHistory] = {}
        self._frames: set[str] = set()
        self._guard = RLock()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Add a transform; one that cannot be used is left out and logged."""
        self._insert(transform, authority, History(self._keep_ns))

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Add a transform that holds at any time."""
        self._insert(transform, authority, StaticHistory())

    def lookup_transform_core(self, target_frame: str, source_frame: str, time: Any) -> TransformStamped:
        """Return the transform that maps coordinates of the source frame into the target frame."""
        stamp_ns = nanoseconds_of_time(time)
        with self._guard:
            rigid, stamp_ns = self._lookup(target_frame, source_frame, stamp_ns, "lookupTransform")
        return _message(target_frame, source_frame, stamp_ns, rigid)

    def lookup_transform_full_core(
        self, target_frame: str, target_time: Any, source_frame: str, source_time: Any, fixed_frame: str
    ) -> TransformStamped:
        """Return the transform between two frames at two times, by way of a frame that is taken as fixed."""
        target_ns, source_ns = nanoseconds_of_time(target_time), nanoseconds_of_time(source_time)
        with self._guard:
            left, stamp_ns = self._lookup(target_frame, fixed_frame, target_ns, "lookupTransform")
            right, _ = self._lookup(fixed_frame, source_frame, source_ns, "lookupTransform")
        return _message(target_frame, source_frame, stamp_ns, compose(left, right))

    def can_transform_core(self, target_frame: str, source_frame: str, time: Any) -> tuple[int, str]:
        """Return 1 and "", or 0 and why not."""
        stamp_ns = nanoseconds_of_time(time)
        with self._guard:
            try:
                self._lookup(target_frame, source_frame, stamp_ns, "canTransform")
            except TransformException as error:
                return 0, str(error)
        return 1, ""

    def can_transform_full_core(
        self, target_frame: str, target_time: Any, source_frame: str, source_time: Any, fixed_frame: str
    ) -> tuple[int, str]:
        """Return 1 and "", or 0 and why not."""
        done, why = self.can_transform_core(target_frame, fixed_frame, target_time)
        return self.can_transform_core(fixed_frame, source_frame, source_time) if done else (done, why)

    def get_latest_common_time(self, target_frame: str, source_frame: str) -> Time:
        """Return the newest time for which the two frames' transform is known."""
        with self._guard:
            for role, frame in (("target_frame", target_frame), ("source_frame", source_frame)):
                self._validate(frame, "get_latest_common_time", role)
            return Time(nanoseconds=self._latest_common_ns(target_frame, source_frame))

    def all_frames_as_yaml(self) -> str:
        """Return all frames that have a parent, as YAML."""
        with self._guard:
            return "".join(_as_yaml(frame, history) for frame, history in self._known()) or "{}"

    def all_frames_as_string(self) -> str:
        """Return all frames that have a parent, in sentences."""
        with self._guard:
            return "".join(
                f"Frame {frame} exists with parent {history.latest().parent}.\n"  # type: ignore[union-attr]
                for frame, history in self._known()
            )

    def clear(self) -> None:
        """Forget all transforms."""
        with self._guard:
            for history in self._histories.values():
                history.clear()

    def _known(self) -> list[tuple[str, History | StaticHistory]]:
        return [(frame, history) for frame, history in self._histories.items() if len(history)]

    def _insert(self, message: TransformStamped, authority: str, new: History | StaticHistory) -> None:
        child = message.child_frame_id.removeprefix("/")
        parent = message.header.frame_id.removeprefix("/")
        rigid = _rigid(message)
        fault = _fault(parent, child, rigid)
        if not fault:
            sample = Sample(nanoseconds_of_time(message.header.stamp), parent, rigid)
            with self._guard:
                history = self._histories.setdefault(child, new)
                self._frames.update((child, parent))
                history.authority = authority
                if not history.insert(sample):
                    fault = "TF_OLD_DATA ignoring data from the past"
        if fault:
            get_logger("tf2_buffer").warning(f"{fault} for frame {child} (parent {parent}) by {authority}")

    def _lookup(self, target: str, source: str, stamp_ns: int, caller: str) -> tuple[Rigid, int]:
        if target == source:
            latest = self._histories[target].latest() if target in self._histories else None
            return IDENTITY, latest.stamp_ns if latest and stamp_ns == 0 else stamp_ns
        self._validate(target, caller, "target_frame")
        self._validate(source, caller, "source_frame")
        if stamp_ns == 0:
            stamp_ns = self._latest_common_ns(target, source)
        return self._walk(target, source, stamp_ns), stamp_ns

    def _validate(self, frame: str, caller: str, role: str) -> None:
        place = f"passed to {caller} argument {role}"
        if not frame:
            raise InvalidArgumentException(f"Invalid argument {place} in tf2 frame_ids cannot be empty")
        if frame.startswith("/"):
            text = f"Invalid argument \"{frame}\" {place} in tf2 frame_ids cannot start with a '/' like: "
            raise InvalidArgumentException(text)
        if frame in self._frames:
            return
        if caller == "canTransform":
            raise LookupException(f'Invalid frame ID "{frame}" {place} - frame does not exist')
        raise LookupException(f'"{frame}" {place} does not exist. ')

    def _latest_common_ns(self, target: str, source: str) -> int:
        up, down = self._latest_chain(source), self._latest_chain(target)
        shared = next((frame for frame in down if frame in up), None)
        if shared is None:
            raise ConnectivityException(_unconnected(target, source))
        stamps = []
        for chain in (up, down):
            for frame, sample in chain.items():
                if frame == shared:
                    break
                stamps += [sample.stamp_ns] if sample and sample.stamp_ns else []
        return min(stamps, default=0)

    def _latest_chain(self, frame: str) -> dict[str, Sample | None]:
        """Return the frame and its ancestors, each with its newest sample; the last has none."""
        chain: dict[str, Sample | None] = {}
        while True:
            history = self._histories.get(frame)
            chain[frame] = sample = history.latest() if history else None
            if sample is None:
                return chain
            frame = sample.parent
            if frame in chain or len(chain) > MAX_DEPTH:
                raise LookupException("The tf tree is invalid because it contains a loop.")

    def _walk(self, target: str, source: str, stamp_ns: int) -> Rigid:
        up, source_error = self._chain(source, stamp_ns, target)
        if target in up:
            return up[target]
        down, target_error = self._chain(target, stamp_ns, source)
        if source in down:
            return inverse(down[source])
        top = next(reversed(up))
        if top in down:
            return compose(inverse(down[top]), up[top])
        error = target_error or source_error
        if error:
            raise ExtrapolationException(
                f"{error}, when looking up transform from frame [{source}] to frame [{target}]"
            )
        raise ConnectivityException(_unconnected(target, source))

    def _chain(self, frame: str, stamp_ns: int, until: str) -> tuple[dict[str, Rigid], str]:
        """Return the transforms of a frame into itself and its ancestors at a time, and why it ends."""
        start, chain, rigid = frame, {frame: IDENTITY}, IDENTITY
        while frame != until and frame in self._histories:
            try:
                sample = self._histories[frame].at(stamp_ns)
            except ExtrapolationException as error:
                return chain, str(error)
            if sample is None:
                break
            rigid = compose(sample.parent_from_frame, rigid)
            frame = sample.parent
            if frame in chain:
                raise LookupException(f"The tf tree is invalid because it contains a loop above {start}.")
            chain[frame] = rigid
        return chain, ""


def nanoseconds_of_time(time: Any) -> int:
    """Return the nanoseconds of an rclpy or message time; TypeError for anything else."""
    if isinstance(time, Time):
        return int(time.nanoseconds)
    if isinstance(time, TimeMessage):
        return int(time.sec) * 10**9 + int(time.nanosec)
    raise TypeError(f"a time must be an rclpy or builtin_interfaces Time, not {type(time).__name__}")


def nanoseconds_of_duration(duration: Any) -> int:
    """Return the nanoseconds of an rclpy duration; TypeError for anything else."""
    if isinstance(duration, Duration):
        return int(duration.nanoseconds)
    raise TypeError(f"a duration must be an rclpy Duration, not {type(duration).__name__}")


def _rigid(message: TransformStamped) -> Rigid:
    t, q = message.transform.translation, message.transform.rotation
    return (t.x, t.y, t.z), (q.x, q.y, q.z, q.w)


def _fault(parent: str, child: str, rigid: Rigid) -> str:
    """Return why a transform cannot be used, or ""."""
    if child == parent:
        return "TF_SELF_TRANSFORM ignoring a transform of a frame into itself"
    if not child:
        return "TF_NO_CHILD_FRAME_ID ignoring a transform without child_frame_id"
    if not parent:
        return "TF_NO_FRAME_ID ignoring a transform without frame_id"
    if not all(math.isfinite(value) for part in rigid for value in part):
        return "TF_NAN_INPUT ignoring a transform that is not finite"
    if abs(sum(value * value for value in rigid[1]) - 1) > UNIT_TOLERANCE:
        return "TF_DENORMALIZED_QUATERNION ignoring a transform whose quaternion is not of length 1"
    return ""


def _message(target: str, source: str, stamp_ns: int, rigid: Rigid) -> TransformStamped:
    message = TransformStamped(child_frame_id=source)
    message.header.frame_id = target
    message.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
    t, q = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = rigid[0]
    q.x, q.y, q.z, q.w = rigid[1]
    return message


def _unconnected(target: str, source: str) -> str:
    return (
        f"Could not find a connection between '{target}' and '{source}' because they are not part of the "
        "same tree.Tf has two or more unconnected trees."
    )


def _as_yaml(frame: str, history: History | StaticHistory) -> str:
    latest, oldest = history.latest(), history.oldest()
    assert latest is not None
    assert oldest is not None
    length_s = (latest.stamp_ns - oldest.stamp_ns) / 1e9
    return (
        f"{frame}: \n  parent: '{latest.parent}'\n  broadcaster: '{history.authority}'\n"
        f"  rate: {len(history) / max(length_s, 1e-4):.3f}\n"
        f"  most_recent_transform: {seconds(latest.stamp_ns)}\n"
        f"  oldest_transform: {seconds(oldest.stamp_ns)}\n  buffer_length: {length_s:.3f}\n"
    )
