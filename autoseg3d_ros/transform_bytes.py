"""Serialised TFMessages -> transforms, at a tenth of what rclpy takes to make a Python message of each.

The layout is OMG's CDR in its first version, which all middlewares of ROS 2 send by default: little-endian,
values aligned to their size, counted from behind a header of four bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from geometry_msgs.msg import TransformStamped
from rclpy.serialization import deserialize_message
from tf2_msgs.msg import TFMessage

PLAIN_LITTLE_ENDIAN = b"\x00\x01"
COUNT, HEAD, LENGTH, RIGID = (struct.Struct(f"<{kinds}") for kinds in ("I", "iII", "I", "7d"))
"""Of a message: its number of transforms; of each: stamp and length of a name, of the next name, numbers."""
HEADER = 4


class TransformBytes:
    """Reads messages; each pair of frames has one transform, which is filled again and again."""

    def __init__(self) -> None:
        self._kept: dict[tuple[bytes, bytes], TransformStamped] = {}

    def transforms(self, data: bytes) -> Iterator[TransformStamped]:
        """Give the transforms of a serialised message; each is good until the next is asked for."""
        if data[:2] != PLAIN_LITTLE_ENDIAN:
            yield from deserialize_message(data, TFMessage).transforms
            return
        (count,) = COUNT.unpack_from(data, HEADER)
        end = HEADER + COUNT.size
        for _ in range(count):
            start = _aligned(end, 4)
            seconds, nanoseconds, length = HEAD.unpack_from(data, start)
            parent = start + HEAD.size
            second = _aligned(parent + length, 4)
            child = second + LENGTH.size
            child_end = child + LENGTH.unpack_from(data, second)[0]
            numbers = _aligned(child_end, 8)
            end = numbers + RIGID.size
            transform = self._between(data[parent : parent + length], data[child:child_end])
            stamp = transform.header.stamp
            stamp.sec, stamp.nanosec = seconds, nanoseconds
            at, turn = transform.transform.translation, transform.transform.rotation
            at.x, at.y, at.z, turn.x, turn.y, turn.z, turn.w = RIGID.unpack_from(data, numbers)
            yield transform

    def _between(self, parent: bytes, child: bytes) -> TransformStamped:
        """Return the transform of two frames, whose names end with a zero byte."""
        kept = self._kept.get((parent, child))
        if kept is None:
            kept = self._kept[parent, child] = TransformStamped(child_frame_id=_text(child))
            kept.header.frame_id = _text(parent)
        return kept


def _aligned(place: int, size: int) -> int:
    return place + (HEADER - place) % size


def _text(name: bytes) -> str:
    return name.rstrip(b"\0").decode(errors="replace")
