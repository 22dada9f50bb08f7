"""What the node relies on in cv_bridge: true of the original and of its stand-in."""

import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

cv_bridge = pytest.importorskip(
    "cv_bridge", reason="cv_bridge is not in the workspace", exc_type=ModuleNotFoundError
)

BRIDGE = cv_bridge.CvBridge()
PIXEL = np.array([[[10, 20, 30], [200, 100, 0]]], np.uint8)


def image(array, encoding):
    return BRIDGE.cv2_to_imgmsg(np.asarray(array), encoding)


@pytest.mark.parametrize(
    ("array", "encoding"),
    [
        (np.zeros((2, 3, 3), np.uint8), "8UC3"),
        (np.zeros((2, 3), np.uint16), "16UC1"),
        (np.zeros((2, 3, 1), np.float32), "32FC1"),
        (np.zeros((2, 3), np.float64), "64FC1"),
    ],
)
def test_an_array_passes_through_under_the_name_of_its_type(array, encoding):
    message = BRIDGE.cv2_to_imgmsg(array)
    assert (message.encoding, message.height, message.width) == (encoding, 2, 3)
    assert message.step * message.height == len(message.data) == array.nbytes
    assert BRIDGE.imgmsg_to_cv2(message).shape == (
        array[..., 0].shape if array.shape[2:] == (1,) else array.shape
    )


def test_what_does_not_fit_the_encoding_is_refused():
    with pytest.raises(
        cv_bridge.CvBridgeError,
        match="encoding specified as mono8, but image has incompatible type 8UC3",
    ):
        image(PIXEL, "mono8")


@pytest.mark.parametrize(
    ("array", "error"),
    [(np.zeros((2, 2), bool), KeyError), (np.zeros((2, 2), np.uint32), KeyError), ([[1, 2]], TypeError)],
)
def test_what_opencv_does_not_know_is_refused(array, error):
    with pytest.raises(error):
        BRIDGE.cv2_to_imgmsg(array)


def test_the_header_is_taken_by_reference_and_strides_do_not_matter():
    header = Header(frame_id="camera")
    message = BRIDGE.cv2_to_imgmsg(PIXEL[:, ::-1], "rgb8", header)
    assert message.header is header
    assert (BRIDGE.imgmsg_to_cv2(message) == PIXEL[:, ::-1]).all()


def test_without_conversion_the_memory_is_that_of_the_message():
    message = image(PIXEL, "rgb8")
    BRIDGE.imgmsg_to_cv2(message)[0, 0, 0] = 99
    assert message.data[0] == 99
    BRIDGE.imgmsg_to_cv2(message, "bgr8")[:] = 0
    assert message.data[0] == 99


def test_padding_of_whole_pixels_is_left_out():
    message = Image(height=2, width=2, step=3, encoding="mono8", data=[1, 2, 0, 3, 4, 0])
    assert BRIDGE.imgmsg_to_cv2(message).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(("encoding", "expected"), [("16UC1", [0x0102, 0x0304]), ("mono8", [1, 2])])
def test_a_big_endian_image_keeps_its_values_beside_numpy_1_and_fails_beside_2(encoding, expected):
    message = Image(height=1, width=2, step=4, encoding=encoding, is_bigendian=1, data=[1, 2, 3, 4])
    if hasattr(np.ndarray, "newbyteorder"):
        assert BRIDGE.imgmsg_to_cv2(message).tolist() == [expected]
    else:
        with pytest.raises(AttributeError, match="newbyteorder"):
            BRIDGE.imgmsg_to_cv2(message)


def test_a_short_buffer_is_refused():
    with pytest.raises(TypeError):
        BRIDGE.imgmsg_to_cv2(Image(height=2, width=2, step=2, encoding="mono8", data=[1, 2, 3]))


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("rgb8", "bgr8", [[[30, 20, 10], [0, 100, 200]]]),
        ("rgb8", "rgba8", [[[10, 20, 30, 255], [200, 100, 0, 255]]]),
        ("rgb8", "8UC3", PIXEL.tolist()),
        ("rgb8", "rgb16", (PIXEL.astype(int) * 257).tolist()),
        ("rgb8", "mono8", [[18, 119]]),
    ],
)
def test_colors_become_other_colors(source, target, expected):
    got = BRIDGE.imgmsg_to_cv2(image(PIXEL, source), target)
    assert np.abs(got.astype(int) - np.asarray(expected)).max() <= (target == "mono8")


