"""The node with the core's own segmenter in a room of boxes: TF that jumps, restarts, other poses."""

import dataclasses

import numpy as np
import pytest
from autoseg3d.msg import InstanceEvent
from autoseg3d.srv import LoadMap, SaveMap
from geometry_msgs.msg import PoseStamped
from raycast_rooms import CAMERA, CRATE, CUPBOARD, TABLE, looking, view
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from tf2_ros import StaticTransformBroadcaster

from autoseg3d_core.geometry.transforms import inverse_rigid
from autoseg3d_ros.messages import image_message, pose_message, stamp_from_ns
from autoseg3d_ros.segmenter import build_segmenter
from autoseg3d_ros.simulated_camera import camera_info, camera_messages, transform_message

SECOND = 10**9
STEP_NS = SECOND // 10
THINGS = {1: CUPBOARD, 2: TABLE, 3: CRATE}
MOUNT = looking(0.0, 0.0, (0.2, 0.0, 1.2))
"""The camera on the base."""
PARAMETERS = {
    "model.name": "overlap",
    "masks.name": "precomputed",
    "topics.masks": "masks",
    "lifting.points": 3000,
    "target_frame": "map",
    "tf.timeout_s": 2.0,
}


def moved(x=0.0, y=0.0):
    pose = np.eye(4)
    pose[:2, 3] = x, y
    return pose


class RobotInARoom:
    """Plays views of the room; `world` is where odometry's frame lies in the map."""

    def __init__(self, make_robot, **parameters):
        self.robot = make_robot(**{**PARAMETERS, **parameters})
        self.robot.build = self.robot.node._build = build_segmenter
        side = self.robot.side
        self.robot.publishers.append(side.create_publisher(Image, "masks", 10))
        self.robot.camera_set = self.messages
        self.robot.send_tf = self.send_tf
        self.world, self.pose, self.now_ns = np.eye(4), np.eye(4), SECOND
        self.mount = StaticTransformBroadcaster(side)
        self.mount.sendTransform(transform_message(Header(frame_id="base_link"), "camera", MOUNT))
        self.robot.start()

    def messages(self, stamp_ns):
        header = Header(stamp=stamp_from_ns(stamp_ns), frame_id="camera")
        frame = view(self.pose, THINGS, stamp_ns=stamp_ns)
        return *camera_messages(frame, header), image_message(header, "32SC1", frame.label_image)

    def send_tf(self, stamp_ns):
        def sent(parent, child, pose):
            header = Header(stamp=stamp_from_ns(stamp_ns), frame_id=parent)
            return transform_message(header, child, pose)

        odom_from_base = self.pose @ inverse_rigid(MOUNT)
        transforms = [sent("map", "odom", self.world), sent("odom", "base_link", odom_from_base)]
        self.robot.tf.sendTransform(transforms)

    def look_around(self, frames=3):
        """Look at each thing for some frames; return the last message about the instances."""
        for yaw in (0.0, 76.0, 200.0):
            for index in range(frames):
                self.pose = looking(yaw + 3 * np.sin(index), 20 + 6 * np.sin(2 * index))
                self.now_ns += STEP_NS
                self.robot.play([self.now_ns])
        heard = self.robot.heard["instances"]
        count = self.robot.totals()["PROCESSED"]
        assert self.robot.spin(lambda: len(heard) == count)
        return {item.track_id: middle(item) for item in heard[-1].instances}

    def kinds(self):
        return [event.type for event in self.robot.heard["events"]]


def middle(instance):
    at = instance.box_pose.position
    return np.array([at.x, at.y, at.z])


def middles(truth):
    return np.array([(box[0] + box[1]) / 2 for box in truth.values()])


@pytest.fixture
def make_room(make_robot):
    """Return a function that makes a robot in a room of boxes, by the parameters of its node."""
    return lambda **parameters: RobotInARoom(make_robot, **parameters)


def agree(first, second, atol=0.1):
    assert first.keys() == second.keys()
    for name, place in first.items():
        np.testing.assert_allclose(second[name], place, atol=atol)


def test_a_jump_of_localisation_moves_the_map_and_keeps_the_ids(make_room):
    room = make_room()
    before = room.look_around()
    assert len(before) == len(THINGS)
    room.world = moved(3.0, -1.0)
    after = room.look_around()
    assert room.kinds().count(InstanceEvent.CORRECTED) == 1
    agree({name: place + np.array([3.0, -1.0, 0.0]) for name, place in before.items()}, after, 0.15)
    assert room.robot.totals() == {"PROCESSED": 18}


def test_a_restarted_node_that_loads_the_map_knows_all_things_by_their_ids(make_room, make_robot, tmp_path):
    path = str(tmp_path / "room.snapshot")
    room = make_room()
    before = room.look_around()
    saved = room.robot.call(SaveMap, "save_map", SaveMap.Request(path=path))
    assert (saved.success, saved.instances) == (True, 3), saved.message
    room.robot.close()
    other = make_room()
    loaded = other.robot.call(LoadMap, "load_map", LoadMap.Request(path=path))
    assert (loaded.success, loaded.instances) == (True, 3), loaded.message
    assert loaded.points == saved.points > 100
    agree(before, other.look_around())


def test_a_snapshot_of_another_target_frame_is_refused(make_room, tmp_path):
    path = str(tmp_path / "room.snapshot")
    room = make_room()
    room.look_around(1)
    assert room.robot.call(SaveMap, "save_map", SaveMap.Request(path=path)).success
    room.robot.close()
    other = make_room(target_frame="odom")
    answer = other.robot.call(LoadMap, "load_map", LoadMap.Request(path=path))
    assert not answer.success
    assert "'map'" in answer.message


def test_poses_of_a_topic_give_the_same_things_and_no_step_is_a_correction(make_room):
    same = make_room()
    by_tf = same.look_around()
    same.robot.close()
    room = make_room(**{"input.pose_topic": "camera_pose"})
    poses = room.robot.side.create_publisher(PoseStamped, "camera_pose", 10)
    header = Header(frame_id="map")

    def send_pose(stamp_ns):
        header.stamp = stamp_from_ns(stamp_ns)
        poses.publish(PoseStamped(header=header, pose=pose_message(room.pose)))

    room.robot.send_tf = send_pose
    assert room.robot.spin(poses.get_subscription_count)
    agree(by_tf, room.look_around())
    assert InstanceEvent.CORRECTED not in room.kinds()


def test_depth_of_a_camera_beside_gives_the_same_things(make_room):
    same = make_room()
    registered = same.look_around()
    same.robot.close()
    room = make_room()
    beside = moved(0.05)  # in the axes of the colour camera: to its right
    wide = dataclasses.replace(CAMERA, fx=120.0, fy=120.0)
    room.mount.sendTransform(transform_message(Header(frame_id="camera"), "depth_eye", beside))
    info = room.robot.side.create_publisher(CameraInfo, "depth/camera_info", 10)

    def messages(stamp_ns):
        color, _, calibration, masks = room.messages(stamp_ns)
        header = Header(stamp=color.header.stamp, frame_id="depth_eye")
        _, depth, _ = camera_messages(view(room.pose @ beside, THINGS, camera=wide), header)
        info.publish(camera_info(header, wide))
        return color, depth, calibration, masks

    room.robot.camera_set = messages
    agree(registered, room.look_around())
