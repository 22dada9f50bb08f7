"""What planners and scene graphs are sent: a box per confirmed object, and again only when it changes."""

import dataclasses
import json
import sys
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from geometry_msgs.msg import Pose
from shape_msgs.msg import SolidPrimitive
from std_msgs.msg import Header

from autoseg3d_ros.exports import NO_MOVEIT, Exports
from autoseg3d_ros.messages import Occasion
from autoseg3d_ros.node_config import PublishConfig

SECOND = 10**9


@dataclass
class CollisionObject:
    """The fields of moveit_msgs/CollisionObject that we fill, with their defaults."""

    ADD, REMOVE = b"\x00", b"\x01"
    header: Header = field(default_factory=Header)
    pose: Pose = field(default_factory=Pose)
    id: str = ""
    type: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(key="", db=""))
    primitives: list = field(default_factory=list)
    primitive_poses: list = field(default_factory=list)
    operation: bytes = ADD


@pytest.fixture
def moveit(monkeypatch):
    package, messages = ModuleType("moveit_msgs"), ModuleType("moveit_msgs.msg")
    package.__spec__ = ModuleSpec("moveit_msgs", None)
    package.msg, messages.CollisionObject = messages, CollisionObject
    monkeypatch.setitem(sys.modules, "moveit_msgs", package)
    monkeypatch.setitem(sys.modules, "moveit_msgs.msg", messages)


class Topic:
    def __init__(self):
        self.sent, self.viewers = [], 1
        self.publish = self.sent.append

    def get_subscription_count(self):
        return self.viewers

    def taken(self):
        taken = [(m.operation == CollisionObject.ADD, m.id) for m in self.sent]
        self.sent.clear()
        return taken


class Bench:
    def __init__(self, **config):
        self.topics, self.warnings, self.frames = {}, [], 0
        self.exports = Exports(self.open, PublishConfig(**config), "robot", self.warnings.append)

    def open(self, kind, name, qos):
        self.topics[name] = Topic()
        return self.topics[name]

    def occasion(self):
        return Occasion(SECOND, "map", "camera", 0, 0)

    def show(self, tracks, names=(), rate_hz=1e6):
        self.exports.scene(self.occasion(), tracks, names, rate_hz)


def test_without_an_option_there_is_no_topic():
    bench = Bench()
    assert bench.topics == {}
    assert bench.warnings == []


def test_without_moveit_one_line_says_how_to_get_it(tracks_table):
    bench = Bench(collision_objects=True)
    assert bench.topics == {}
    assert bench.warnings == [NO_MOVEIT]
    bench.show(tracks_table([1]))


def test_a_confirmed_object_is_a_box_of_its_own_size_place_and_angle(moveit, tracks_table):
    bench = Bench(collision_objects=True)
    bench.show(tracks_table([3], labels=[0]), ["chair"])
    [message] = bench.topics["collision_objects"].sent
    assert (message.header.frame_id, message.id, message.type.key) == ("map", "robot_3", "chair")
    assert message.operation == CollisionObject.ADD
    at, turn = message.pose.position, message.pose.orientation
    assert (at.x, at.y, at.z) == (6.5, 0.5, 0.5)
    assert (turn.x, turn.y, turn.z, turn.w) == pytest.approx((0, 0, 0.5**0.5, 0.5**0.5))
    [box] = message.primitives
    assert (box.type, list(box.dimensions)) == (SolidPrimitive.BOX, [2.0, 1.0, 0.5])
    assert message.primitive_poses == [Pose()], "in the object's own frame"


def test_only_what_changes_is_sent(moveit, tracks_table):
    bench = Bench(collision_objects=True)
    topic = bench.topics["collision_objects"]
    tracks = tracks_table([1, 2, 3])
    bench.show(tracks)
    assert topic.taken() == [(True, "robot_1"), (True, "robot_2"), (True, "robot_3")]
    bench.show(tracks)
    assert topic.taken() == []
    boxes = tracks.oriented_boxes.copy()
    boxes[0, 0] += 0.005  # noise
    boxes[1, 3] += 0.05  # grows
    boxes[2, 6:] *= -1  # the same rotation
    bench.show(dataclasses.replace(tracks, oriented_boxes=boxes))
    assert topic.taken() == [(True, "robot_2")]
    boxes[2, 6:] = (0, 0, 0, 1)
    bench.show(dataclasses.replace(tracks, oriented_boxes=boxes)[[0, 2]])
    assert topic.taken() == [(False, "robot_2"), (True, "robot_3")]


