"""Where the messages of a bag lie, so that any one can be read again without holding the rest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoseg3d_core.geometry.transform_tree import TransformTree
from autoseg3d_core.structures import InputError

TF_TOPICS = {"/tf": False, "/tf_static": True}
CACHED_MESSAGES = 64


@dataclass(frozen=True)
class Stamped:
    """One message: its topic, when it was recorded, its place among those, and its header's stamp."""

    topic: str
    recorded_ns: int
    place: int
    stamp_ns: int


class BagIndex:
    """Opens a bag, lists its topics and messages, and reads messages one by one.

    Raises `InputError` for a bag that cannot be opened, is empty, or breaks off.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader = _opened(path)
        self.kinds = {c.topic: c.msgtype for c in self._reader.connections}
        if not self._reader.message_count:
            raise InputError(f"{path}: the bag is empty")
        self._places: dict[str, list[Stamped]] = {}
        self._cache: dict[Stamped, Any] = {}

    def messages(self, topic: str) -> list[Stamped]:
        """Return the messages of a topic in the order of their header stamps."""
        if topic not in self._places:
            counts: dict[int, int] = {}
            found = []
            for recorded, message in self._read_topic(topic):
                place = counts.get(recorded, 0)
                counts[recorded] = place + 1
                stamp = message.header.stamp
                found.append(Stamped(topic, recorded, place, stamp.sec * 1_000_000_000 + stamp.nanosec))
            self._places[topic] = sorted(found, key=lambda m: (m.stamp_ns, m.recorded_ns, m.place))
        return self._places[topic]

    def read(self, wanted: Stamped) -> Any:
        """Return one message."""
        if wanted not in self._cache:
            while len(self._cache) >= CACHED_MESSAGES:
                self._cache.pop(next(iter(self._cache)))
            at = wanted.recorded_ns
            rows = self._read_topic(wanted.topic, start=at, stop=at + 1)
            self._cache[wanted] = [message for _, message in rows][wanted.place]
        return self._cache[wanted]

    def transform_tree(self) -> TransformTree:
        """Return all transforms of /tf and /tf_static."""
        tree = TransformTree()
        for topic, static in TF_TOPICS.items():
            for _, message in self._read_topic(topic):
                for transform in message.transforms:
                    at, turn = transform.transform.translation, transform.transform.rotation
                    stamp = transform.header.stamp
                    tree.add(
                        transform.header.frame_id,
                        transform.child_frame_id,
                        stamp.sec * 1_000_000_000 + stamp.nanosec,
                        np.array([at.x, at.y, at.z]),
                        np.array([turn.x, turn.y, turn.z, turn.w]),
                        static,
                    )
        return tree

    def _read_topic(self, topic: str, start: int | None = None, stop: int | None = None) -> Any:
        connections = [c for c in self._reader.connections if c.topic == topic]
        if not connections:
            return
        for connection, recorded, data in self._reader.messages(connections, start=start, stop=stop):
            yield recorded, self._reader.deserialize(data, connection.msgtype)


def _opened(path: Path) -> Any:
    try:
        from rosbags.highlevel import AnyReader, AnyReaderError
        from rosbags.rosbag2 import ReaderError
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise InputError("reading bags needs the package rosbags: pip install rosbags") from error
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    try:
        reader = AnyReader([path], default_typestore=get_typestore(Stores.ROS2_HUMBLE))
        reader.open()
    except (AnyReaderError, ReaderError, OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(
            f"{path}: cannot be opened as a rosbag2 recording ({error}); if recording was cut off, repair it "
            "with `ros2 bag reindex` or `mcap recover`"
        ) from error
    return reader
