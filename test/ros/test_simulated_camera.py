"""The simulated camera publishes a sequence with its poses; the input check finds it in order."""

import numpy as np
import pytest
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image

from autoseg3d_core.structures import CameraIntrinsics, Frame
from autoseg3d_ros.check_inputs import look, verdict
from autoseg3d_ros.conversions import CameraMessages, TopicNames, frame_from_messages
from autoseg3d_ros.input_report import InputReport, PublisherReport
from autoseg3d_ros.messages import stamp_from_ns
from autoseg3d_ros.parameters import declare, default_settings
from autoseg3d_ros.process import Ending
from autoseg3d_ros.simulated_camera import SimulatedCamera, camera_messages


class Sequence:
    """A wall that comes nearer, frame by frame."""

    name = "wall"

    def __init__(self, frames=4):
        self.frames = frames

    def __len__(self):
        return self.frames

    def __getitem__(self, index):
        pose = np.eye(4)
        pose[0, 3] = index
        camera = CameraIntrinsics(50.0, 50.0, 31.5, 23.5, 64, 48)
        rgb = np.full((48, 64, 3), 40 * index, np.uint8)
        depth = np.full((48, 64), 3.0 - 0.5 * index, np.float32)
        return Frame(rgb, depth, camera, pose, 10**9 * (index + 1))

    def truth(self, index):
        return None

    def scene_truth(self):
        return None


@pytest.fixture
def make_camera(ros):
    nodes = []

    def make(sequence=None, **parameters):
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        nodes.append(SimulatedCamera(sequence or Sequence(), parameter_overrides=overrides))
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()


def test_messages_hold_the_frame_they_were_made_of():
    from std_msgs.msg import Header

    frame = Sequence()[2]
    messages = camera_messages(frame, Header(stamp=stamp_from_ns(frame.stamp_ns), frame_id="camera"))
    names = TopicNames("color", "depth", "info")
    back = frame_from_messages(CameraMessages(*messages), frame.world_from_camera, names)
    assert np.array_equal(back.rgb, frame.rgb)
    assert np.allclose(back.depth, frame.depth, atol=5e-4)
    assert back.camera == frame.camera
    assert back.stamp_ns == frame.stamp_ns


def test_a_sequence_is_published_to_its_end(make_camera, node, spin_until):
    heard = {"rgb/image": [], "depth/image": [], "rgb/camera_info": []}
    for topic, kind in zip(heard, (Image, Image, CameraInfo), strict=True):
        node.create_subscription(kind, topic, heard[topic].append, 10)
    camera = make_camera(rate_hz=20.0, recorded_stamps=True)
    ending = Ending()
    camera.when_finished = ending.ask
    assert spin_until([node, camera], lambda: ending.is_asked)
    assert spin_until([node, camera], lambda: len(heard["rgb/image"]) == 4, 1)
    assert [m.header.stamp.sec for m in heard["depth/image"]] == [1, 2, 3, 4]


def test_the_input_check_finds_a_running_camera_in_order(make_camera, node, ros):
    import threading

    from rclpy.executors import SingleThreadedExecutor

    camera = make_camera(rate_hz=20.0, loop=True)
    executor = SingleThreadedExecutor()
    executor.add_node(camera)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    text, is_well = look(node, declare(node, default_settings()), 1.5, Ending())
    executor.shutdown()
    thread.join()
    assert is_well, text
    assert "All is well" in text


def test_the_input_check_says_what_is_missing(node):
    text, is_well = look(node, declare(node, default_settings()), 0.3, Ending())
    assert not is_well
    assert text.count("nobody publishes") == 3


def test_the_verdict_lists_what_never_matches_and_what_was_lost():
    publisher = (PublisherReport("sensor_msgs/msg/Image"),)
    reports = [
        InputReport(role, f"/{role}", "sensor_msgs/msg/Image", publisher, 9, 0, stamps)
        for role, stamps in (("color", (10**9,)), ("depth", (2 * 10**9,)), ("camera_info", (10**9,)))
    ]
    text, is_well = verdict(reports, 0.02, 0, ["3 frames lost: no pose"], 1.0)
    assert not is_well
    assert "color and depth never match" in text
    assert "3 frames lost" in text