def test_noise_does_not_add_up_unseen(moveit, tracks_table):
    bench = Bench(collision_objects=True)
    tracks = tracks_table([1])
    sent = 0
    for step in range(10):
        boxes = tracks.oriented_boxes + np.eye(10, dtype=np.float32)[:1] * 0.004 * step
        bench.show(dataclasses.replace(tracks, oriented_boxes=boxes))
        sent += len(bench.topics["collision_objects"].taken())
    assert sent == 4  # after 12, 24 and 36 mm once more


def test_the_scene_is_the_confirmed_tracks_whatever_comes_and_goes(moveit, tracks_table):
    random = np.random.default_rng(0)
    bench = Bench(collision_objects=True)
    scene = set()
    for _ in range(40):
        ids = np.flatnonzero(random.random(12) < 0.5) + 1
        mature = random.random(len(ids)) < 0.8
        bench.show(tracks_table(ids.tolist(), mature=mature))
        for is_added, name in bench.topics["collision_objects"].taken():
            (scene.add if is_added else scene.remove)(name)
        assert scene == {f"robot_{i}" for i in ids[mature]}
    bench.exports.cleared(bench.occasion())
    assert {name for _, name in bench.topics["collision_objects"].taken()} == scene


def test_a_planner_that_comes_late_gets_all(moveit, tracks_table):
    bench = Bench(collision_objects=True)
    topic = bench.topics["collision_objects"]
    topic.viewers = 0
    bench.show(tracks_table([1, 2]))
    assert topic.taken() == []
    for topic.viewers in (1, 2):
        bench.show(tracks_table([1, 2]))
        assert topic.taken() == [(True, "robot_1"), (True, "robot_2")]


def test_a_graph_has_a_node_for_each_confirmed_object(tracks_table):
    bench = Bench(scene_graph=True)
    tracks = tracks_table([3, 7, 9], misses=[0, 4, 0], labels=[0, -1, 0], stamp_ns=5)
    tracks = dataclasses.replace(tracks, is_mature=np.array([True, True, False]))
    bench.show(tracks, ["chair"])
    [message] = bench.topics["scene_graph"].sent
    graph = json.loads(message.data)
    assert graph["metadata"] == {"frame_id": "map"}
    assert graph["layer_names"]["OBJECTS"] in graph["layer_keys"]
    chair, other = graph["nodes"]
    assert [chair["id"], other["id"]] == [5692549928996306944 + 3, 5692549928996306944 + 7]  # O(3), O(7)
    assert (chair["layer"], chair["partition"]) == (2, 0)
    seen = chair["attributes"]
    assert (seen["type"], seen["name"], seen["semantic_label"]) == ("ObjectNodeAttributes", "chair", 0)
    assert (seen["is_active"], seen["last_update_time_ns"]) == (True, 5)
    assert seen["position"] == [6.5, 0.5, 0.5]
    box = seen["bounding_box"]
    assert (box["type"], box["dimensions"], box["world_P_center"]) == ("OBB", [2, 1, 0.5], [6.5, 0.5, 0.5])
    assert box["world_R_center"] == pytest.approx({"w": 0.5**0.5, "x": 0, "y": 0, "z": 0.5**0.5})
    other = other["attributes"]
    assert (other["name"], other["semantic_label"], other["is_active"]) == ("O(7)", 2**32 - 1, False)


def test_the_graph_comes_at_its_rate_and_for_listeners_only(tracks_table):
    bench = Bench(scene_graph=True)
    topic = bench.topics["scene_graph"]
    topic.viewers = 0
    bench.show(tracks_table([1]))
    assert topic.sent == []
    topic.viewers = 1
    for _ in range(3):
        bench.show(tracks_table([1]), rate_hz=0.01)
    assert len(topic.sent) == 1
