"""Where the messages of a bag lie, so that any one can be read again without holding the rest."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoseg3d_core.geometry.transform_tree import TransformTree
from autoseg3d_core.structures import InputError

BAG_ENDINGS = (".mcap", ".db3")
TF_TOPICS = {"/tf": False, "/tf_static": True}
CACHED_MESSAGES = 16


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
        counts: Counter[str] = Counter()
        for connection in self._reader.connections:
            counts[connection.topic] += connection.msgcount
        self.kinds = {c.topic: c.msgtype for c in self._reader.connections if counts[c.topic]}
        """The type of each topic that has messages; recorders list topics on which nothing came as well."""
        if not self.kinds:
            raise InputError(
                f"{path}: the bag is empty: check that the topics are published, and record again"
            )
        self._places: dict[str, list[Stamped]] = {}
        self._cache: dict[Stamped, Any] = {}

    def index(self, topics: Collection[str]) -> None:
        """Find the messages of several topics in one pass over the bag."""
        found: dict[str, list[Stamped]] = {topic: [] for topic in topics if topic not in self._places}
        seen: Counter[tuple[str, int]] = Counter()
        for topic, recorded, kind, data in self._raw(found):
            place = seen[topic, recorded]
            seen[topic, recorded] += 1
            found[topic].append(Stamped(topic, recorded, place, self._stamp_of(topic, kind, data)))
        for topic, places in found.items():
            self._places[topic] = sorted(places, key=lambda m: (m.stamp_ns, m.recorded_ns, m.place))

    def messages(self, topic: str) -> list[Stamped]:
        """Return the messages of a topic in the order of their header stamps."""
        self.index([topic])
        return self._places[topic]

    def read(self, wanted: Stamped) -> Any:
        """Return one message."""
        if wanted not in self._cache:
            while len(self._cache) >= CACHED_MESSAGES:
                self._cache.pop(next(iter(self._cache)))
            at = wanted.recorded_ns
            same_time = list(self._raw([wanted.topic], start=at, stop=at + 1))
            _, _, kind, data = same_time[wanted.place]
            self._cache[wanted] = self._parsed(wanted.topic, kind, data)
        return self._cache[wanted]

    def transform_tree(self) -> TransformTree:
        """Return all transforms of /tf and /tf_static."""
        tree = TransformTree()
        for topic, _, kind, data in self._raw(list(TF_TOPICS)):
            for transform in self._parsed(topic, kind, data).transforms:
                at, turn = transform.transform.translation, transform.transform.rotation
                stamp = transform.header.stamp
                tree.add(
                    transform.header.frame_id,
                    transform.child_frame_id,
                    stamp.sec * 1_000_000_000 + stamp.nanosec,
                    np.array([at.x, at.y, at.z]),
                    np.array([turn.x, turn.y, turn.z, turn.w]),
                    TF_TOPICS[topic],
                )
        return tree

    def _raw(
        self, topics: Collection[str], start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[str, int, str, bytes]]:
        """Return topic, time of recording, type and bytes of the messages of some topics."""
        wanted = [c for c in self._reader.connections if c.topic in topics]
        if not wanted:
            return
        messages = self._reader.messages(wanted, start=start, stop=stop)
        while True:
            try:
                connection, recorded, data = next(messages)
            except StopIteration:
                return
            except Exception as error:  # whatever the storage's parser meets in a damaged file
                raise _damaged(self.path, error) from error
            yield connection.topic, recorded, connection.msgtype, data

    def _parsed(self, topic: str, kind: str, data: bytes) -> Any:
        try:
            return self._reader.deserialize(data, kind)
        except Exception as error:  # whatever the parser meets in a damaged message
            raise InputError(f"{self.path}: {topic}: a message cannot be read ({error})") from error

    def _stamp_of(self, topic: str, kind: str, data: bytes) -> int:
        """Return the stamp of a message that begins with a header, without parsing the rest of it."""
        if len(data) < 12:
            raise InputError(f"{self.path}: {topic}: a {kind} message of {len(data)} bytes is cut off")
        seconds, nanoseconds = struct.unpack_from("<iI" if data[1] & 1 else ">iI", data, 4)
        return seconds * 1_000_000_000 + nanoseconds


def _opened(path: Path) -> Any:
    try:
        from rosbags.highlevel import AnyReader
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise InputError("reading bags needs the package rosbags: pip install rosbags") from error
    try:
        reader = AnyReader(_files_of(path), default_typestore=get_typestore(Stores.ROS2_HUMBLE))
        reader.open()
    except InputError:
        raise
    except Exception as error:  # whatever the storage's parser meets in a damaged file
        raise _damaged(path, error) from error
    return reader


def _files_of(path: Path) -> list[Path]:
    """Return what to open: the folder with its metadata, or else, after a crash, the files in it."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_file() or (path / "metadata.yaml").exists():
        return [path]
    files = sorted(file for file in path.iterdir() if file.suffix in BAG_ENDINGS)
    if not files:
        raise InputError(f"{path}: no metadata.yaml, .mcap or .db3 file: this is not a bag")
    return files


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path}: cannot be read as a rosbag2 recording ({error}); if the recording was cut off, repair an "
        "MCAP file with `mcap recover FILE -o NEW.mcap`, and metadata.yaml with `ros2 bag reindex FOLDER`"
    )
