"""A fake segmenter, camera messages and a private DDS domain, for the tests of the ROS side.

Without rclpy or the built messages none of these tests can be collected; the reason is printed.
"""

import importlib.util
import itertools
import json
import os
import time
from dataclasses import dataclass, field

import numpy as np
import pytest

os.environ.setdefault("ROS_PYTHON_CHECK_FIELDS", "1")
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
os.environ["ROS_DOMAIN_ID"] = str(10 + os.getpid() % 90)

NEEDED = ("rclpy", "autoseg3d", "message_filters", "tf2_ros")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
collect_ignore_glob = ["test_*.py"] if MISSING else []


def pytest_report_header():
    if MISSING:
        return f"test/ros is left out: no {', '.join(MISSING)} (build the workspace: make test)"
    return "test/ros: ROS 2 found"


QUARTER_TURN = (0.0, 0.0, 0.5**0.5, 0.5**0.5)
"""About z, as a quaternion."""


@pytest.fixture(scope="session")
def tracks_table():
    """Return a function that makes a table of tracks with boxes of 1 m side by side along x.

    Their oriented boxes have the same middles, are 2 m long, along y, 1 m wide and 0.5 m high.
    """
    from autoseg3d_core.structures import TrackTable

    def make(ids, misses=None, mature=True, labels=None, stamp_ns=1):
        count = len(ids)
        ids = np.asarray(ids, np.int64)
        low = np.stack([ids * 2.0, np.zeros(count), np.zeros(count)], axis=1).astype(np.float32)
        ones = np.ones(count, np.int64)
        return TrackTable(
            ids=ids,
            labels=np.full(count, -1) if labels is None else np.asarray(labels),
            score=np.full(count, 0.75, np.float32),
            existence=np.full(count, 0.5, np.float32),
            boxes=np.concatenate([low, low + 1], axis=1),
            oriented_boxes=np.concatenate(
                [low + 0.5, low * 0 + (2.0, 1.0, 0.5), np.tile(QUARTER_TURN, (count, 1))], axis=1
            ),
            centroids=low + 0.5,
            hits=ones * 3,
            misses=np.zeros(count, np.int64) if misses is None else np.asarray(misses),
            presence=2 * (np.zeros(count, np.int64) if misses is None else np.sign(misses)),
            is_mature=np.full(count, mature),
            frame_points=ones * 7,
            map_voxels=ones * 11,
            first_seen_ns=ones,
            last_seen_ns=ones * stamp_ns,
        )

    return make


