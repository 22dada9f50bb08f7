from dataclasses import replace

import numpy as np
import pytest
import yaml
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore

from autoseg3d_core.datasets.bag_qos import is_latched
from autoseg3d_core.datasets.bag_topics import COMPRESSED, IMAGE, INFO, find_topics
from autoseg3d_core.datasets.open_sequence import open_sequence
from autoseg3d_core.datasets.pairing import pair_stamps
from autoseg3d_core.datasets.rosbag import TRUTH_TOPIC, RosbagSequence
from autoseg3d_core.datasets.source_options import SourceOptions
from autoseg3d_core.geometry.registration import registered
from autoseg3d_core.geometry.transforms import quaternion_from_rotation
from autoseg3d_core.resources import resource_path
from autoseg3d_core.structures import InputError

COLOR = "/camera/color/image_raw/compressed"
DEPTH = "/camera/depth/image_raw/compressedDepth"
INFO_TOPIC = "/camera/color/camera_info"


def without(*topics):
    return lambda topic, message: None if topic in topics else (topic, message)


def changing(wanted, change):
    return lambda topic, message: (topic, change(message) if topic == wanted else message)


def stampless(message):
    stamp = replace(message.header.stamp, sec=0, nanosec=0)
    return replace(message, header=replace(message.header, stamp=stamp))


def moved(message, by_ns):
    ns = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec + by_ns
    stamp = replace(message.header.stamp, sec=ns // 10**9, nanosec=ns % 10**9)
    return replace(message, header=replace(message.header, stamp=stamp))


def framed(message, frame):
    return replace(message, header=replace(message.header, frame_id=frame))


def test_sqlite_reads_as_mcap_does(tiny_bag, rewritten):
    mcap, sqlite = open_sequence(tiny_bag), open_sequence(rewritten(sqlite=True))
    assert len(sqlite) == len(mcap) == 6
    for index in (4, 1):
        first, second = mcap[index], sqlite[index]
        assert first.stamp_ns == second.stamp_ns
        for name in ("rgb", "depth", "world_from_camera"):
            assert np.array_equal(getattr(first, name), getattr(second, name))


@pytest.mark.parametrize("sqlite", [False, True])
def test_a_bag_whose_recorder_died_before_its_metadata_is_read(rewritten, sqlite):
    path = rewritten(sqlite=sqlite)
    (path / "metadata.yaml").unlink()
    assert len(open_sequence(path)) == 6
    file = next(path.iterdir())
    assert len(open_sequence(file)) == 6


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9])
def test_a_truncated_database_is_refused_with_the_remedy(rewritten, tmp_path, share):
    file = next(rewritten(sqlite=True).glob("*.db3"))
    cut = tmp_path / "cut.db3"
    cut.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    with pytest.raises(InputError, match=r"cut\.db3.*(ros2 bag reindex|empty)"):
        open_sequence(cut)


def test_a_bag_damaged_anywhere_is_read_or_refused_with_the_remedy(tiny_bag, tmp_path):
    whole = next(tiny_bag.glob("*.mcap")).read_bytes()
    said = []
    for share in (0.1, 0.3, 0.5, 0.6, 0.9):
        damaged, at = bytearray(whole), int(share * len(whole))
        damaged[at : at + 400] = bytes(400)
        file = tmp_path / f"{share}.mcap"
        file.write_bytes(damaged)
        try:
            frames = open_sequence(file)
            assert all(frames[index].rgb.any() for index in range(len(frames)))
        except InputError as error:
            said.append(str(error))
    assert any("cannot be read" in text for text in said)


