"""Times the ROS part step by step against its budgets: `python -m autoseg3d_ros.benchmark`.

Messages are made and serialised as in the node; only DDS itself is left out.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from rclpy.serialization import serialize_message
from std_msgs.msg import Header

from autoseg3d_core.structures import CameraIntrinsics, Frame, LabelledCloud, TrackTable
from autoseg3d_ros import instance_messages, messages
from autoseg3d_ros.conversions import CameraMessages, TopicNames, frame_from_messages
from autoseg3d_ros.markers import MarkerSet
from autoseg3d_ros.messages import Occasion
from autoseg3d_ros.node_config import MarkersConfig
from autoseg3d_ros.overlay import overlay, track_colors
from autoseg3d_ros.simulated_camera import camera_messages
from autoseg3d_ros.synchronizer import LoopingSynchronizer, StampGate

HEIGHT, WIDTH = 480, 640
POINTS = 60_000
TRACKS = 100
ROUNDS = 50
WARM_UP = 5
BUDGETS_MS = {
    "callbacks per RGB-D pair": 1.0,
    "decode": 3.0,
    "60k-point cloud message": 1.0,
    "instances, 100 of them": 4.0,
    "markers + detections, 100 instances": 8.0,
    "label image": 1.0,
    "debug overlay": 5.0,
}
NO_MASKS = np.zeros(0, np.int64)
NAMES = TopicNames("rgb/image", "depth/image", "rgb/camera_info")


def ros_stage_times(rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Return the time of each step in milliseconds, `rounds` of each; keys are those of `BUDGETS_MS`."""
    random = np.random.default_rng(0)
    frame, cloud = example_frame(random), example_cloud(random)
    label_image = random.integers(0, TRACKS // 10, (HEIGHT // 16, WIDTH // 16)).astype(np.int32)
    label_image = np.ascontiguousarray(np.kron(label_image, np.ones((16, 16), np.int32)))
    occasion = Occasion(1_000_000_000, "odom", "camera", 0, 0)
    tables = [example_tracks(random) for _ in range(2)]
    camera = CameraMessages(*camera_messages(frame, occasion.in_camera()))
    steps: dict[str, Callable[[int], object]] = {
        "callbacks per RGB-D pair": _callbacks(frame),
        "decode": lambda i: frame_from_messages(camera, frame.world_from_camera, NAMES),
        "60k-point cloud message": lambda i: messages.point_cloud(occasion.in_world(), cloud, cloud.rgb),
        "instances, 100 of them": lambda i: serialize_message(
            instance_messages.instance_array(occasion, np.eye(4), tables[i % 2], NO_MASKS)
        ),
        "markers + detections, 100 instances": _markers_and_detections(occasion, tables),
        "label image": lambda i: messages.label_image(
            occasion.in_camera(), label_image, tables[0], "track_id"
        ),
        "debug overlay": lambda i: messages.image_message(
            Header(), "rgb8", overlay(frame.rgb, label_image, tables[0].ids, 0.5)
        ),
    }
    return {name: _times(step, rounds) for name, step in steps.items()}


def example_frame(random: np.random.Generator) -> Frame:
    """Return a frame of noise of the usual size."""
    depth = random.uniform(0.5, 5.0, (HEIGHT, WIDTH)).astype(np.float32)
    rgb = random.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    camera = CameraIntrinsics(525.0, 525.0, 319.5, 239.5, WIDTH, HEIGHT)
    return Frame(rgb, depth, camera, np.eye(4), 1_000_000_000)


def example_cloud(random: np.random.Generator, points: int = POINTS) -> LabelledCloud:
    """Return a cloud of noise."""
    return LabelledCloud(
        xyz=random.normal(size=(points, 3)).astype(np.float32),
        rgb=random.integers(0, 255, (points, 3), dtype=np.uint8),
        ids=random.integers(0, TRACKS, points),
        labels=np.full(points, -1),
    )


def example_tracks(random: np.random.Generator, tracks: int = TRACKS) -> TrackTable:
    """Return tracks with random boxes, all of them mature and in view."""
    low = random.uniform(-5, 5, (tracks, 3)).astype(np.float32)
    size = random.uniform(0.1, 1, (tracks, 3)).astype(np.float32)
    half_turn = random.uniform(-np.pi / 4, np.pi / 4, (tracks, 1)).astype(np.float32)
    turn = np.concatenate([0 * half_turn, 0 * half_turn, np.sin(half_turn), np.cos(half_turn)], axis=1)
    count = np.full(tracks, 10)
    score = random.uniform(size=tracks).astype(np.float32)
    return TrackTable(
        ids=np.arange(1, tracks + 1),
        labels=np.full(tracks, -1),
        score=score,
        existence=score,
        boxes=np.concatenate([low, low + size], axis=1),
        oriented_boxes=np.concatenate([low + size / 2, size, turn], axis=1),
        centroids=low + size / 2,
        hits=count,
        misses=np.zeros(tracks, np.int64),
        presence=np.zeros(tracks, np.int64),
        is_mature=np.ones(tracks, bool),
        frame_points=count,
        map_voxels=count,
        first_seen_ns=count,
        last_seen_ns=count,
    )


def _callbacks(frame: Frame) -> Callable[[int], object]:
    """Return what three messages of one instant cost from subscription to match."""
    gates = [StampGate(name, lambda gate, message: None) for name in ("color", "depth", "info")]
    synchronizer = LoopingSynchronizer(gates, 10, 0.02, *[lambda *_: None] * 3)
    prepared = [
        camera_messages(frame, Header(stamp=messages.stamp_from_ns((i + 1) * 33_000_000))) for i in range(8)
    ]

    def step(index: int) -> None:
        stamp = messages.stamp_from_ns((index + 1) * 33_000_000)
        for gate, message in zip(gates, prepared[index % len(prepared)], strict=True):
            message.header.stamp = stamp
            gate.accept(message)
        assert synchronizer.match_count > index - WARM_UP

    return step


def _markers_and_detections(occasion: Occasion, tables: list[TrackTable]) -> Callable[[int], object]:
    markers, config = MarkerSet(), MarkersConfig()
    arrays = [instance_messages.instance_array(occasion, np.eye(4), tracks, NO_MASKS) for tracks in tables]

    def step(index: int) -> None:
        tracks = tables[index % 2]  # every box changes in every frame
        serialize_message(instance_messages.detections(occasion, arrays[index % 2].instances))
        colors = track_colors(tracks.ids)
        serialize_message(markers.update(occasion.in_world(), tracks, colors, config))

    return step


def _times(step: Callable[[int], object], rounds: int) -> list[float]:
    times = []
    for index in range(rounds + WARM_UP):
        start = time.perf_counter()
        step(index)
        times.append((time.perf_counter() - start) * 1e3)
    return times[WARM_UP:]


def main() -> int:
    """Print the table; return 1 when a median is over its budget."""
    is_over = False
    print(f"{'step (640x480)':40} {'median':>8} {'p95':>8} {'budget':>8}  [ms]")
    for name, times in ros_stage_times().items():
        median, budget = statistics.median(times), BUDGETS_MS[name]
        is_over |= median > budget
        print(f"{name:40} {median:8.2f} {np.percentile(times, 95):8.2f} {budget:8.1f}")
    return int(is_over)


if __name__ == "__main__":
    sys.exit(main())