@dataclass
class FakeSegmenter:
    """Answers every frame with one more track, left half of the image; slow or failing on request."""

    make_table: object
    first_id: int = 1
    step_s: float = 0.0
    masks_s: float = 0.0
    errors: list = field(default_factory=list)
    mask_errors: list = field(default_factory=list)
    masked: list = field(default_factory=list)
    frames: list = field(default_factory=list)
    resets: int = 0
    removed: list = field(default_factory=list)
    configs: list = field(default_factory=list)

    def __post_init__(self):
        self.ids, self.names = [], {}
        self.next_id = self.first_id

    def make_masks(self, frame):
        from autoseg3d_core.structures import MaskImage, TimedMasks

        time.sleep(self.masks_s)
        self.masked.append(frame.stamp_ns)
        if self.mask_errors:
            error = self.mask_errors.pop(0)
            if error is not None:
                raise error
        index = np.zeros(frame.depth.shape, np.int32)
        return TimedMasks(MaskImage(index, np.ones(1, np.float32)), {"mask": 1.0})

    def step(self, frame, made=None):
        from autoseg3d_core.structures import Event, EventKind, LabelledCloud, SceneUpdate

        time.sleep(self.step_s)
        if self.errors:
            error = self.errors.pop(0)
            if error is not None:
                raise error
        self.frames.append(frame)
        self.ids.append(self.next_id)
        self.next_id += 1
        label_image = np.zeros(frame.depth.shape, np.int32)
        label_image[:, : frame.depth.shape[1] // 2] = self.ids[-1]
        points = 5 if (frame.depth > 0).any() else 0
        cloud = LabelledCloud(
            xyz=np.ones((points, 3), np.float32),
            rgb=np.full((points, 3), 9, np.uint8),
            ids=np.full(points, self.ids[-1], np.int64),
            labels=np.full(points, -1, np.int64),
        )
        return SceneUpdate(
            stamp_ns=frame.stamp_ns,
            frame_index=len(self.frames) - 1,
            world_from_camera=frame.world_from_camera,
            label_image=label_image,
            cloud=cloud,
            tracks=self.track_table(),
            mask_ids=np.array([self.ids[-1], 0]),
            events=(Event(EventKind.CREATED, self.ids[-1]),),
            timings_ms={"mask": 1.0, "lift": 2.0},
        )

    def reset(self):
        self.resets += 1
        self.ids = []

    def save(self, path, world):
        path.write_text(json.dumps({"ids": self.ids, "world": world}))

    def load(self, path, world, by_objects=False):
        from autoseg3d_core.structures import InputError

        try:
            self.ids = json.loads(path.read_text())["ids"]
        except (OSError, ValueError) as error:
            raise InputError(f"{path} is no snapshot") from error

    def hide(self, track_id):
        if track_id not in self.ids:
            return False
        self.ids.remove(track_id)
        self.removed.append(track_id)
        return True

    def name_track(self, track_id, name):
        if track_id not in self.ids:
            return False
        self.names[track_id] = name
        return True

    def given_names(self):
        return {track_id: name for track_id, name in self.names.items() if name}

    def map_cloud(self):
        from autoseg3d_core.structures import LabelledCloud

        ids = np.asarray(self.ids, np.int64)
        count = len(ids)
        return LabelledCloud(
            np.ones((count, 3), np.float32), np.ones((count, 3), np.uint8), ids, np.full(count, -1)
        )

    def track_table(self):
        misses = np.arange(len(self.ids))[::-1]
        return self.make_table(self.ids, misses=misses)


@pytest.fixture
def fake_segmenter(tracks_table):
    """Return a function that makes a fake segmenter."""

    def make(**options):
        return FakeSegmenter(tracks_table, **options)

    return make


@pytest.fixture
def camera_set():
    """Return a function that makes colour, depth and camera info of one stamp, 8x6 pixels by default."""
    from std_msgs.msg import Header

    from autoseg3d_core.structures import CameraIntrinsics, Frame
    from autoseg3d_ros.messages import stamp_from_ns
    from autoseg3d_ros.simulated_camera import camera_messages

    def make(stamp_ns=1_000_000_000, width=8, height=6, depth=2.0, frame_id="camera"):
        frame = Frame(
            rgb=np.full((height, width, 3), 100, np.uint8),
            depth=np.full((height, width), depth, np.float32),
            camera=CameraIntrinsics(10.0, 10.0, (width - 1) / 2, (height - 1) / 2, width, height),
            world_from_camera=np.eye(4),
            stamp_ns=stamp_ns,
        )
        return camera_messages(frame, Header(stamp=stamp_from_ns(stamp_ns), frame_id=frame_id))

    return make


@pytest.fixture
def ros():
    """Start and stop rclpy around one test."""
    import rclpy

    rclpy.init()
    yield rclpy
    rclpy.try_shutdown()


_NAMES = itertools.count()


@pytest.fixture
def node(ros):
    """A plain node of a name of its own."""
    node = ros.create_node(f"test_node_{next(_NAMES)}")
    yield node
    node.destroy_node()


@pytest.fixture
def spin_until():
    """Return a function that spins nodes until a condition holds; it tells whether it did."""
    from rclpy.executors import SingleThreadedExecutor

    def spin(nodes, condition, timeout_s=5.0):
        executor = SingleThreadedExecutor()
        for node in nodes:
            executor.add_node(node)
        end = time.monotonic() + timeout_s
        try:
            while time.monotonic() < end:
                if condition():
                    return True
                executor.spin_once(timeout_sec=0.02)
            return bool(condition())
        finally:
            for node in nodes:
                executor.remove_node(node)
            executor.shutdown()

    return spin


class TablePoses:
    """A pose per stamp, to be filled in later; unknown stamps have none."""

    origin = "TF"

    def __init__(self):
        self.table, self.everywhere, self.frames, self.restarts = {}, None, ["odom", "camera"], 0
        self.odometry = None
        self.places = {}

    def pose_at(self, target, source, stamp_ns):
        return self.table.get(stamp_ns, self.everywhere)

    def lag_ms(self, target, source, stamp_ns):
        return 123.0 if self.table else None

    def problem(self):
        return ""

    def between(self, target, source, stamp_ns):
        if source == "odom":
            return self.odometry
        return np.eye(4) if target == source else self.places.get((target, source))

    def known_frames(self):
        return self.frames

    def start_again(self):
        self.restarts += 1


class Sink:
    def __init__(self):
        self.frames, self.reports, self.jumps, self.count = [], [], [], 0
        self.frame, self.lost, self.time_jumped = self.frames.append, self.reports.append, self.jumps.append

    def received(self):
        self.count += 1


class Log:
    """Takes the place of a node's log."""

    def __init__(self):
        self.lines = []
        self.warning = self.error = self.info = self.lines.append

    def about(self, words):
        return [line for line in self.lines if words in line]


class Bench:
    def __init__(self, node, monkeypatch, **sections):
        from autoseg3d_ros.frame_source import FrameSource
        from autoseg3d_ros.node_config import InputConfig, NodeConfig

        self.log, self.poses, self.sink = Log(), TablePoses(), Sink()
        monkeypatch.setattr(node, "get_logger", lambda: self.log)
        config = NodeConfig(**{"input": InputConfig(clock_warning_s=1e12), **sections})
        self.source = FrameSource(node, config, self.poses, self.sink)

    def feed(self, messages):
        for gate, message in zip(self.source.gates, messages, strict=True):
            gate.accept(message)


@pytest.fixture
def make_bench(node, monkeypatch):
    """Return a function that makes a frame source with a table of poses, a log and a sink that keep all."""
    made = []

    def make(**sections):
        made.append(Bench(node, monkeypatch, **sections))
        return made[-1]

    yield make
    for bench in made:
        bench.source.close()