def test_a_ros1_bag_is_refused_with_the_converter(tmp_path):
    (tmp_path / "old.bag").write_bytes(b"#ROSBAG V2.0\n")
    with pytest.raises(InputError, match="rosbags-convert"):
        open_sequence(tmp_path / "old.bag")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without(COLOR), "no colour image topic"),
        (without(DEPTH), "no depth image topic"),
        (without(INFO_TOPIC), "no camera info topic"),
        (without("/tf", "/tf_static"), "no transforms: record /tf and /tf_static"),
        (without("/tf_static"), "'camera_color_optical_frame' is not in TF"),
        (without("/tf"), "no transform says how base_link moves"),
        (changing(COLOR, lambda m: framed(m, "elsewhere")), "'elsewhere' is not in TF"),
        (changing(DEPTH, lambda m: moved(m, 50_000_000)), "within 20 ms"),
        (changing(DEPTH, lambda m: framed(m, "base_link")), "seen from base_link"),
        (changing(COLOR, stampless), "messages without a stamp"),
    ],
)
def test_a_bag_without_what_is_needed_says_what_is_missing(rewritten, change, message):
    with pytest.raises(InputError, match=message):
        RosbagSequence(rewritten(change))


def test_a_camera_that_stands_still_is_used_when_its_frame_is_named(rewritten):
    frames = RosbagSequence(rewritten(without("/tf")), options=SourceOptions(target_frame="base_link"))
    assert len(frames) == 6
    assert np.array_equal(frames[0].world_from_camera, frames[5].world_from_camera)


def test_depth_named_by_the_user_is_taken_as_registered(rewritten):
    path = rewritten(changing(DEPTH, lambda m: framed(m, "base_link")))
    assert len(RosbagSequence(path, options=SourceOptions(topics={"depth": DEPTH}))) == 6


def test_calibration_of_another_size_is_refused_with_both_sizes(rewritten):
    frames = RosbagSequence(rewritten(changing(INFO_TOPIC, lambda m: replace(m, width=1280, height=720))))
    with pytest.raises(InputError, match=r"describes 1280x720, but .*compressed is 40x30"):
        frames[0]


def test_a_camera_that_is_not_calibrated_is_refused_by_its_topic(rewritten):
    frames = RosbagSequence(rewritten(changing(INFO_TOPIC, lambda m: replace(m, k=np.zeros(9)))))
    with pytest.raises(InputError, match=r"camera_info: .*not calibrated"):
        frames[0]


def test_a_damaged_image_is_refused_by_topic_and_stamp_and_the_others_are_read(rewritten):
    spoilt = []

    def spoil(message):
        spoilt.append(message)
        return replace(message, data=message.data[:9]) if len(spoilt) == 3 else message

    frames = RosbagSequence(rewritten(changing(COLOR, spoil)))
    with pytest.raises(InputError, match=r"/camera/color.* ns: .*damaged"):
        frames[2]
    assert frames[3].rgb.shape == (30, 40, 3)


def test_topics_without_messages_are_passed_over(rewritten):
    more = [("/camera/color/image_raw", IMAGE), ("/camera/color/image_raw/compressedDepth", COMPRESSED)]
    assert RosbagSequence(rewritten(more=more)).topics.color == COLOR


def test_images_that_stay_alone_are_counted(rewritten):
    dropped = []

    def change(topic, message):
        if topic == DEPTH:
            dropped.append(message)
            if len(dropped) in (2, 5):
                return None
        return topic, message

    frames = RosbagSequence(rewritten(change))
    assert len(frames) == 4
    assert frames.skipped == {"no depth": 2}


def test_frames_are_the_same_in_any_order_of_reading(tiny_bag):
    first, second = RosbagSequence(tiny_bag), RosbagSequence(tiny_bag)
    forward = [first[i] for i in range(6)]
    backward = [second[i] for i in reversed(range(6))][::-1]
    for one, other in zip(forward, backward, strict=True):
        assert np.array_equal(one.rgb, other.rgb)
        assert one.stamp_ns == other.stamp_ns


def test_the_closest_images_are_paired_first():
    ms = np.array([20, 33, 66, 200]) * 1_000_000
    depths = np.array([0, 33, 70, 71]) * 1_000_000
    assert pair_stamps(ms, depths, 20_000_000) == [(0, 0), (1, 1), (2, 2)]