@pytest.mark.parametrize(
    ("array", "source", "target", "expected"),
    [
        (np.array([[65535, 257]], np.uint16), "mono16", "mono8", [[255, 1]]),
        (np.array([[65535, 257]], np.uint16), "mono16", "16UC1", [[65535, 257]]),
        (np.array([[7, 65535]], np.uint16), "16UC1", "32FC1", [[7, 65535]]),
        (np.array([[1.6, 2.4]], np.float32), "32FC1", "16UC1", [[2, 2]]),
        (np.array([[65535, 257]], np.uint16), "16UC1", "8UC1", [[255, 1]]),
    ],
)
def test_numbers_become_other_numbers(array, source, target, expected):
    assert BRIDGE.imgmsg_to_cv2(image(array, source), target).tolist() == expected


@pytest.mark.parametrize(
    ("array", "source", "target"),
    [
        (np.zeros((1, 1), np.uint16), "16UC1", "mono16"),
        (np.zeros((1, 1), np.uint16), "16UC1", "mono8"),
        (np.zeros((1, 1), np.uint16), "16UC1", "rgb8"),
        (PIXEL, "8UC3", "rgb8"),
        (np.zeros((1, 1), np.float32), "32FC1", "mono8"),
    ],
)
def test_numbers_never_become_colors(array, source, target):
    words = rf"\[{source}\] is not a color format. but \[{target}\] is. The conversion does not make sense"
    with pytest.raises(cv_bridge.CvBridgeError, match=words):
        BRIDGE.imgmsg_to_cv2(image(array, source), target)


@pytest.mark.parametrize(("target", "factor"), [("8UC3", 1), ("16UC3", 257), ("32FC3", 1)])
def test_colors_become_numbers_of_as_many_channels(target, factor):
    expected = (PIXEL.astype(int) * factor).tolist()
    assert BRIDGE.imgmsg_to_cv2(image(PIXEL, "rgb8"), target).tolist() == expected


@pytest.mark.parametrize("target", ["32FC1", "yuv422"])
def test_colors_do_not_become_other_types(target):
    with pytest.raises(cv_bridge.CvBridgeError):
        BRIDGE.imgmsg_to_cv2(image(PIXEL, "rgb8"), target)


def test_unknown_encodings_are_named():
    message = image(PIXEL, "rgb8")
    with pytest.raises(cv_bridge.CvBridgeError, match="Unknown encoding nonsense"):
        BRIDGE.imgmsg_to_cv2(message, "nonsense")
    for unknown in ("foo", "8UC", "uyvy", "yuyv"):
        message.encoding = unknown
        with pytest.raises(cv_bridge.CvBridgeError, match=rf"Unrecognized image encoding \[{unknown}\]"):
            BRIDGE.imgmsg_to_cv2(message)
    assert issubclass(cv_bridge.CvBridgeError, TypeError)


def test_a_red_scene_behind_a_bayer_filter_is_red():
    mosaic = np.zeros((8, 8), np.uint8)
    mosaic[::2, ::2] = 200
    rgb = BRIDGE.imgmsg_to_cv2(image(mosaic, "bayer_rggb8"), "rgb8")
    assert rgb[4, 4].tolist() == [200, 0, 0]


def test_compressed_images_come_back_as_bgr():
    bgr = np.full((4, 4, 3), (0, 0, 200), np.uint8)
    message = BRIDGE.cv2_to_compressed_imgmsg(bgr, "png")
    assert message.format == "png"
    assert (BRIDGE.compressed_imgmsg_to_cv2(message) == bgr).all()
    assert (BRIDGE.compressed_imgmsg_to_cv2(message, "rgb8") == bgr[..., ::-1]).all()
    assert BRIDGE.cv2_to_compressed_imgmsg(bgr).format == "jpg"


def test_a_png_keeps_16_bits_and_a_grey_one_its_shape():
    depth = np.array([[1, 40000]], np.uint16)
    message = BRIDGE.cv2_to_compressed_imgmsg(depth, "png")
    assert BRIDGE.compressed_imgmsg_to_cv2(message).tolist() == depth.tolist()
    grey = BRIDGE.cv2_to_compressed_imgmsg(np.zeros((2, 3), np.uint8), "png")
    assert BRIDGE.compressed_imgmsg_to_cv2(grey, "bgr8").shape == (2, 3)


def test_garbage_is_no_image():
    import cv2

    assert BRIDGE.compressed_imgmsg_to_cv2(CompressedImage(data=[1, 2, 3])) is None
    with pytest.raises(cv2.error):
        BRIDGE.compressed_imgmsg_to_cv2(CompressedImage())
