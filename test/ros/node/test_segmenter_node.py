"""The node over real DDS with a fake segmenter: topics, time, bad input, diagnostics."""

import json
import time

import numpy as np
import pytest
from autoseg3d.msg import FrameStatus, InstanceEvent
from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import String

from autoseg3d_core.structures import InputError
from autoseg3d_ros.messages import points_of

SECOND = 10**9
IN_CAMERA = {"label_image", "debug_image", "status"}


def stamp_of(message):
    return message.header.stamp.sec * SECOND + message.header.stamp.nanosec


def test_a_frame_comes_out_on_every_topic_with_its_own_stamp(make_robot):
    robot = make_robot().start()
    stamp_ns = 5 * SECOND + 123
    robot.send(stamp_ns)
    assert robot.spin(lambda: all(robot.heard.values())), {k: len(v) for k, v in robot.heard.items()}
    for name in robot.heard.keys() - {"markers"}:
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


def test_the_scene_graph_is_published_where_it_is_asked_for(make_robot):
    robot = make_robot(**{"publish.scene_graph": True})
    graphs = []
    robot.side.create_subscription(String, "autoseg3d/scene_graph", graphs.append, 5)
    robot.start()
    robot.play([SECOND])
    assert robot.spin(lambda: graphs)
    assert [node["attributes"]["name"] for node in json.loads(graphs[0].data)["nodes"]] == ["O(1)"]


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
    assert robot.spin(lambda: robot.heard["instances"])
    assert made == []


