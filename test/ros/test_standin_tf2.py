"""What the node relies on in tf2's buffer: true of the original and of its stand-in."""

import math

import pytest
import tf2_ros
import yaml
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.time import Time

from autoseg3d_ros.messages import stamp_from_ns


def transform(seconds, x=0.0, parent="odom", child="camera", yaw=0.0):
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp = stamp_from_ns(int(seconds * 1e9))
    message.transform.translation.x = float(x)
    message.transform.rotation.z = math.sin(yaw / 2)
    message.transform.rotation.w = math.cos(yaw / 2)
    return message


def filled(*transforms, static=(), cache_time=None):
    buffer = tf2_ros.Buffer(cache_time)
    for message in transforms:
        buffer.set_transform(message, "test")
    for message in static:
        buffer.set_transform_static(message, "test")
    return buffer


def at(seconds):
    return Time(nanoseconds=int(seconds * 1e9))


def x_of(message):
    return message.transform.translation.x


def yaw_of(message):
    return 2 * math.atan2(message.transform.rotation.z, message.transform.rotation.w)


def test_a_lookup_maps_source_into_target_coordinates():
    found = filled(transform(1, 3)).lookup_transform("odom", "camera", at(1))
    assert (found.header.frame_id, found.child_frame_id) == ("odom", "camera")
    assert (found.header.stamp.sec, x_of(found)) == (1, 3.0)
    assert x_of(filled(transform(1, 3)).lookup_transform("camera", "odom", at(1))) == -3.0


def test_a_chain_is_composed_up_and_down():
    buffer = filled(
        transform(1, 2, "odom", "base", yaw=math.pi / 2),
        static=[transform(0, 1, "base", "camera"), transform(0, 5, "odom", "dock")],
    )
    found = buffer.lookup_transform("odom", "camera", at(1)).transform.translation
    assert (found.x, found.y) == pytest.approx((2, 1))
    found = buffer.lookup_transform("dock", "camera", at(1)).transform.translation
    assert (found.x, found.y) == pytest.approx((-3, 1))


def test_between_samples_positions_are_linear_and_rotations_slerp():
    buffer = filled(transform(1, 0), transform(2, 10, yaw=1.0))
    found = buffer.lookup_transform("odom", "camera", at(1.25))
    assert x_of(found) == pytest.approx(2.5)
    assert yaw_of(found) == pytest.approx(0.25)


def test_rotations_take_the_shorter_arc():
    turned = transform(2, yaw=1.0)
    turned.transform.rotation.z *= -1
    turned.transform.rotation.w *= -1
    found = filled(transform(1), turned).lookup_transform("odom", "camera", at(1.5))
    assert math.sin(yaw_of(found)) == pytest.approx(math.sin(0.5))


def test_time_zero_is_the_latest_common_time():
    buffer = filled(transform(1, 1), transform(3, 3), transform(2, 1, "camera", "eye"))
    buffer.set_transform(transform(1, 1, "camera", "eye"), "test")
    found = buffer.lookup_transform("odom", "eye", Time())
    assert found.header.stamp.sec == 2
    assert x_of(found) == pytest.approx(3)
    assert buffer.get_latest_common_time("odom", "eye").nanoseconds == 2 * 10**9


def test_a_static_chain_holds_at_any_time_and_its_newest_stamp_is_zero():
    buffer = filled(static=[transform(5, 1)])
    assert buffer.lookup_transform("odom", "camera", at(1000)).header.stamp.sec == 1000
    assert buffer.lookup_transform("odom", "camera", Time()).header.stamp.sec == 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (2.5, r"into the future\.  Requested time 2\.50* but the latest data is at time 2\.0*"),
        (0.5, r"into the past\.  Requested time 0\.50* but the earliest data is at time 1\.0*"),
    ],
)
def test_there_is_no_extrapolation(seconds, words):
    buffer = filled(transform(1), transform(2))
    where = r", when looking up transform from frame \[camera\] to frame \[odom\]"
    with pytest.raises(tf2_ros.ExtrapolationException, match=words + where):
        buffer.lookup_transform("odom", "camera", at(seconds))


def test_one_sample_answers_for_its_time_and_zero_only():
    buffer = filled(transform(1, 4))
    assert x_of(buffer.lookup_transform("odom", "camera", at(1))) == 4
    assert x_of(buffer.lookup_transform("odom", "camera", Time())) == 4
    with pytest.raises(
        tf2_ros.ExtrapolationException, match=r"at time .*, but only time .* is in the buffer"
    ):
        buffer.lookup_transform("odom", "camera", at(1.001))


def test_unknown_frames_and_other_trees_are_told_apart():
    buffer = filled(transform(1), transform(1, 0, "map", "robot"))
    with pytest.raises(
        tf2_ros.LookupException, match='"nope" passed to lookupTransform argument source_frame does not exist'
    ):
        buffer.lookup_transform("odom", "nope", at(1))
    for time in (at(1), Time()):
        with pytest.raises(tf2_ros.ConnectivityException, match="not part of the same tree"):
            buffer.lookup_transform("map", "camera", time)


