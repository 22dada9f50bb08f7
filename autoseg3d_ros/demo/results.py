"""What a recording of the node's outputs says: drops by cause, times per stage, tracks, scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag2 import Reader

from autoseg3d_core.structures import LabelledCloud
from autoseg3d_ros.demo.recorder import typestore

OUTCOMES = ("processed", "dropped: busy", "dropped: no TF", "dropped: sync", "dropped: invalid", "failed")
"""In the order of FrameStatus.outcome."""
STAGES = ("tf_wait", "decode", "masks2d", "lift", "backbone", "decoder", "tracker", "publish", "output_age")
POINT = np.dtype(
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("bgr", "u1", 4), ("instance", "<u4"), ("label", "<u4")]
)


@dataclass(frozen=True)
class NodeResults:
    """What the node published: rows of FrameStatus by outcome, and what it knew at the end."""

    outcomes: Counter[str]
    stage_ms: dict[str, float]
    label_images: dict[int, np.ndarray]
    instances: Any
    map_cloud: LabelledCloud
    messages: Counter[str]


def messages(bag: Path, *topics: str) -> Iterator[tuple[str, Any]]:
    """Return the decoded messages of some topics, or of all, in order."""
    store = typestore()
    with Reader(bag) as reader:
        chosen = [c for c in reader.connections if not topics or c.topic in topics]
        for connection, _, data in reader.messages(connections=chosen):
            yield connection.topic, store.deserialize_cdr(data, connection.msgtype)


def read_results(bag: Path, node: str) -> NodeResults:
    """Read what the node of this name published."""
    outcomes: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    processed, images, last = [], {}, {}
    topics = [f"{node}/{name}" for name in ("status", "label_image", "instances", "map_points")]
    for topic, message in messages(bag, *topics):
        kind = topic.removeprefix(f"{node}/")
        counts[kind] += 1
        last[kind] = message
        if kind == "status":
            outcomes[OUTCOMES[message.outcome]] += 1
            if message.outcome == 0:
                processed.append([getattr(message, f"{stage}_ms") for stage in STAGES])
        elif kind == "label_image":
            images[stamp_ns(message)] = message.data.view(np.int32).reshape(message.height, message.width)
    medians = np.median(np.array(processed), axis=0) if processed else np.zeros(len(STAGES))
    return NodeResults(
        outcomes=outcomes,
        stage_ms={stage: round(float(ms), 1) for stage, ms in zip(STAGES, medians, strict=True)},
        label_images=images,
        instances=last.get("instances"),
        map_cloud=labelled_cloud(last["map_points"]) if "map_points" in last else _empty_cloud(),
        messages=counts,
    )


def stamp_ns(message: Any) -> int:
    """Return a message's header stamp in nanoseconds."""
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec


def labelled_cloud(message: Any) -> LabelledCloud:
    """Return a PointCloud2 of the node as a cloud."""
    points = np.frombuffer(message.data.tobytes(), POINT)
    labels = points["label"].astype(np.int64)
    return LabelledCloud(
        xyz=np.stack([points["x"], points["y"], points["z"]], axis=1),
        rgb=np.ascontiguousarray(points["bgr"][:, 2::-1]),
        ids=points["instance"].astype(np.int64),
        labels=np.where(labels == 65535, -1, labels),
    )


def _empty_cloud() -> LabelledCloud:
    none = np.zeros(0, np.int64)
    return LabelledCloud(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8), none, none)
