"""The node over real DDS with a fake segmenter: services, parameters, lifecycle."""

import json
import time

import cv2
import numpy as np
import pytest
from autoseg3d.msg import InstanceEvent
from autoseg3d.srv import GetInstances, GetObject, LoadMap, RemoveInstance, SaveMap, SetLabel
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import PointCloud2
from std_srvs.srv import SetBool, Trigger

from autoseg3d_core.structures import InputError
from autoseg3d_ros.messages import points_of
from autoseg3d_ros.node import SegmenterNode

SECOND = 10**9


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
    robot.play([SECOND])
    assert robot.totals() == {"DROPPED_INACTIVE": 1}
    assert robot.call(SetBool, "enable", SetBool.Request(data=True)).success
    robot.play([2 * SECOND])
    assert robot.totals() == {"DROPPED_INACTIVE": 1, "PROCESSED": 1}


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


def test_a_saved_snapshot_can_be_loaded_and_one_that_is_none_changes_nothing(make_robot, tmp_path):
    robot = make_robot().start()
    robot.play([SECOND, 2 * SECOND])
    path = str(tmp_path / "room.snapshot")
    answer = robot.call(SaveMap, "save_map", SaveMap.Request(path=path))
    assert (answer.success, answer.instances) == (True, 2)
    robot.call(Trigger, "reset", Trigger.Request())
    assert robot.segmenter.ids == []
    answer = robot.call(LoadMap, "load_map", LoadMap.Request(path=path))
    assert (answer.success, answer.instances, answer.points) == (True, 2, 2)
    assert robot.segmenter.ids == [1, 2]
    robot.play([3 * SECOND])
    assert robot.spin(lambda: len(robot.heard["instances"]) == 3)
    assert robot.heard["instances"][-1].epoch == 2
    assert [e.reason for e in robot.heard["events"] if e.type == InstanceEvent.RESET] == [
        "service",
        "load_map",
    ]
    (tmp_path / "room.snapshot").write_text("junk")
    answer = robot.call(LoadMap, "load_map", LoadMap.Request(path=path))
    assert not answer.success
    assert "is no snapshot" in answer.message
    assert robot.segmenter.ids == [1, 2, 3]


def test_without_a_path_the_services_want_the_parameter(make_robot):
    robot = make_robot().start()
    for kind, name in ((SaveMap, "save_map"), (LoadMap, "load_map")):
        answer = robot.call(kind, name, kind.Request())
        assert not answer.success
        assert "snapshot.file" in answer.message


def test_what_is_saved_at_shutdown_is_there_at_the_next_start(make_robot, tmp_path):
    path = tmp_path / "room.snapshot"
    parameters = {"snapshot.file": str(path), "snapshot.load": True, "snapshot.at_shutdown": True}
    robot = make_robot(**parameters).start()
    assert robot.segmenter.ids == []
    robot.play([SECOND, 2 * SECOND])
    robot.node.trigger_deactivate()
    assert not path.exists()
    robot.node.trigger_cleanup()
    assert json.loads(path.read_text()) == {"ids": [1, 2], "world": "odom"}
    robot.node.trigger_configure()
    assert robot.segmenter.ids == [1, 2]


def test_a_file_that_does_not_fit_starts_empty_and_is_kept(make_robot, tmp_path):
    path = tmp_path / "room.snapshot"
    path.write_text("of another model")
    parameters = {"snapshot.file": str(path), "snapshot.load": True, "snapshot.every_s": 0.1}
    robot = make_robot(**parameters).start()
    assert robot.segmenter.ids == []
    robot.play([SECOND])
    assert robot.spin(lambda: (tmp_path / "room.snapshot.before").exists() and path.exists())
    assert (tmp_path / "room.snapshot.before").read_text() == "of another model"
    assert json.loads(path.read_text())["ids"] == [1]


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
    [result] = robot.node.set_parameters([Parameter("model.overlap.min_affinity", value=0.75)])
    assert result.successful
    robot.play([SECOND, 2 * SECOND])
    assert robot.spin(lambda: len(robot.heard["instances"]) == 2)
    assert [i.track_id for i in robot.heard["instances"][1].instances] == [2]
    assert robot.segmenter.configs[-1].model.overlap.min_affinity == 0.75
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


