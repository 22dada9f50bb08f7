"""Structures become messages field by field as docs/ros_interface.md lays them out."""

import numpy as np
import pytest
from autoseg3d.msg import FrameStatus, Instance, InstanceEvent
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from autoseg3d_core.structures import Event, EventKind, LabelledCloud, Presence
from autoseg3d_ros import instance_messages, messages
from autoseg3d_ros.messages import Occasion
from autoseg3d_ros.outcomes import FrameReport, Outcome

OCCASION = Occasion(1_500_000_007, "odom", "camera", 3, 9)
NONE = np.zeros(0, np.int64)


@pytest.fixture
def cloud():
    return LabelledCloud(
        xyz=np.array([[1, 2, 3], [4, 5, 6]], np.float32),
        rgb=np.array([[255, 128, 1], [0, 0, 0]], np.uint8),
        ids=np.array([7, 0]),
        labels=np.array([4, -1]),
    )


def test_points_have_the_layout_of_24_bytes(cloud):
    message = messages.point_cloud(OCCASION.in_world(), cloud, cloud.rgb)
    layout = [(f.name, f.offset, f.datatype, f.count) for f in message.fields]
    real, whole = PointField.FLOAT32, PointField.UINT32
    names = ["x", "y", "z", "rgb", "instance", "label"]
    kinds = [real] * 4 + [whole] * 2
    assert layout == [(n, 4 * i, k, 1) for i, (n, k) in enumerate(zip(names, kinds, strict=True))]
    assert (message.height, message.width, message.point_step, message.row_step) == (1, 2, 24, 48)
    assert message.is_dense
    assert not message.is_bigendian


def test_points_come_back_from_the_wire(cloud):
    message = messages.point_cloud(OCCASION.in_world(), cloud, cloud.rgb)
    points = messages.points_of(deserialize_message(serialize_message(message), PointCloud2))
    assert np.array_equal(np.stack([points["x"], points["y"], points["z"]], axis=1), cloud.xyz)
    assert points["rgb"].tolist() == [0xFF8001, 0]
    assert points["instance"].tolist() == [7, 0]
    assert points["label"].tolist() == [4, 65535]


def test_an_empty_cloud_is_a_message_too(cloud):
    none = cloud[np.zeros(2, bool)]
    message = messages.point_cloud(Header(), none, none.rgb)
    assert message.width == 0
    serialize_message(message)


def test_the_label_image_holds_track_ids(tracks_table):
    ids = np.array([[0, 7], [9, 7]], np.int32)
    message = messages.label_image(OCCASION.in_camera(), ids, tracks_table([7, 9]), "track_id")
    assert (message.encoding, message.width, message.height, message.step) == ("32SC1", 2, 2, 8)
    assert np.array_equal(np.frombuffer(message.data, np.int32).reshape(2, 2), ids)
    assert message.header.frame_id == "camera"


def test_the_packed_label_image_has_label_above_id(tracks_table):
    ids = np.array([[0, 7], [9, 70007]], np.int32)
    tracks = tracks_table([7, 9, 70007], labels=[3, -1, 5])
    message = messages.label_image(OCCASION.in_camera(), ids, tracks, "hydra_packed")
    packed = np.frombuffer(message.data, np.uint32)
    assert (packed & 0xFFFF).tolist() == [0, 7, 9, 70007 & 0xFFFF]
    assert (packed >> 16).tolist()[1:] == [3, 65535, 5]


def test_headers_carry_the_stamp_to_the_nanosecond():
    header = OCCASION.in_world()
    assert (header.stamp.sec, header.stamp.nanosec, header.frame_id) == (1, 500_000_007, "odom")


