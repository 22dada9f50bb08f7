"""The node over real DDS with a fake segmenter: topics, services, parameters, lifecycle, and bad input."""

import time

import numpy as np
import pytest
from autoseg3d.msg import FrameStatus, InstanceArray, InstanceEvent
from autoseg3d.srv import GetInstances, RemoveInstance, SaveMap
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TransformStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_srvs.srv import SetBool, Trigger
from tf2_ros import TransformBroadcaster
from visualization_msgs.msg import MarkerArray

from autoseg3d_core.structures import InputError
from autoseg3d_ros.messages import points_of, stamp_from_ns
from autoseg3d_ros.node import SegmenterNode
from autoseg3d_ros.segmenter import BuiltSegmenter

SECOND = 10**9
OUTPUTS = {
    "points": PointCloud2,
    "map_points": PointCloud2,
    "instances": InstanceArray,
    "label_image": Image,
    "debug_image": Image,
    "markers": MarkerArray,
    "events": InstanceEvent,
    "status": FrameStatus,
}
IN_CAMERA = {"label_image", "debug_image", "status"}


class Robot:
    """A camera, TF and a listener in one node beside the node under test."""

    def __init__(self, ros, make_segmenter, camera_set, namespace="", **parameters):
        self.camera_set, self.built = camera_set, []
        self.make_segmenter = make_segmenter
        overrides = {"input.clock_warning_s": 1e12, **parameters}
        self.node = SegmenterNode(
            build=self.build,
            namespace=namespace,
            parameter_overrides=[Parameter(name, value=value) for name, value in overrides.items()],
        )
        self.side = ros.create_node("robot", namespace=namespace)
        qos = QoSProfile(depth=10)
        self.publishers = [
            self.side.create_publisher(kind, name, qos)
            for kind, name in ((Image, "rgb/image"), (Image, "depth/image"), (CameraInfo, "rgb/camera_info"))
        ]
        self.tf = TransformBroadcaster(self.side)
        self.heard = {name: [] for name in OUTPUTS}
        for name, kind in OUTPUTS.items():
            self.side.create_subscription(kind, f"autoseg3d/{name}", self.heard[name].append, 50)
        self.diagnostics = []
        self.side.create_subscription(DiagnosticArray, "/diagnostics", self.diagnostics.append, 10)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.executor.add_node(self.side)

    def build(self, config, first_id):
        segmenter = self.make_segmenter(first_id)
        self.built.append(segmenter)
        return BuiltSegmenter(segmenter, segmenter.configs.append, lambda: segmenter.next_id, ("chair",))

    @property
    def segmenter(self):
        return self.built[-1]

    def start(self):
        assert self.node.start()
        assert self.spin(lambda: all(p.get_subscription_count() for p in self.publishers))
        assert self.spin(lambda: self.side.count_subscribers("/tf") > 0)
        assert self.spin(lambda: self.side.count_publishers("autoseg3d/status") > 0)
        self.spin(lambda: False, 0.3)
        return self

    def spin(self, condition, timeout_s=5.0):
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if condition():
                return True
            self.executor.spin_once(timeout_sec=0.01)
        return bool(condition())

    def send_tf(self, stamp_ns, x=0.0):
        message = TransformStamped(child_frame_id="camera")
        message.header.frame_id, message.header.stamp = "odom", stamp_from_ns(stamp_ns)
        message.transform.translation.x, message.transform.rotation.w = float(x), 1.0
        self.tf.sendTransform(message)

    def send(self, stamp_ns, tf=True, **options):
        if tf:
            self.send_tf(stamp_ns)
        for publisher, message in zip(self.publishers, self.camera_set(stamp_ns, **options), strict=True):
            publisher.publish(message)

    def play(self, stamps):
        """Send sets one by one, and wait for what becomes of each."""
        for stamp_ns in stamps:
            before = self.settled()
            self.send(stamp_ns)
            assert self.spin(lambda before=before: self.settled() > before), f"no news of {stamp_ns}"

    def settled(self):
        return sum(self.node._ledger.counts.totals().values())

    def totals(self):
        return {o.name: n for o, n in self.node._ledger.counts.totals().items() if n}

    def call(self, kind, name, request):
        client = self.side.create_client(kind, f"autoseg3d/{name}")
        assert self.spin(client.service_is_ready)
        future = client.call_async(request)
        assert self.spin(future.done)
        self.side.destroy_client(client)
        return future.result()

    def close(self):
        assert self.node.close()
        self.executor.remove_node(self.node)
        self.executor.remove_node(self.side)
        self.executor.shutdown()
        self.node.destroy_node()
        self.side.destroy_node()


