"""Image sets wait for the pose at their stamp, and what is lost is counted with its cause."""

import re
import time

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo

from autoseg3d_core.structures import InputError
from autoseg3d_ros.conversions import CameraMessages, TopicNames, frame_from_messages
from autoseg3d_ros.inputs import input_qos, latched_qos, subscriptions
from autoseg3d_ros.messages import image_message
from autoseg3d_ros.node_config import InputConfig, NodeConfig, SyncConfig, TfConfig, TopicsConfig
from autoseg3d_ros.outcomes import Outcome


@pytest.fixture
def bench(make_bench):
    return make_bench()


def test_inputs_match_every_publisher_and_never_slow_one_down():
    qos = input_qos()
    assert (qos.reliability.name, qos.durability.name, qos.depth) == ("BEST_EFFORT", "VOLATILE", 5)


def test_transports_change_topic_and_type(node):
    config = NodeConfig(input=InputConfig(color_transport="compressed", depth_transport="compressedDepth"))
    color, depth, info = subscriptions(node, config)
    assert (color.topic, color.message_type.__name__) == ("/rgb/image/compressed", "CompressedImage")
    assert (depth.topic, depth.message_type.__name__) == ("/depth/image/compressedDepth", "CompressedImage")
    assert (info.topic, info.message_type.__name__) == ("rgb/camera_info", "CameraInfo")


def test_label_images_are_a_fourth_input_of_the_set(node, make_bench, camera_set):
    bench = make_bench(topics=TopicsConfig(masks="masks"))
    bench.poses.everywhere = np.eye(4)
    color, depth, info = camera_set()
    masks = image_message(color.header, "32SC1", np.arange(48, dtype=np.int32).reshape(6, 8))
    bench.feed((color, depth, info, masks))
    [frame] = bench.sink.frames
    decoded = frame_from_messages(frame.messages, np.eye(4), bench.source.names)
    assert decoded.label_image[5, 7] == 47


def test_label_images_of_another_size_are_refused_by_topic(camera_set):
    color, depth, info = camera_set()
    masks = image_message(color.header, "32SC1", np.zeros((3, 8), np.int32))
    names = TopicNames("c", "d", "i", "/masks")
    with pytest.raises(InputError, match="/masks is 8x3"):
        frame_from_messages(CameraMessages(color, depth, info, masks), np.eye(4), names)


def test_a_set_with_its_pose_goes_on_at_once(bench, camera_set):
    bench.poses.everywhere = np.eye(4)
    bench.feed(camera_set())
    [frame] = bench.sink.frames
    assert frame.messages.stamp_ns == 1_000_000_000
    assert frame.camera_frame == "camera"
    assert bench.source.pending() == 0


def test_a_set_waits_for_a_late_pose(bench, camera_set, node, spin_until):
    bench.feed(camera_set())
    assert bench.sink.frames == []
    assert bench.source.pending() == 1
    bench.poses.table[1_000_000_000] = np.diag([1.0, 1, 1, 1])
    assert spin_until([node], lambda: bench.sink.frames, 1)
    assert bench.sink.frames[0].tf_wait_ms > 0


def test_a_set_without_a_pose_is_given_up_with_the_lag(bench, camera_set, node, spin_until):
    bench.poses.table[5] = np.eye(4)
    start = time.monotonic()
    bench.feed(camera_set())
    assert spin_until([node], lambda: bench.sink.reports, 2)
    assert 0.15 < time.monotonic() - start < 1.0
    [report] = bench.sink.reports
    assert report.outcome is Outcome.DROPPED_NO_TF
    assert "123 ms behind" in report.reason
    assert "tf.timeout_s" in report.reason


def test_a_pose_that_comes_too_late_is_told_with_the_timeout_to_set(node, camera_set, spin_until, make_bench):
    bench = make_bench(tf=TfConfig(timeout_s=0.02))
    bench.feed(camera_set())
    assert spin_until([node], lambda: bench.sink.reports, 2)
    spin_until([node], lambda: False, 0.3)
    assert not bench.log.about("set tf.timeout_s")
    bench.poses.table[10**9] = np.eye(4)
    assert spin_until([node], lambda: bench.log.about("set tf.timeout_s"), 2)
    [line] = bench.log.about("set tf.timeout_s")
    late_ms = float(re.search(r"came (\d+) ms", line).group(1))
    enough_s = float(re.search(r"set tf.timeout_s to ([\d.]+)", line).group(1))
    assert late_ms >= 300
    assert late_ms / 1e3 < enough_s < 2 * late_ms / 1e3


def test_a_target_frame_with_a_slash_is_the_same_frame(node, camera_set, make_bench):
    bench = make_bench(target_frame="/odom")
    asked = []
    bench.poses.pose_at = lambda target, source, stamp: asked.append(target) or np.eye(4)
    bench.feed(camera_set(frame_id="/camera"))
    assert set(asked) == {"odom"}
    assert len(bench.sink.frames) == 1


