"""Messages become frames; every unusable one is refused by topic, with what to do about it."""

from array import array

import numpy as np
import pytest
from geometry_msgs.msg import Transform
from sensor_msgs.msg import Image

from autoseg3d_core.structures import InputError
from autoseg3d_ros.conversions import (
    CameraMessages,
    TopicNames,
    check_pose,
    decode_color,
    frame_from_messages,
    implausible_depth,
    pose_from_transform,
)
from autoseg3d_ros.messages import byte_array

NAMES = TopicNames("/color", "/depth", "/info")


def convert(messages, pose=None, scale=0.0):
    return frame_from_messages(CameraMessages(*messages), np.eye(4) if pose is None else pose, NAMES, scale)


def test_a_frame_has_rgb_metres_camera_and_stamp(camera_set):
    frame = convert(camera_set(stamp_ns=1_234_567_891, depth=1.5))
    assert frame.rgb.shape == (6, 8, 3)
    assert np.allclose(frame.depth, 1.5)
    assert (frame.camera.fx, frame.camera.width, frame.stamp_ns) == (10.0, 8, 1_234_567_891)


def test_depth_as_float_metres_gives_the_same(camera_set):
    color, depth, info = camera_set(depth=1.5)
    metres = np.full((6, 8), 1.5, np.float32)
    metres[0, :4] = np.nan, np.inf, -np.inf, -1.0
    depth.encoding, depth.step, depth.data = "32FC1", 32, byte_array(metres)
    frame = convert((color, depth, info))
    assert (frame.depth[0, :4] == 0).all()
    assert np.allclose(frame.depth[1:], 1.5)


def test_a_depth_scale_replaces_the_millimetre(camera_set):
    assert np.allclose(convert(camera_set(depth=1.5), scale=0.01).depth, 15.0)


def test_depth_of_another_size_is_refused_with_the_drivers_arguments(camera_set):
    color, _, info = camera_set()
    _, depth, _ = camera_set(width=10)
    with pytest.raises(InputError, match=r"/depth is 10x6 but /color is 8x6.*align_depth.enable"):
        convert((color, depth, info))


def test_a_calibration_of_another_size_is_refused(camera_set):
    color, depth, _ = camera_set()
    _, _, info = camera_set(width=16)
    with pytest.raises(InputError, match=r"/info describes 16x6"):
        convert((color, depth, info))


@pytest.mark.parametrize(("index", "topic"), [(0, "/color"), (1, "/depth")])
def test_an_unknown_encoding_is_refused_with_the_known_ones(camera_set, index, topic):
    messages = camera_set()
    messages[index].encoding = "nonsense"
    with pytest.raises(InputError, match=topic) as refusal:
        convert(messages)
    assert "nonsense" in str(refusal.value)
    assert ("rgb8", "16UC1")[index] in str(refusal.value)


@pytest.mark.parametrize("encoding", ["bayer_rggb8", "yuv422_yuy2"])
def test_an_exotic_encoding_without_cv_bridge_names_the_package(camera_set, encoding, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "cv_bridge", None)
    messages = camera_set()
    messages[0].encoding = encoding
    with pytest.raises(InputError, match=r"/color.*cv_bridge"):
        convert(messages)


def exotic(encoding, pixels, **fields):
    """Return a message of 2-byte or 1-byte pixels, height x width (x 2 for yuv)."""
    message = Image(height=pixels.shape[0], width=pixels.shape[1], encoding=encoding, **fields)
    message.data.frombytes(pixels.tobytes())
    message.step = len(message.data) // message.height
    return message


def test_exotic_encodings_of_either_byte_order_give_the_same_image():
    pixels = (np.arange(48, dtype=np.uint16).reshape(6, 8) * 1000).astype(np.uint16)
    expected = decode_color(exotic("bayer_rggb16", pixels), "/color")
    big = exotic("bayer_rggb16", pixels.astype(">u2"), is_bigendian=1)
    assert (decode_color(big, "/color") == expected).all()
    small = pixels.astype(np.uint8)
    expected = decode_color(exotic("bayer_rggb8", small), "/color")
    assert (decode_color(exotic("bayer_rggb8", small, is_bigendian=1), "/color") == expected).all()


@pytest.mark.parametrize(("new", "old"), [("yuyv", "yuv422_yuy2"), ("uyvy", "yuv422")])
def test_new_names_of_old_encodings_are_read(new, old):
    pixels = np.random.default_rng(0).integers(0, 255, (6, 8, 2), np.uint8)
    expected = decode_color(exotic(old, pixels), "/color")
    assert (decode_color(exotic(new, pixels), "/color") == expected).all()


@pytest.mark.parametrize(
    ("encoding", "size", "words"),
    [
        ("nv21", 72, "nv21"),
        ("bayer_rggb8", 40, "bayer_rggb8"),
        ("bayer_rggb16", 47, "bayer_rggb16"),
        ("bayer_rggb8", 0, "bayer_rggb8"),
    ],
)
@pytest.mark.parametrize("is_bigendian", [0, 1])
def test_an_exotic_image_that_cannot_be_converted_is_refused(encoding, size, words, is_bigendian):
    message = exotic(encoding, np.zeros((6, 8), np.uint8), is_bigendian=is_bigendian)
    message.data = array("B", bytes(size))
    with pytest.raises(InputError, match=f"/color.*{words}"):
        decode_color(message, "/color")


def test_a_cv_bridge_of_another_numpy_names_the_cure(monkeypatch):
    def fail(*_):
        raise ImportError("numpy.core.multiarray failed to import")

    monkeypatch.setattr("cv_bridge.CvBridge.imgmsg_to_cv2", fail)
    with pytest.raises(InputError, match=r"multiarray.*autoseg3d doctor"):
        decode_color(exotic("bayer_rggb8", np.zeros((6, 8), np.uint8)), "/color")


def test_an_uncalibrated_camera_is_refused(camera_set):
    color, depth, info = camera_set()
    info.k[0] = 0.0
    info.p[0] = 0.0
    with pytest.raises(InputError, match="/info"):
        convert((color, depth, info))


def test_a_truncated_image_is_refused(camera_set):
    messages = camera_set()
    messages[0].data = messages[0].data[:20]
    with pytest.raises(InputError, match="/color"):
        convert(messages)


@pytest.mark.parametrize("bad", [np.full((4, 4), np.nan), np.diag([2.0, 1, 1, 1]), np.diag([1.0, 1, -1, 1])])
def test_a_pose_that_is_no_rigid_motion_is_refused(bad):
    with pytest.raises(InputError, match="TF"):
        check_pose(bad, "camera")


def test_a_transform_becomes_a_pose():
    transform = Transform()
    transform.translation.x = 2.0
    transform.rotation.z = transform.rotation.w = float(np.sqrt(0.5))
    pose = pose_from_transform(transform)
    assert np.allclose(pose @ [1, 0, 0, 1], [2, 1, 0, 1])


@pytest.mark.parametrize("w", [0.0, float("nan")])
def test_a_transform_without_rotation_gives_a_pose_that_is_refused(w):
    transform = Transform()
    transform.rotation.w = w
    with pytest.raises(InputError, match="TF"):
        check_pose(pose_from_transform(transform), "camera")


@pytest.mark.parametrize(
    ("depth", "words"), [(0.0, "no valid depth"), (0.002, "unit"), (2000.0, "unit"), (2.0, "")]
)
def test_a_doubtful_depth_is_noticed(depth, words):
    doubt = implausible_depth(np.full((32, 32), depth, np.float32))
    assert words in doubt
    assert bool(doubt) == bool(words)