@pytest.fixture
def make_robot(ros, fake_segmenter, camera_set):
    robots = []

    def make(segmenter=None, **parameters):
        options = segmenter or {}
        robots.append(
            Robot(
                ros, lambda first_id: fake_segmenter(first_id=first_id, **options), camera_set, **parameters
            )
        )
        return robots[-1]

    yield make
    for robot in robots:
        robot.close()


def stamp_of(message):
    return message.header.stamp.sec * SECOND + message.header.stamp.nanosec


def test_a_frame_comes_out_on_every_topic_with_its_own_stamp(make_robot):
    robot = make_robot().start()
    stamp_ns = 5 * SECOND + 123
    robot.send(stamp_ns)
    assert robot.spin(lambda: all(robot.heard.values())), {k: len(v) for k, v in robot.heard.items()}
    for name in OUTPUTS.keys() - {"markers"}:
        message = robot.heard[name][0]
        assert stamp_of(message) == stamp_ns, name
        assert message.header.frame_id == ("camera" if name in IN_CAMERA else "odom"), name
    marker = robot.heard["markers"][0].markers[0]
    assert (stamp_of(marker), marker.header.frame_id) == (stamp_ns, "odom")
    [instance] = robot.heard["instances"][0].instances
    assert instance.track_id == 1
    assert points_of(robot.heard["points"][0])["instance"].tolist() == [1] * 5
    assert robot.heard["status"][0].outcome == FrameStatus.PROCESSED
    assert robot.heard["events"][0].type == InstanceEvent.CREATED


def test_topics_without_listeners_are_not_built(make_robot, monkeypatch):
    from autoseg3d_ros import messages

    robot = make_robot()
    for name in ("points", "map_points", "label_image", "debug_image", "markers"):
        for subscription in list(robot.side.subscriptions):
            if subscription.topic_name == f"/autoseg3d/{name}":
                robot.side.destroy_subscription(subscription)
    robot.start()
    made = []
    for function in ("point_cloud", "label_image", "image_message"):
        monkeypatch.setattr(messages, function, lambda *_, name=function: made.append(name))
    robot.play([SECOND])
    assert robot.heard["instances"]
    assert made == []