def test_instances_carry_every_column(tracks_table):
    tracks = tracks_table([4, 8], misses=[0, 2], labels=[1, -1], stamp_ns=2_000_000_001)
    array = instance_messages.instance_array(
        OCCASION, np.eye(4), tracks, np.array([8, 4, 0, 4]), ("chair", "table")
    )
    first, second = array.instances
    assert (array.epoch, array.frame_index, array.camera_frame) == (3, 9, "camera")
    assert (first.track_id, first.state, first.class_id, first.class_name) == (4, 1, 1, "table")
    assert (second.track_id, second.state, second.class_id, second.class_name) == (8, 2, 65535, "")
    assert (first.presence, second.presence) == (Instance.PRESENT, Instance.UNSEEN)
    assert first.score == pytest.approx(0.75)
    assert (first.num_points, first.num_map_points, first.observations) == (7, 11, 3)
    assert (first.box_pose.position.x, first.box_pose.orientation.w) == (8.5, 1.0)
    assert (first.box_size.x, first.box_size.y, first.box_size.z) == (1.0, 1.0, 1.0)
    turned, size = first.oriented_box_pose, first.oriented_box_size
    assert (turned.position.x, turned.position.y, turned.position.z) == (8.5, 0.5, 0.5)
    assert (size.x, size.y, size.z) == (2.0, 1.0, 0.5)
    assert (turned.orientation.x, turned.orientation.y) == (0.0, 0.0)
    assert (turned.orientation.z, turned.orientation.w) == pytest.approx((0.5**0.5, 0.5**0.5))
    assert (first.centroid.x, first.last_seen.sec, first.last_seen.nanosec) == (8.5, 2, 1)
    assert list(first.mask_ids) == [1, 3]
    assert list(second.mask_ids) == [0]
    assert array.camera_pose.orientation.w == pytest.approx(1.0)
    serialize_message(array)


def test_a_young_track_is_tentative(tracks_table):
    assert instance_messages.states(tracks_table([1], mature=False)).tolist() == [Instance.TENTATIVE]


def test_detections_have_the_track_id_as_text_and_the_oriented_box(tracks_table):
    pytest.importorskip("vision_msgs", reason="vision_msgs is not in the workspace")
    array = instance_messages.instance_array(
        OCCASION, np.eye(4), tracks_table([4], labels=[0]), NONE, ("chair",)
    )
    found = instance_messages.detections(OCCASION, array.instances)
    [detection] = found.detections
    assert detection.id == "4"
    assert detection.results[0].hypothesis.class_id == "chair"
    assert detection.results[0].hypothesis.score == pytest.approx(0.5)
    assert (detection.bbox.size.x, detection.bbox.size.y, detection.bbox.size.z) == (2.0, 1.0, 0.5)
    assert detection.bbox.center.orientation.z == pytest.approx(0.5**0.5)
    assert detection.header == found.header == OCCASION.in_world()
    serialize_message(found)


def test_label_info_lists_the_classes():
    pytest.importorskip("vision_msgs", reason="vision_msgs is not in the workspace")
    info = messages.label_info(Header(), ("chair", "table"))
    assert [(c.class_id, c.class_name) for c in info.class_map] == [(0, "chair"), (1, "table")]


@pytest.mark.parametrize("kind", list(EventKind))
def test_events_have_the_numbers_of_the_message(kind):
    message = messages.event_message(OCCASION, Event(kind, 5, 6, "why"))
    assert message.type == getattr(InstanceEvent, kind.name)
    assert (message.track_id, message.other_id, message.reason, message.epoch) == (5, 6, "why", 3)


@pytest.mark.parametrize("presence", list(Presence))
def test_presence_has_the_numbers_of_the_message(presence):
    assert int(presence) == getattr(Instance, presence.name)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_outcomes_have_the_numbers_of_the_message(outcome):
    assert int(outcome) == getattr(FrameStatus, outcome.name)


def test_a_status_sums_the_stages():
    report = FrameReport(
        1,
        "camera",
        Outcome.PROCESSED,
        stages_ms={"mask": 1.0, "encode": 7.0, "perceive": 4.0, "assign": 2.0, "advance": 3.0},
        points=5,
    )
    message = messages.status_message(report, 12)
    assert (message.masks2d_ms, message.tracker_ms, message.points_in) == (1.0, 5.0, 5)
    assert (message.backbone_ms, message.decoder_ms) == (7.0, 4.0)
    assert message.dropped_total == 12
    serialize_message(message)


def test_poses_become_unit_quaternions():
    turned = np.array([[0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]], float)
    pose = messages.pose_message(turned)
    assert (pose.position.x, pose.position.y, pose.position.z) == (1, 2, 3)
    assert abs(pose.orientation.z) == pytest.approx(np.sqrt(0.5))