def test_a_later_set_does_not_wait_for_an_earlier_one(bench, camera_set):
    bench.feed(camera_set(stamp_ns=1_000_000_000))
    bench.poses.table[2_000_000_000] = np.eye(4)
    bench.feed(camera_set(stamp_ns=2_000_000_000))
    assert [f.messages.stamp_ns for f in bench.sink.frames] == [2_000_000_000]
    assert bench.source.pending() == 1


def test_an_unknown_target_frame_is_an_error_that_lists_the_known_ones(
    node, camera_set, spin_until, make_bench
):
    bench = make_bench(tf=TfConfig(timeout_s=0.02, unknown_frame_s=0.1), target_frame="map")
    for second in range(1, 7):
        bench.feed(camera_set(stamp_ns=second * 10**9))
        spin_until([node], lambda: False, 0.06)
    [line] = bench.log.about("Known frames")
    assert "'map'" in line
    assert "camera, odom" in line or "odom, camera" in line
    assert bench.sink.frames == []


def test_a_zero_stamp_is_lost_by_name(bench, camera_set):
    color, _, _ = camera_set(stamp_ns=0)
    bench.source.gates[0].accept(color)
    [report] = bench.sink.reports
    assert report.outcome is Outcome.DROPPED_INVALID
    assert bench.source.gates[0].topic in report.reason
    assert bench.log.about("header.stamp is zero")


def test_an_empty_frame_id_is_lost_with_the_cure(bench, camera_set):
    bench.feed(camera_set(frame_id=""))
    assert "camera_frame" in bench.sink.reports[0].reason


def test_the_parameter_camera_frame_replaces_the_frame_id(node, camera_set, make_bench):
    bench = make_bench(camera_frame="eye")
    bench.poses.everywhere = np.eye(4)
    bench.feed(camera_set(frame_id=""))
    assert bench.sink.frames[0].camera_frame == "eye"


def test_a_jumping_pose_is_warned_of_and_passed_on(bench, camera_set):
    far = np.eye(4)
    far[0, 3] = 5.0
    bench.poses.table = {10**9: np.eye(4), 2 * 10**9: far}
    for second in (1, 2):
        bench.feed(camera_set(stamp_ns=second * 10**9))
    assert len(bench.sink.frames) == 2
    assert bench.log.about("moved 5.00 m")


def test_a_frame_says_where_odometry_lies_and_its_jump_is_left_to_the_core(make_bench, camera_set):
    bench = make_bench(target_frame="map")
    far = np.eye(4)
    far[0, 3] = 5.0
    for second, pose in ((1, np.eye(4)), (2, far)):
        bench.poses.everywhere = bench.poses.odometry = pose
        bench.feed(camera_set(stamp_ns=second * 10**9))
    np.testing.assert_array_equal(bench.sink.frames[1].world_from_odometry, far)
    assert not bench.log.about("moved 5.00 m")


def test_the_pose_of_a_nameless_camera_is_not_taken_for_that_of_odometry(make_bench, camera_set):
    bench = make_bench(target_frame="map")
    bench.poses.everywhere = np.eye(4)  # of a pose topic that names no frame
    bench.feed(camera_set(stamp_ns=10**9))
    assert bench.sink.frames[0].world_from_odometry is None


@pytest.mark.parametrize(("world", "odometry"), [("odom", "odom"), ("/odom", "odom"), ("map", "")])
def test_odometry_is_not_asked_for_where_it_is_the_world_or_has_no_name(
    make_bench, camera_set, world, odometry
):
    bench = make_bench(target_frame=world, tf=TfConfig(odometry_frame=odometry))
    bench.poses.everywhere = bench.poses.odometry = np.eye(4)
    bench.feed(camera_set(stamp_ns=10**9))
    assert bench.sink.frames[0].world_from_odometry is None


def test_stamps_that_go_back_clear_what_waits(bench, camera_set):
    bench.feed(camera_set(stamp_ns=9 * 10**9))
    bench.feed(camera_set(stamp_ns=1 * 10**9))
    assert bench.sink.jumps == [8 * 10**9]
    assert bench.poses.restarts == 1
    assert [r.outcome for r in bench.sink.reports] == [Outcome.DROPPED_NO_TF]
    assert bench.source.pending() == 1
    assert bench.log.about("went back by 8.00 s")


def test_a_calibration_that_comes_once_holds_for_all_images(bench, camera_set):
    bench.poses.everywhere = np.eye(4)
    _, _, info = camera_set(stamp_ns=0)
    for second in range(1, 4):
        for gate, message in zip(bench.source.gates, camera_set(stamp_ns=second * 10**9)[:2], strict=False):
            gate.accept(message)
    assert bench.sink.frames == []
    bench.source.gates[2].accept(info)
    assert [f.messages.stamp_ns for f in bench.sink.frames] == [10**9, 2 * 10**9, 3 * 10**9]
    assert all(f.messages.info is info for f in bench.sink.frames)
    assert bench.sink.reports == []