def test_a_looped_bag_gives_as_many_outputs_in_each_loop_and_a_new_epoch(make_robot):
    robot = make_robot().start()
    stamps = [SECOND + i * SECOND // 10 for i in range(15)]
    for loop in range(3):
        robot.play(stamps)
        assert robot.totals() == {"PROCESSED": 15 * (loop + 1)}
    assert robot.segmenter.resets == 2
    epochs = [array.epoch for array in robot.heard["instances"]]
    assert epochs == [0] * 15 + [1] * 15 + [2] * 15
    reasons = [e.reason for e in robot.heard["events"] if e.type == InstanceEvent.RESET]
    assert reasons == ["time_jump"] * 2
    ids = [array.instances[-1].track_id for array in robot.heard["instances"]]
    assert ids == list(range(1, 46)), "an id was used twice"
    frames = [array.frame_index for array in robot.heard["instances"]]
    assert len(set(frames[:15])) == 15
    assert frames[:15] == frames[15:30]


def test_tracks_can_be_kept_over_a_jump(make_robot):
    robot = make_robot(**{"input.on_time_jump": "keep"}).start()
    robot.play([5 * SECOND, SECOND])
    assert robot.segmenter.resets == 0


@pytest.mark.parametrize(
    ("delay_s", "outcome"),
    [(0.0, "PROCESSED"), (0.05, "PROCESSED"), (0.15, "PROCESSED"), (0.4, "DROPPED_NO_TF")],
)
def test_a_pose_may_be_late_up_to_the_timeout(make_robot, delay_s, outcome):
    robot = make_robot(**{"tf.timeout_s": 0.25}).start()
    robot.send(SECOND, tf=False)
    robot.spin(lambda: False, delay_s)
    robot.send_tf(SECOND)
    assert robot.spin(lambda: robot.totals() == {outcome: 1})


def test_a_slow_segmenter_works_on_fresh_frames_and_every_frame_is_accounted_for(make_robot):
    robot = make_robot({"step_s": 0.1}).start()
    robot.send_tf(SECOND // 2)
    robot.send_tf(8 * SECOND)
    for index in range(40):
        robot.send(SECOND + index * SECOND // 40, tf=False)
        robot.spin(lambda: False, 0.02)
    assert robot.spin(lambda: robot.node._worker.pending() == 0)
    totals = robot.totals()
    received = robot.node._source.gates[0].received
    assert totals["PROCESSED"] >= 5
    assert totals["DROPPED_BUSY"] >= 10
    assert received == sum(totals.values()) + robot.node._source.pending()


def test_with_policy_every_no_frame_is_dropped(make_robot):
    robot = make_robot({"step_s": 0.02}, **{"input.policy": "every"}).start()
    robot.send_tf(SECOND // 2)
    robot.send_tf(8 * SECOND)
    for index in range(10):
        robot.send(SECOND + index * SECOND // 10, tf=False)
        robot.spin(lambda: False, 0.005)
    assert robot.spin(lambda: robot.totals() == {"PROCESSED": 10}), robot.totals()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda color, depth, info: setattr(color, "encoding", "nonsense"), "/rgb/image"),
        (lambda color, depth, info: setattr(depth, "encoding", "nonsense"), "/depth/image"),
        (lambda color, depth, info: setattr(info, "k", np.zeros(9)), "/rgb/camera_info"),
        (lambda color, depth, info: setattr(info, "width", 99), "/rgb/camera_info"),
    ],
)
def test_a_bad_message_is_dropped_by_name_and_the_node_goes_on(make_robot, monkeypatch, spoil, words):
    robot = make_robot().start()
    lines = []
    monkeypatch.setattr(robot.node._ledger, "warning", lambda cause, text: lines.append(text))
    good = robot.camera_set

    def bad(stamp_ns, **options):
        messages = good(stamp_ns, **options)
        spoil(*messages)
        if not messages[2].k[0]:
            messages[2].p = np.zeros(12)
        return messages

    robot.camera_set = bad
    robot.play([SECOND])
    robot.camera_set = good
    robot.play([2 * SECOND])
    assert robot.totals() == {"DROPPED_INVALID": 1, "PROCESSED": 1}
    assert any(words in line for line in lines), lines
    assert robot.spin(lambda: len(robot.heard["status"]) == 2)


def test_a_step_that_raises_fails_one_frame_only(make_robot):
    errors = [RuntimeError("CUDA out of memory"), InputError("depth: nothing to see"), None]
    robot = make_robot({"errors": errors}).start()
    robot.play([SECOND, 2 * SECOND, 3 * SECOND])
    assert robot.totals() == {"FAILED": 1, "DROPPED_INVALID": 1, "PROCESSED": 1}
    assert robot.spin(lambda: len(robot.heard["status"]) == 3)
    assert {s.outcome for s in robot.heard["status"]} == {0, 4, 5}


def test_failures_in_a_row_deactivate(make_robot):
    parameters = {"diagnostics.failures_in_a_row": 2}
    robot = make_robot({"errors": [RuntimeError("broken")] * 3}, **parameters).start()
    robot.play([SECOND, 2 * SECOND])
    assert robot.spin(lambda: robot.node._worker is None, 3)


def test_silence_is_explained_by_name(make_robot, monkeypatch):
    parameters = {"diagnostics.silence_s": 0.5}
    robot = make_robot(**parameters).start()
    lines = []
    monkeypatch.setattr(robot.node._diagnostics._log, "warning", lambda cause, text: lines.append(text))
    for index in range(3):
        robot.publishers[0].publish(robot.camera_set((index + 1) * SECOND)[0])
    assert robot.spin(lambda: lines, 4)
    assert "color /rgb/image: 1 publishers, 3 messages" in lines[0]
    assert "depth /depth/image: 1 publishers, 0 messages" in lines[0]
    assert "no message has come" in lines[0]


def test_diagnostics_tell_rates_drops_and_memory(make_robot):
    robot = make_robot().start()
    robot.play([SECOND, 2 * SECOND])
    assert robot.spin(lambda: any(len(d.status) == 3 for d in robot.diagnostics), 3)
    robot.diagnostics.clear()
    assert robot.spin(lambda: robot.diagnostics, 3)
    parts = {s.name.split(": ")[1]: {v.key: v.value for v in s.values} for s in robot.diagnostics[0].status}
    assert parts["input"]["color topic"] == "/rgb/image"
    assert parts["input"]["color received"] == "2"
    assert parts["frames"]["processed"] == "2"
    assert parts["frames"]["dropped_busy"] == "0"
    assert "segment median [ms]" in parts["frames"]
    assert int(parts["memory"]["process [MB]"]) > 10


def test_reset_starts_an_epoch_and_ids_go_on(make_robot):
    robot = make_robot().start()
    robot.play([SECOND, 2 * SECOND])
    answer = robot.call(Trigger, "reset", Trigger.Request())
    assert answer.success
    assert "2 tracks" in answer.message
    robot.play([3 * SECOND])
    assert robot.spin(lambda: len(robot.heard["instances"]) == 3)
    last = robot.heard["instances"][-1]
    assert (last.epoch, last.frame_index, [i.track_id for i in last.instances]) == (1, 0, [3])
    assert robot.spin(lambda: any(m.markers[0].action == 3 for m in robot.heard["markers"]))


def test_disabling_ignores_frames(make_robot):
    robot = make_robot().start()
    assert robot.call(SetBool, "enable", SetBool.Request(data=False)).success
    robot.send(SECOND)
    robot.spin(lambda: False, 0.3)
    assert robot.totals() == {}
    assert robot.call(SetBool, "enable", SetBool.Request(data=True)).success
    robot.play([2 * SECOND])
    assert robot.totals() == {"PROCESSED": 1}


def test_the_map_is_saved_once_unless_overwritten(make_robot, tmp_path):
    robot = make_robot().start()
    robot.play([SECOND, 2 * SECOND])
    request = SaveMap.Request(path=str(tmp_path / "map.ply"))
    answer = robot.call(SaveMap, "save_map", request)
    assert (answer.success, answer.instances, answer.points) == (True, 2, 2)
    assert (tmp_path / "map.ply").is_file()
    answer = robot.call(SaveMap, "save_map", request)
    assert not answer.success
    assert "overwrite" in answer.message


def test_instances_can_be_asked_for(make_robot):
    robot = make_robot().start()
    robot.play([SECOND, 2 * SECOND])
    answer = robot.call(
        GetInstances, "get_instances", GetInstances.Request(track_ids=[2], include_points=True)
    )
    assert [i.track_id for i in answer.instances.instances] == [2]
    assert answer.instances.header.frame_id == "odom"
    assert points_of(answer.points)["instance"].tolist() == [2]
    everything = robot.call(GetInstances, "get_instances", GetInstances.Request())
    assert [i.track_id for i in everything.instances.instances] == [1, 2]


def test_an_instance_can_be_removed(make_robot):
    robot = make_robot().start()
    robot.play([SECOND])
    assert robot.call(RemoveInstance, "remove_instance", RemoveInstance.Request(track_id=1)).success
    answer = robot.call(RemoveInstance, "remove_instance", RemoveInstance.Request(track_id=1))
    assert not answer.success
    assert "no track 1" in answer.message
    assert robot.spin(lambda: any(e.type == InstanceEvent.REMOVED for e in robot.heard["events"]))


def test_services_answer_while_inactive(make_robot):
    robot = make_robot().start()
    robot.play([SECOND])
    robot.node.trigger_deactivate()
    assert robot.call(Trigger, "reset", Trigger.Request()).success
    assert not robot.call(SetBool, "enable", SetBool.Request(data=True)).success


def test_live_parameters_take_effect_on_the_next_frame_and_others_are_refused(make_robot):
    robot = make_robot().start()
    [result] = robot.node.set_parameters([Parameter("publish.include_occluded", value=False)])
    assert result.successful
    [result] = robot.node.set_parameters([Parameter("assignment.min_affinity", value=0.75)])
    assert result.successful
    robot.play([SECOND, 2 * SECOND])
    assert robot.spin(lambda: len(robot.heard["instances"]) == 2)
    assert [i.track_id for i in robot.heard["instances"][1].instances] == [2]
    assert robot.segmenter.configs[-1].assignment.min_affinity == 0.75
    for name, value in (("target_frame", "map"), ("debug.opacity", 7.0), ("markers.style", "ball")):
        [result] = robot.node.set_parameters([Parameter(name, value=value)])
        assert not result.successful
        assert result.reason


def test_the_node_can_be_activated_again_and_again(make_robot):
    robot = make_robot().start()
    for round_number in range(5):
        robot.play([(round_number + 1) * SECOND])
        start = time.monotonic()
        robot.node.trigger_deactivate()
        assert time.monotonic() - start < 2
        assert robot.node._worker is None
        robot.node.trigger_activate()
        assert robot.spin(lambda: all(p.get_subscription_count() for p in robot.publishers))
        assert robot.spin(lambda: robot.side.count_subscribers("/tf") > 0)
        robot.spin(lambda: False, 0.2)
    assert robot.totals() == {"PROCESSED": 5}


def test_cleaning_up_frees_the_segmenter_and_reuses_no_id(make_robot):
    robot = make_robot().start()
    robot.play([SECOND, 2 * SECOND])
    robot.node.trigger_deactivate()
    robot.node.trigger_cleanup()
    assert robot.node._built is None
    assert robot.spin(lambda: any(e.reason == "lifecycle" for e in robot.heard["events"]))
    robot.start()
    robot.play([3 * SECOND])
    assert robot.segmenter.ids == [3]
    assert robot.spin(lambda: len(robot.heard["instances"]) == 3)
    assert robot.heard["instances"][-1].epoch == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ImportError("No module named 'spconv'"), "doctor"),
        (InputError("weights missing: run this"), "run this"),
        (RuntimeError("a bug"), "Traceback"),
    ],
)
def test_a_segmenter_that_cannot_be_built_is_reported_and_the_node_lives(ros, monkeypatch, error, words):
    def fail(config, first_id):
        raise error

    node = SegmenterNode(build=fail)
    lines = []
    logger = node.get_logger()
    monkeypatch.setattr(type(logger), "error", lambda self, text, **_: lines.append(text))
    assert not node.start()
    assert any(words in line for line in lines)
    assert node._built is None
    node.close()
    node.destroy_node()


def test_stopping_in_the_middle_of_a_step_takes_less_than_two_seconds(make_robot):
    robot = make_robot({"step_s": 1.0}).start()
    robot.send(SECOND)
    assert robot.spin(lambda: robot.node._worker.pending() == 1)
    start = time.monotonic()
    robot.node.trigger_deactivate()
    assert time.monotonic() - start < 2


def test_the_map_reaches_a_viewer_that_comes_late(make_robot):
    robot = make_robot().start()
    robot.play([SECOND])
    late = []
    qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    robot.side.create_subscription(PointCloud2, "autoseg3d/map_points", late.append, qos)
    assert robot.spin(lambda: late, 3)


def test_two_nodes_in_two_namespaces_do_not_hear_each_other(make_robot):
    left, right = make_robot(namespace="left").start(), make_robot(namespace="right").start()
    left.play([SECOND, 2 * SECOND])
    right.spin(lambda: False, 0.3)
    assert left.totals() == {"PROCESSED": 2}
    assert right.totals() == {}
    assert left.spin(lambda: len(left.heard["instances"]) == 2)
    assert right.heard["instances"] == []