@pytest.mark.parametrize("frame", ["", "/camera"])
def test_a_lookup_takes_neither_empty_names_nor_leading_slashes(frame):
    with pytest.raises(tf2_ros.InvalidArgumentException):
        filled(transform(1)).lookup_transform("odom", frame, at(1))


def test_a_leading_slash_is_stripped_when_stored():
    buffer = filled(transform(1, 2, "/odom", "/camera"))
    assert x_of(buffer.lookup_transform("odom", "camera", at(1))) == 2


def test_the_errors_are_of_one_family_in_tf2():
    for name in ("Lookup", "Connectivity", "Extrapolation", "InvalidArgument", "Timeout"):
        error = getattr(tf2_ros, f"{name}Exception")
        assert issubclass(error, tf2_ros.TransformException)
        assert error.__module__ == "tf2"


def test_a_frame_is_itself_even_when_unknown():
    assert x_of(filled().lookup_transform("nope", "nope", at(1))) == 0.0


@pytest.mark.parametrize("time", [1, 1.0, None])
def test_a_time_is_no_number(time):
    with pytest.raises(TypeError):
        filled(transform(1)).lookup_transform("odom", "camera", time)


def test_a_message_time_is_a_time():
    buffer = filled(transform(1, 2))
    assert x_of(buffer.lookup_transform("odom", "camera", stamp_from_ns(10**9))) == 2


def test_timeouts_and_cache_times_are_durations():
    with pytest.raises(TypeError):
        filled(transform(1)).lookup_transform("odom", "camera", at(1), 0.5)
    with pytest.raises(TypeError):
        tf2_ros.Buffer(10.0)


def test_a_timeout_raises_what_is_missing():
    with pytest.raises(tf2_ros.LookupException):
        filled().lookup_transform("odom", "camera", at(1), Duration(nanoseconds=10**7))


def test_can_transform_gives_a_number_or_a_number_and_the_reason():
    buffer = filled(transform(1))
    assert buffer.can_transform("odom", "camera", at(1)) == 1
    assert buffer.can_transform("odom", "camera", at(2)) == 0
    assert not isinstance(buffer.can_transform("odom", "camera", at(1)), bool)
    answer = buffer.can_transform("odom", "nope", at(1), return_debug_tuple=True)
    reason = 'Invalid frame ID "nope" passed to canTransform argument source_frame - frame does not exist'
    assert answer == (0, reason)


def test_bad_transforms_are_ignored():
    buffer = filled(transform(1, 1))
    zero, lost = transform(2, 9), transform(2, 9)
    zero.transform.rotation.w = 0.0
    lost.transform.translation.x = math.nan
    for message in (zero, lost, transform(2, 9, "camera", "camera")):
        buffer.set_transform(message, "test")
    assert buffer.lookup_transform("odom", "camera", Time()).header.stamp.sec == 1


def test_data_older_than_the_cache_is_ignored():
    buffer = filled(transform(100, 1), transform(80, 2), transform(95, 3))
    assert not buffer.can_transform("odom", "camera", at(80))
    assert x_of(buffer.lookup_transform("odom", "camera", at(95))) == 3


def test_old_samples_are_gone_after_the_next_insertion():
    buffer = filled(transform(1), transform(20), transform(21))
    with pytest.raises(tf2_ros.ExtrapolationException, match="past"):
        buffer.lookup_transform("odom", "camera", at(5))
    longer = filled(transform(1), transform(20), transform(21), cache_time=Duration(seconds=60))
    assert longer.can_transform("odom", "camera", at(5))


def test_a_new_parent_replaces_the_old():
    buffer = filled(transform(1, 1), transform(2, 5, "map", "camera"))
    assert x_of(buffer.lookup_transform("map", "camera", Time())) == 5
    with pytest.raises(tf2_ros.ConnectivityException):
        buffer.lookup_transform("odom", "camera", Time())


def test_clearing_forgets_transforms_and_static_ones_can_be_given_again():
    eye = transform(0, 1, "camera", "eye")
    buffer = filled(transform(1), static=[eye])
    buffer.clear()  # until Kilted it keeps static transforms
    assert not buffer.can_transform("odom", "camera", at(1))
    buffer.set_transform_static(eye, "test")
    assert buffer.can_transform("camera", "eye", at(1))


def test_a_fixed_frame_joins_two_times():
    buffer = filled(transform(1, 1), transform(2, 4), static=[transform(0, 1, "camera", "eye")])
    found = buffer.lookup_transform_full("camera", at(2), "camera", at(1), "odom")
    assert x_of(found) == pytest.approx(-3)


def test_the_frames_are_listed():
    buffer = filled(transform(1), static=[transform(0, 1, "camera", "eye")])
    frames = yaml.safe_load(buffer.all_frames_as_yaml())
    assert {name: about["parent"] for name, about in frames.items()} == {"camera": "odom", "eye": "camera"}
    assert not yaml.safe_load(filled().all_frames_as_yaml())
