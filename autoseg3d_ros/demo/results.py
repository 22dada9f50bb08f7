"""Reads a recording of the node's outputs: its frames, drops by cause, times per stage, the map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int32
from rosbags.rosbag2 import Reader

from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.structures import Frame, LabelledCloud
from autoseg3d_ros.conversions import stamp_to_ns
from autoseg3d_ros.demo.recorder import typestore
from autoseg3d_ros.messages import UNLABELLED_CLASS, points_of

OUTCOMES = {
    "processed": "processed",
    "dropped_busy": "dropped: busy",
    "dropped_no_tf": "dropped: no TF",
    "dropped_sync": "dropped: sync",
    "dropped_invalid": "dropped: invalid",
    "failed": "failed",
    "pending": "still waiting",
}
"""Keys of the node's diagnostics, which count every frame, and what they mean."""
RECEIVED = "color received"
DIAGNOSTICS = "/diagnostics"
STAGES = ("tf_wait", "decode", "masks2d", "lift", "backbone", "decoder", "tracker", "publish", "output_age")
TENTATIVE = 0


@dataclass(frozen=True, eq=False)
class PublishedFrame:
    """What the node published about one frame."""

    stamp_ns: int
    label_image: Int32[np.ndarray, "height width"]
    cloud: LabelledCloud
    tracks: KnownTracks


@dataclass(frozen=True, eq=False)
class Summary:
    """What became of the frames received, how long each stage took, and what the node knew at the end."""

    received: int
    outcomes: Counter[str]
    stage_ms: dict[str, tuple[float, float]]
    events: Counter[str]
    instances: KnownTracks
    map_cloud: LabelledCloud


class Published:
    """A step of a run that returns what the node published about a frame while it ran."""

    def __init__(self, bag: Path, node: str) -> None:
        self._bag, self._node = bag, node
        self._now: PublishedFrame | None = None

    def indices(self, stamps_ns: Sequence[int]) -> Iterator[int]:
        """Return the indices of the frames that it published something about, one before each `step`."""
        index_of = {stamp: index for index, stamp in enumerate(stamps_ns)}
        for published in published_frames(self._bag, self._node):
            if published.stamp_ns in index_of:
                self._now = published
                yield index_of[published.stamp_ns]

    def step(self, frame: Frame) -> PublishedFrame:
        """Return what was published about the frame that `indices` named last."""
        assert self._now is not None, "step follows indices"
        return self._now


def published_frames(bag: Path, node: str) -> Iterator[PublishedFrame]:
    """Return frame by frame what the node of this name published."""
    kinds = ("label_image", "points", "instances")
    pending: dict[int, dict[str, Any]] = {}
    for topic, message in _messages(bag, *(f"{node}/{kind}" for kind in kinds)):
        stamp = stamp_to_ns(message.header.stamp)
        parts = pending.setdefault(stamp, {})
        parts[topic.removeprefix(f"{node}/")] = message
        if len(parts) == len(kinds):
            image = parts["label_image"]
            labels = image.data.view(np.int32).reshape(image.height, image.width)
            yield PublishedFrame(
                stamp, labels, _labelled_cloud(parts["points"]), _instances(parts["instances"])
            )
            pending = {later: kept for later, kept in pending.items() if later > stamp}


def read_summary(bag: Path, node: str) -> Summary:
    """Read what the node of this name published beside its frames."""
    events: Counter[str] = Counter()
    times: list[list[float]] = []
    last: dict[str, Any] = {}
    topics = [f"{node}/{kind}" for kind in ("status", "instances", "map_points", "events")]
    topics.append(DIAGNOSTICS)
    for topic, message in _messages(bag, *topics):
        kind = topic.removeprefix(f"{node}/")
        last[kind] = message
        if kind == "status" and message.outcome == message.PROCESSED:
            times.append([getattr(message, f"{stage}_ms") for stage in STAGES])
        elif kind == "events":
            events[_event_name(message)] += 1
    counts = _diagnosed(last.get(DIAGNOSTICS))
    spread = np.quantile(np.array(times), (0.5, 0.95), axis=0).T if times else np.zeros((len(STAGES), 2))
    return Summary(
        received=int(counts.get(RECEIVED, 0)),
        outcomes=Counter({label: int(counts.get(key, 0)) for key, label in OUTCOMES.items()}),
        stage_ms={stage: (float(row[0]), float(row[1])) for stage, row in zip(STAGES, spread, strict=True)},
        events=events,
        instances=_instances(last.get("instances")),
        map_cloud=_labelled_cloud(last["map_points"]) if "map_points" in last else _EMPTY,
    )


def _messages(bag: Path, *topics: str) -> Iterator[tuple[str, Any]]:
    store = typestore()
    with Reader(bag) as reader:
        chosen = [connection for connection in reader.connections if connection.topic in topics]
        for connection, _, data in reader.messages(connections=chosen):
            yield connection.topic, store.deserialize_cdr(data, connection.msgtype)


def _diagnosed(diagnostics: Any) -> dict[str, str]:
    """Return the values of all parts of a DiagnosticArray by key."""
    parts = [] if diagnostics is None else diagnostics.status
    return {pair.key: pair.value for part in parts for pair in part.values}


def _instances(message: Any) -> KnownTracks:
    rows = [] if message is None else sorted(message.instances, key=lambda one: one.track_id)
    box = np.array([_numbers(one.box_pose.position, one.box_size) for one in rows], np.float32)
    center, size = np.split(box.reshape(-1, 6), 2, axis=1)
    oriented = [
        _numbers(one.oriented_box_pose.position, one.oriented_box_size, one.oriented_box_pose.orientation)
        for one in rows
    ]
    return KnownTracks(
        ids=np.array([one.track_id for one in rows], np.int64),
        boxes=np.hstack([center - size / 2, center + size / 2]),
        oriented_boxes=np.array(oriented, np.float32).reshape(-1, 10),
        existence=np.array([one.existence for one in rows], np.float32),
        is_mature=np.array([one.state != TENTATIVE for one in rows], bool),
    )


def _numbers(*parts: Any) -> list[float]:
    """Return the coordinates of messages of points, vectors and quaternions."""
    return [getattr(part, axis) for part in parts for axis in "xyzw" if hasattr(part, axis)]


def _labelled_cloud(message: Any) -> LabelledCloud:
    points = points_of(message)
    labels = points["label"].astype(np.int64)
    return LabelledCloud(
        xyz=np.stack([points["x"], points["y"], points["z"]], axis=1),
        rgb=np.stack([points["rgb"] >> shift & 255 for shift in (16, 8, 0)], axis=1).astype(np.uint8),
        ids=points["instance"].astype(np.int64),
        labels=np.where(labels == UNLABELLED_CLASS, -1, labels),
    )


def _event_name(message: Any) -> str:
    names = {value: name.lower() for name, value in vars(type(message)).items() if name.isupper()}
    return names[message.type]


_NONE = np.zeros(0, np.int64)
_EMPTY = LabelledCloud(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8), _NONE, _NONE)