def test_a_looped_bag_gives_as_many_outputs_in_each_loop_and_a_new_epoch(make_robot):
    robot = make_robot().start()
    stamps = [SECOND + i * SECOND // 10 for i in range(15)]
    for loop in range(3):
        robot.play(stamps)
        assert robot.totals() == {"PROCESSED": 15 * (loop + 1)}
    assert robot.segmenter.resets == 2
    assert robot.spin(lambda: len(robot.heard["instances"]) == 45)
    epochs = [array.epoch for array in robot.heard["instances"]]
    assert epochs == [0] * 15 + [1] * 15 + [2] * 15
    reasons = [e.reason for e in robot.heard["events"] if e.type == InstanceEvent.RESET]
    assert reasons == ["time_jump"] * 2
    ids = [array.instances[-1].track_id for array in robot.heard["instances"]]
    assert ids == list(range(1, 46)), "an id was used twice"
    frames = [array.frame_index for array in robot.heard["instances"]]
    assert len(set(frames[:15])) == 15
    assert frames[:15] == frames[15:30]


def test_a_small_step_of_the_clock_back_is_ridden_out(make_robot):
    robot = make_robot().start()
    robot.play([10 * SECOND, 11 * SECOND, 11 * SECOND - SECOND // 5, 12 * SECOND])
    assert robot.totals() == {"PROCESSED": 4}
    assert robot.segmenter.resets == 0
    robot.play([12 * SECOND - 1, 5 * SECOND])
    assert robot.segmenter.resets == 1


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
    robot = make_robot({"step_s": 0.3}).start()
    robot.send_tf(SECOND // 2)
    robot.send_tf(8 * SECOND)
    for index in range(40):
        robot.send(SECOND + index * SECOND // 40, tf=False)
        robot.spin(lambda: False, 0.02)
    assert robot.spin(lambda: robot.node._worker.pending() == 0)
    totals = robot.totals()
    received = robot.node._source.gates[0].received
    assert totals["PROCESSED"] >= 2
    assert totals["DROPPED_BUSY"] >= 10
    assert received == sum(totals.values()) + robot.node._source.pending()


def counting(segmenter, frames):
    """Let each step wait for the masks of the next of so many frames; return how many had masks, per step."""
    counts, step = [], segmenter.step

    def counted(frame, made=None):
        def ready():
            return sum(stamp >= frame.stamp_ns for stamp in segmenter.masked)

        end = time.monotonic() + 5
        while ready() < 2 and len(segmenter.masked) < frames and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(0.05)  # long enough for masks that should not be made yet
        counts.append(ready())
        return step(frame, made)

    segmenter.step = counted
    return counts


def test_two_frames_are_in_work_and_every_one_is_accounted_for_in_order(make_robot):
    errors = [None, None, RuntimeError("no masks")]
    robot = make_robot({"mask_errors": errors}, **{"input.policy": "every"}).start()
    ahead = counting(robot.segmenter, 6)
    robot.send_tf(SECOND // 2)
    robot.send_tf(8 * SECOND)
    for index in range(6):
        robot.send(SECOND + index * SECOND // 10, tf=False)
        robot.spin(lambda: False, 0.01)
    assert robot.spin(lambda: sum(robot.totals().values()) == 6)
    assert ahead == [2, 2, 2, 2, 1]
    assert robot.totals() == {"PROCESSED": 5, "FAILED": 1}
    stamps = [frame.stamp_ns for frame in robot.segmenter.frames]
    assert stamps == [stamp for index, stamp in enumerate(robot.segmenter.masked) if index != 2]
    assert stamps == sorted(stamps)


def test_masks_are_made_in_the_frame_s_turn_if_so_configured(make_robot):
    robot = make_robot({}, **{"input.policy": "every", "input.masks_ahead": False}).start()
    ahead = counting(robot.segmenter, 0)
    robot.send_tf(SECOND // 2)
    robot.send_tf(8 * SECOND)
    for index in range(4):
        robot.send(SECOND + index * SECOND // 10, tf=False)
        robot.spin(lambda: False, 0.01)
    assert robot.spin(lambda: robot.totals() == {"PROCESSED": 4})
    assert ahead == [1, 1, 1, 1]


def test_a_node_that_stops_while_masks_are_made_drops_their_frame(make_robot):
    robot = make_robot({"step_s": 0.8, "masks_s": 0.05}, **{"input.policy": "every"}).start()
    robot.send_tf(SECOND // 2)
    robot.send_tf(8 * SECOND)
    for index in range(3):
        robot.send(SECOND + index * SECOND // 10, tf=False)
        robot.spin(lambda: False, 0.01)
    assert robot.spin(lambda: len(robot.segmenter.masked) == 2)
    worker = robot.node._worker
    robot.node.trigger_deactivate()
    assert not any(thread.is_alive() for thread in worker._threads)
    assert robot.totals() == {"PROCESSED": 1, "DROPPED_BUSY": 2}
    assert robot.node._ledger.counts.received() == 3


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
    assert "no message has arrived" in lines[0]


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
    assert "mask median [ms]" in parts["frames"]
    assert int(parts["memory"]["process [MB]"]) > 10


def frames_part(robot):
    """Return the last level and message of the part about frames."""
    for array in reversed(robot.diagnostics):
        for status in array.status:
            if status.name.endswith(": frames"):
                return status.level, status.message
    return b"", ""


def is_error_about(robot, words):
    level, message = frames_part(robot)
    return level == DiagnosticStatus.ERROR and words in message


def spoil_depth(messages):
    messages[1].encoding = "nonsense"


CAUSES = {
    "no TF": ({"tf": False}, None, "no path from 'camera' to 'odom'"),
    "invalid input": ({}, spoil_depth, "depth encoding 'nonsense'"),
    "zero points": ({"depth": 0.0}, None, "no pixel of the depth image has a reading"),
}


@pytest.mark.parametrize("name", CAUSES)
def test_diagnostics_are_an_error_that_names_the_cause(make_robot, name):
    options, spoil, words = CAUSES[name]
    robot = make_robot(**{"tf.timeout_s": 0.05}).start()
    good = robot.camera_set

    def made(stamp_ns, **given):
        messages = good(stamp_ns, **given)
        if spoil:
            spoil(messages)
        return messages

    robot.camera_set = made
    stamps = iter(range(SECOND, 10**6 * SECOND, SECOND // 10))

    def send_and_look():
        robot.send(next(stamps), **options)
        robot.spin(lambda: False, 0.1)
        return is_error_about(robot, words)

    assert robot.spin(send_and_look, 10), frames_part(robot)


def test_diagnostics_are_an_error_while_disabled(make_robot):
    robot = make_robot().start()
    robot.node.enable(False)
    robot.play([SECOND])
    assert robot.spin(lambda: is_error_about(robot, "disabled"), 5)
    assert robot.totals() == {"DROPPED_INACTIVE": 1}
    robot.node.enable(True)
    robot.play([2 * SECOND])
    assert robot.totals() == {"DROPPED_INACTIVE": 1, "PROCESSED": 1}


def test_frames_are_accounted_for_over_activations(make_robot):
    robot = make_robot(**{"tf.timeout_s": 5.0}).start()
    robot.play([SECOND, 2 * SECOND])
    robot.send(3 * SECOND, tf=False)
    assert robot.spin(lambda: robot.node._source.pending() == 1)
    robot.node.trigger_deactivate()
    assert robot.totals() == {"PROCESSED": 2, "DROPPED_INACTIVE": 1}
    robot.node.trigger_activate()
    assert robot.spin(lambda: all(p.get_subscription_count() for p in robot.publishers))
    robot.spin(lambda: False, 0.5)
    robot.play([4 * SECOND])
    assert robot.totals() == {"PROCESSED": 3, "DROPPED_INACTIVE": 1}
    assert robot.node._ledger.counts.received() == 4