def test_each_image_has_one_partner_within_the_slop():
    rng = np.random.default_rng(0)
    colors, depths = (np.sort(rng.integers(0, 10_000, 80)) for _ in range(2))
    pairs = pair_stamps(colors, depths, 60)
    assert all(abs(colors[i] - depths[j]) <= 60 for i, j in pairs)
    for column in zip(*pairs, strict=True):
        assert len(set(column)) == len(column)
    alone = (set(range(80)) - {i for i, _ in pairs}, set(range(80)) - {j for _, j in pairs})
    assert not any(abs(colors[i] - depths[j]) <= 60 for i in alone[0] for j in alone[1])
    nothing = np.zeros(0, np.int64)
    assert pair_stamps(nothing, depths, 60) == pair_stamps(colors, nothing, 60) == []


@pytest.mark.parametrize(
    ("images", "color", "depth"),
    [
        (["c/image_raw", "c/image_rect", "d/depth"], "/c/image_rect", "/d/depth"),
        (["c/image_mono", "c/image_color", "d/depth"], "/c/image_color", "/d/depth"),
        (
            ["c/image_raw/compressed", "d/depth/image/compressed", "d/depth/image/compressedDepth"],
            "/c/image_raw/compressed",
            "/d/depth/image/compressedDepth",
        ),
    ],
)
def test_of_one_camera_the_better_image_is_taken(images, color, depth):
    kinds = {f"/{name}": COMPRESSED if "compressed" in name else IMAGE for name in images}
    topics = find_topics({**kinds, "/c/camera_info": INFO}, "bag")
    assert (topics.color, topics.depth) == (color, depth)


def test_label_images_of_a_bag_come_with_its_frames(tiny_bag):
    sequence = open_sequence(tiny_bag, SourceOptions(topics={"masks": TRUTH_TOPIC}))
    assert np.array_equal(sequence[2].label_image, sequence.truth(2).instance)
    assert open_sequence(tiny_bag)[2].label_image is None


def test_a_topic_of_label_images_that_is_not_there_is_named(tiny_bag):
    with pytest.raises(InputError, match="/masks"):
        open_sequence(tiny_bag, SourceOptions(topics={"masks": "/masks"}))


def test_a_frame_without_its_label_image_is_named(rewritten):
    path = rewritten(changing(TRUTH_TOPIC, lambda message: moved(message, 1000)))
    with pytest.raises(InputError, match=f"{TRUTH_TOPIC} has no label image at"):
        open_sequence(path, SourceOptions(topics={"masks": TRUTH_TOPIC}))[0]


def test_static_transforms_are_recorded_as_latched_and_nothing_else_is(tiny_bag):
    for bag in (tiny_bag, resource_path("demo/recording")):
        with Reader(bag) as reader:
            latched = {c.topic for c in reader.connections if is_latched(c.ext.offered_qos_profiles)}
        assert latched == {"/tf_static"}