def test_a_step_longer_than_the_patience_at_deactivation_needs_a_new_configuration_and_says_so(
    make_robot, monkeypatch
):
    robot = make_robot({"step_s": 2.5}).start()
    lines = []
    logger = robot.node.get_logger()
    monkeypatch.setattr(type(logger), "error", lambda self, text, **_: lines.append(text))
    robot.send(SECOND)
    assert robot.spin(lambda: robot.node._worker.pending() == 1)
    robot.spin(lambda: False, 0.7)  # it is in the middle of the step
    robot.node.trigger_deactivate()
    assert robot.node.trigger_activate() == TransitionCallbackReturn.FAILURE
    assert "clean up and configure the node first" in lines[-1]
    assert robot.node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    assert robot.node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert robot.node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    robot.spin(lambda: False, 2.0)
    assert not [line for line in lines if "a frame failed" in line]


def test_stopping_says_nothing_of_what_is_done_every_second_anyway(make_robot, monkeypatch):
    robot = make_robot({"step_s": 0.5}).start()
    lines = []
    logger = robot.node.get_logger()
    monkeypatch.setattr(type(logger), "warning", lambda self, text, **_: lines.append(text))
    robot.send(SECOND)
    assert robot.spin(lambda: robot.node._worker.pending() == 1)
    robot.node._tick()
    assert robot.node._refreshing.is_waiting
    robot.node.trigger_deactivate()
    assert not [line for line in lines if "not done" in line]
    assert not robot.node._refreshing.is_waiting


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


def test_an_object_is_told_with_its_box_points_times_and_picture(make_robot):
    robot = make_robot().start()
    robot.play([SECOND, 2 * SECOND])
    answer = robot.call(GetObject, "get_object", GetObject.Request(track_id=2))
    assert answer.success, answer.message
    assert (answer.header.frame_id, answer.instance.track_id) == ("odom", 2)
    assert answer.instance.oriented_box_size.x > 0
    assert answer.instance.first_seen.nanosec == 1
    assert points_of(answer.points)["instance"].tolist() == [2]
    picture = cv2.imdecode(np.frombuffer(answer.picture.data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[2] == 3
    assert abs(int(picture.mean()) - 100) < 5
    answer = robot.call(GetObject, "get_object", GetObject.Request(track_id=77))
    assert not answer.success
    assert "no track 77" in answer.message


def test_a_given_label_is_in_every_message_until_it_is_taken_back(make_robot):
    robot = make_robot().start()
    robot.play([SECOND, 2 * SECOND])
    assert robot.call(SetLabel, "set_label", SetLabel.Request(track_id=1, label="Anna's mug")).success
    robot.play([3 * SECOND])
    assert robot.spin(lambda: len(robot.heard["instances"]) == 3)
    first, second, _ = robot.heard["instances"][-1].instances
    assert (first.class_name, first.class_id) == ("Anna's mug", 1)
    assert second.class_name != "Anna's mug"
    markers = robot.heard["markers"]
    assert robot.spin(lambda: any("Anna's mug" in m.text for array in markers for m in array.markers))
    assert robot.call(SetLabel, "set_label", SetLabel.Request(track_id=1)).success
    robot.play([4 * SECOND])
    assert robot.spin(lambda: len(robot.heard["instances"]) == 4)
    assert robot.heard["instances"][-1].instances[0].class_name != "Anna's mug"
    answer = robot.call(SetLabel, "set_label", SetLabel.Request(track_id=77, label="x"))
    assert (answer.success, answer.message) == (False, "there is no track 77")


def test_class_names_can_come_from_a_file(make_robot, tmp_path):
    (tmp_path / "names.yaml").write_text("- Stuhl")
    robot = make_robot(**{"publish.label_names": str(tmp_path / "names.yaml")}).start()
    assert robot.node._session._publisher._vocabulary.names == ["Stuhl"]


def test_a_names_file_that_is_none_stops_configuring(make_robot, tmp_path):
    robot = make_robot(**{"publish.label_names": str(tmp_path / "nowhere.yaml")})
    assert not robot.node.start()