def test_an_image_gets_the_calibration_nearest_in_time(bench, camera_set):
    bench.poses.everywhere = np.eye(4)
    infos = [camera_set(stamp_ns=second * 10**9)[2] for second in (1, 2, 3)]
    for info in infos:
        bench.source.gates[2].accept(info)
    for gate, message in zip(bench.source.gates, camera_set(stamp_ns=2_100_000_000)[:2], strict=False):
        gate.accept(message)
    assert bench.sink.frames[0].messages.info is infos[1]


def test_a_calibration_that_changes_is_used_from_then_on(bench, camera_set):
    bench.poses.everywhere = np.eye(4)
    for stamp_ns, width in ((10**9, 8), (2 * 10**9, 16), (3 * 10**9, 8)):
        bench.feed(camera_set(stamp_ns=stamp_ns, width=width))
    frames = [frame_from_messages(f.messages, np.eye(4), bench.source.names) for f in bench.sink.frames]
    assert [frame.camera.width for frame in frames] == [8, 16, 8]
    assert [frame.depth.shape[1] for frame in frames] == [8, 16, 8]


def test_where_each_image_has_a_calibration_it_waits_a_moment_for_its_own(
    bench, camera_set, node, spin_until
):
    bench.poses.everywhere = np.eye(4)
    bench.feed(camera_set(stamp_ns=10**9))
    color, depth, info = camera_set(stamp_ns=2 * 10**9)
    bench.source.gates[0].accept(color)
    bench.source.gates[1].accept(depth)
    assert len(bench.sink.frames) == 1
    bench.source.gates[2].accept(info)
    assert bench.sink.frames[1].messages.info is info
    for gate, message in zip(bench.source.gates, camera_set(stamp_ns=3 * 10**9)[:2], strict=False):
        gate.accept(message)
    assert spin_until([node], lambda: len(bench.sink.frames) == 3, 2)  # it does not wait for long
    assert bench.sink.frames[2].messages.info is info


def test_images_without_a_calibration_are_lost_by_its_topic(bench, camera_set, node, spin_until):
    bench.poses.everywhere = np.eye(4)
    for gate, message in zip(bench.source.gates, camera_set()[:2], strict=False):
        gate.accept(message)
    assert bench.source.pending() == 1
    assert spin_until([node], lambda: bench.sink.reports, 2)
    [report] = bench.sink.reports
    assert report.outcome is Outcome.DROPPED_SYNC
    assert "/rgb/camera_info" in report.reason
    assert bench.source.pending() == 0


def test_a_calibration_latched_before_the_node_came_is_heard_and_counted_once(
    ros, node, make_bench, camera_set, spin_until
):
    camera = ros.create_node("early_camera")
    publisher = camera.create_publisher(CameraInfo, "rgb/camera_info", latched_qos())
    publisher.publish(camera_set()[2])
    bench = make_bench()
    gate = bench.source.gates[2]
    assert spin_until([node, camera], lambda: gate.received, 5)
    publisher.publish(camera_set(stamp_ns=2 * 10**9)[2])
    assert spin_until([node, camera], lambda: gate.received > 1, 5)
    spin_until([node, camera], lambda: False, 0.3)
    assert gate.received == 2
    camera.destroy_node()


def test_colour_images_without_partners_are_counted(node, camera_set, make_bench):
    bench = make_bench(sync=SyncConfig(queue_size=3))
    for index in range(10):
        bench.source.gates[0].accept(camera_set(stamp_ns=(index + 1) * 10**9)[0])
    assert [r.outcome for r in bench.sink.reports] == [Outcome.DROPPED_SYNC] * 7
    assert [r.stamp_ns for r in bench.sink.reports] == [i * 10**9 for i in range(1, 8)]
    assert "/depth/image" in bench.sink.reports[0].reason
    assert bench.source.pending() == 3


def test_a_disabled_source_ignores_sets(bench, camera_set):
    bench.poses.everywhere = np.eye(4)
    bench.source.is_enabled = False
    bench.feed(camera_set())
    assert bench.sink.frames == []
    assert [r.outcome for r in bench.sink.reports] == [Outcome.DROPPED_INACTIVE]


def test_images_that_are_apart_in_time_are_warned_of(bench, camera_set):
    bench.poses.everywhere = np.eye(4)
    for index in range(40):
        color, _, info = camera_set(stamp_ns=(index + 1) * 10**9)
        _, depth, _ = camera_set(stamp_ns=(index + 1) * 10**9 + 15_000_000)
        bench.feed((color, depth, info))
    assert bench.log.about("15 ms apart")


def test_a_stamp_far_from_the_clock_is_warned_of(node, camera_set, make_bench):
    bench = make_bench(input=InputConfig(clock_warning_s=10.0))
    bench.feed(camera_set())
    assert bench.log.about("use_sim_time")