def test_profiles_are_written_as_every_release_from_humble_on_reads_them(tiny_bag):
    for bag in (tiny_bag, resource_path("demo/recording")):
        about = yaml.safe_load((bag / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
        assert about["version"] == 8  # of a newer one Humble's rosbag2 refuses the profiles
        topics = {
            row["topic_metadata"]["name"]: row["topic_metadata"] for row in about["topics_with_message_count"]
        }
        (static,), (moving,) = (
            yaml.safe_load(topics[n]["offered_qos_profiles"]) for n in ("/tf_static", "/tf")
        )
        assert (static["history"], static["reliability"], static["durability"]) == (
            1,
            1,
            1,
        )  # as in rmw/types.h
        assert moving["durability"] == 2


TYPES = get_typestore(Stores.ROS2_HUMBLE).types


def posed(position, turn):
    return TYPES["geometry_msgs/msg/Pose"](
        position=TYPES["geometry_msgs/msg/Point"](*position),
        orientation=TYPES["geometry_msgs/msg/Quaternion"](*turn),
    )


def odometry(topic, message):
    """Turn a moving transform into odometry."""
    if topic != "/tf":
        return topic, message
    (transform,) = message.transforms
    at, turn = transform.transform.translation, transform.transform.rotation
    pose = posed((at.x, at.y, at.z), (turn.x, turn.y, turn.z, turn.w))
    still = TYPES["geometry_msgs/msg/Vector3"](0.0, 0.0, 0.0)
    twist = TYPES["geometry_msgs/msg/Twist"](linear=still, angular=still)
    return "/odom", TYPES["nav_msgs/msg/Odometry"](
        header=transform.header,
        child_frame_id=transform.child_frame_id,
        pose=TYPES["geometry_msgs/msg/PoseWithCovariance"](pose=pose, covariance=np.zeros(36)),
        twist=TYPES["geometry_msgs/msg/TwistWithCovariance"](twist=twist, covariance=np.zeros(36)),
    )


def test_odometry_tells_the_pose_where_tf_does_not(tiny_bag, rewritten):
    frames, original = RosbagSequence(rewritten(odometry)), RosbagSequence(tiny_bag)
    assert len(frames) == 6
    assert "/odom" in frames.guesses[0]
    for index in range(6):
        assert np.allclose(frames[index].world_from_camera, original[index].world_from_camera, atol=1e-9)


def test_odometry_of_a_frame_that_the_camera_does_not_hang_on_is_refused(rewritten):
    def change(topic, message):
        return None if topic == "/tf_static" else odometry(topic, message)

    with pytest.raises(
        InputError, match=r"/odom gives the pose of base_link, but nothing .*record /tf_static"
    ):
        RosbagSequence(rewritten(change))


def test_a_topic_of_poses_is_the_camera_s_own(rewritten, tiny_class):
    seen = []

    def change(topic, message):
        if topic in ("/tf", "/tf_static"):
            return None
        if topic != TRUTH_TOPIC:
            return topic, message
        pose = tiny_class().pose(len(seen))
        seen.append(pose)
        stamped = posed(pose[:3, 3], quaternion_from_rotation(pose[:3, :3]))
        return "/slam/pose", TYPES["geometry_msgs/msg/PoseStamped"](header=message.header, pose=stamped)

    path = rewritten(change)
    with pytest.raises(InputError, match=r"no transforms: .*--topics pose=TOPIC"):
        RosbagSequence(path)
    frames = RosbagSequence(path, SourceOptions(topics={"pose": "/slam/pose"}))
    assert len(frames) == 6
    assert np.allclose(frames[4].world_from_camera, tiny_class().pose(4))
    with pytest.raises(InputError, match=r"camera_info is sensor_msgs/msg/CameraInfo: name a topic of"):
        RosbagSequence(path, SourceOptions(topics={"pose": INFO_TOPIC}))


def test_depth_of_a_camera_beside_is_registered_by_tf_and_its_calibration(rewritten, tiny_class):
    def change(topic, message):
        if topic == DEPTH:
            return topic, framed(message, "depth_frame")
        if topic == INFO_TOPIC:
            return topic, message
        if topic != "/tf_static":
            return topic, message
        beside = TYPES["geometry_msgs/msg/Transform"](
            translation=TYPES["geometry_msgs/msg/Vector3"](0.05, 0.0, 0.0),
            rotation=TYPES["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0),
        )
        known = message.transforms[0]
        header = replace(known.header, frame_id="camera_color_optical_frame")
        more = replace(known, header=header, child_frame_id="depth_frame", transform=beside)
        return topic, replace(message, transforms=[*message.transforms, more])

    path = rewritten(change)
    with pytest.raises(InputError, match=r"seen from depth_frame.*--topics depth="):
        RosbagSequence(path)
    both = SourceOptions(topics={"depth_info": INFO_TOPIC})
    frames = RosbagSequence(path, both)
    assert "registered to colour by TF" in frames.guesses[0]
    whole, apart = tiny_class()[2], np.eye(4)
    apart[0, 3] = 0.05
    expected = registered(whole.depth, whole.camera, whole.camera, apart)
    assert np.allclose(frames[2].depth, expected, atol=6e-4)


def test_whole_numbers_of_depth_have_the_scale_that_is_said(tiny_bag):
    scaled = RosbagSequence(tiny_bag, SourceOptions(depth_scale=5000.0))
    assert np.allclose(scaled[1].depth, RosbagSequence(tiny_bag)[1].depth / 5)
