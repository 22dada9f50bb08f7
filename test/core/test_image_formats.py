import array
import struct
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from autoseg3d_core import image_formats as f
from autoseg3d_core.geometry import calibration as c
from autoseg3d_core.structures import CameraIntrinsics, InputError

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 255, (6, 8, 3), dtype=np.uint8)
MM = RNG.integers(300, 5000, (6, 8), dtype=np.uint16)
MM[2, 3:6] = 0


def padded(pixels, padding):
    rows = pixels.reshape(pixels.shape[0], -1).view(np.uint8)
    return np.hstack([rows, np.full((len(rows), padding), 99, np.uint8)]), rows.shape[1] + padding


@pytest.mark.parametrize("wrap", [bytes, lambda b: array.array("B", b), memoryview, bytearray])
@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("rgb8", RGB),
        ("bgr8", RGB[..., ::-1]),
        ("8UC3", RGB[..., ::-1]),
        ("rgba8", np.dstack([RGB, RGB[..., 0]])),
        ("bgra8", np.dstack([RGB[..., ::-1], RGB[..., 0]])),
        ("8UC4", np.dstack([RGB[..., ::-1], RGB[..., 0]])),
    ],
)
def test_every_colour_encoding_gives_the_same_rgb(encoding, pixels, padding, wrap):
    rows, step = padded(np.ascontiguousarray(pixels), padding)
    assert np.array_equal(f.decode_color(encoding, 6, 8, step, 0, wrap(rows.tobytes())), RGB)


def test_grey_becomes_three_equal_channels():
    grey = f.decode_color("mono8", 6, 8, 8, 0, RGB[..., 0].tobytes())
    assert np.array_equal(grey, np.repeat(RGB[..., :1], 3, axis=2))


@pytest.mark.parametrize("big", [0, 1])
@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [("rgb16", RGB), ("bgr16", RGB[..., ::-1]), ("mono16", RGB[..., 0])],
)
def test_sixteen_bit_colour_is_scaled_to_eight(encoding, pixels, big):
    words = (pixels.astype(np.uint16) * 257).astype(">u2" if big else "<u2")
    expected = RGB if pixels.ndim == 3 else np.repeat(RGB[..., :1], 3, axis=2)
    step = words[0].nbytes
    assert np.array_equal(f.decode_color(encoding, 6, 8, step, big, words.tobytes()), expected)


@pytest.mark.parametrize("big", [0, 1])
@pytest.mark.parametrize("padding", [0, 8])
@pytest.mark.parametrize(
    ("encoding", "values", "kind"),
    [("16UC1", MM, "u2"), ("mono16", MM, "u2"), ("32FC1", MM / 1000, "f4"), ("64FC1", MM / 1000, "f8")],
)
def test_every_depth_encoding_gives_the_same_metres(encoding, values, kind, padding, big):
    rows, step = padded(np.ascontiguousarray(values.astype((">" if big else "<") + kind)), padding)
    depth = f.decode_depth(encoding, 6, 8, step, big, rows.tobytes())
    assert depth.dtype == np.float32
    assert np.allclose(depth, MM / 1000, atol=1e-6)


def test_useless_readings_become_unknown():
    values = np.array([[1.0, np.nan, np.inf, -np.inf, -2.0, 0.0]], np.float32)
    assert f.decode_depth("32FC1", 1, 6, 24, 0, values.tobytes()).tolist() == [[1, 0, 0, 0, 0, 0]]


def test_the_scale_of_whole_numbers_can_be_set():
    assert f.decode_depth("16UC1", 6, 8, 16, 0, MM.tobytes(), scale=0.00025)[0, 0] == pytest.approx(
        MM[0, 0] / 4000
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: f.decode_color("nv24", 6, 8, 16, 0, b""), "'nv24' is not supported: set .* supported: rgb8"),
        (lambda: f.decode_color("bayer_rggb8", 6, 8, 8, 0, bytes(40)), "cut off"),
        (lambda: f.decode_color("yuv422", 6, 7, 14, 0, bytes(84)), "7x6 pixels are no image of .*'yuv422'"),
        (lambda: f.decode_color("nv21", 6, 8, 8, 0, bytes(48)), "cut off"),
        (lambda: f.decode_depth("8UC1", 6, 8, 8, 0, b""), "'8UC1' is not supported; supported: 16UC1"),
        (lambda: f.decode_color("rgb8", 6, 8, 24, 0, bytes(100)), "cut off"),
        (lambda: f.decode_color("rgb8", 6, 8, 20, 0, bytes(1000)), "step 20"),
        (lambda: f.decode_color("rgb8", 0, 0, 0, 0, b""), "empty"),
        (lambda: f.decode_compressed_color(b"junk"), "damaged"),
        (lambda: f.decode_compressed_color(b""), "damaged"),
        (lambda: f.decode_compressed_depth("16UC1; compressedDepth png", bytes(5)), "cut off"),
        (lambda: f.decode_compressed_depth("16UC1; compressedDepth png", bytes(50)), "damaged"),
        (lambda: f.decode_compressed_depth("jpeg", bytes(50)), "expected 16UC1 or 32FC1"),
        (lambda: f.decode_compressed_depth("16UC1; compressedDepth rvl", bytes(15)), "cut off"),
        (lambda: f.decode_rvl(np.array([1 << 30, 1 << 30], "<u4").tobytes() + bytes(8)), "damaged"),
        (lambda: f.decode_rvl(np.array([8, 6], "<u4").tobytes() + b"\xff" * 40), "cut off"),
        (lambda: f.decode_rvl(np.array([8, 6], "<u4").tobytes() + b"\xff" * 40 + b"\1" * 4), "damaged"),
    ],
)
def test_bad_images_are_refused_with_the_reason(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_a_compressed_depth_image_comes_back_unchanged():
    depth = f.decode_compressed_depth("16UC1; compressedDepth png", f.encode_compressed_depth(MM))
    assert np.allclose(depth, MM / 1000)


def test_a_bare_png_of_depth_is_read_too():
    png = f.encode_compressed_depth(MM)[f.COMPRESSED_HEADER.size :]
    assert np.allclose(f.decode_compressed_depth("16UC1; png compressed ", png), MM / 1000)


def test_quantised_float_depth_is_inverse_depth():
    a, b = 0.5, -1.0
    values = np.array([[0, 1, 5, 100]], np.uint16)
    png = cv2.imencode(".png", values)[1].tobytes()
    depth = f.decode_compressed_depth("32FC1; compressedDepth", f.COMPRESSED_HEADER.pack(0, a, b) + png)
    assert np.allclose(depth, [[0, a / 2, a / 6, a / 101]])


def encode_rvl(pixels):
    """The encoder of the RVL paper, one value at a time."""
    nibbles, flat, at, previous = [], pixels.ravel().astype(int).tolist(), 0, 0

    def put(value):
        while True:
            nibble, value = value & 7, value >> 3
            nibbles.append(nibble | (8 if value else 0))
            if not value:
                return

    while at < len(flat):
        zeros = next((i for i, v in enumerate(flat[at:]) if v), len(flat) - at)
        at += zeros
        others = next((i for i, v in enumerate(flat[at:]) if not v), len(flat) - at)
        put(zeros)
        put(others)
        for value in flat[at : at + others]:
            delta, previous = value - previous, value
            put((delta << 1) ^ (delta >> 31))
        at += others
    nibbles += [0] * (-len(nibbles) % 8)
    words = [int("".join(f"{n:x}" for n in nibbles[i : i + 8]), 16) for i in range(0, len(nibbles), 8)]
    size = np.array(pixels.shape[::-1], "<u4").tobytes()
    return size + np.array(words, "<u4").tobytes()


def test_rvl_comes_back_unchanged():
    image = RNG.integers(0, 9000, (40, 60), dtype=np.uint16)
    image[image < 3000] = 0
    header = f.COMPRESSED_HEADER.pack(0, 0.0, 0.0)
    depth = f.decode_compressed_depth("16UC1; compressedDepth rvl", header + encode_rvl(image))
    assert np.allclose(depth, image / 1000)
    with pytest.raises(InputError, match="cut off"):
        f.decode_rvl(encode_rvl(image)[:400])


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_rvl_keeps_images_of_any_share_of_zeros(share):
    rng = np.random.default_rng(3)
    image = rng.integers(1, 65536, (7, 9)).astype(np.uint16)
    image[rng.random(image.shape) < share] = 0
    assert np.array_equal(f.decode_rvl(encode_rvl(image)), image)


def test_spoilt_rvl_is_refused_or_read_but_never_ends_otherwise():
    rng = np.random.default_rng(4)
    good = np.frombuffer(encode_rvl(rng.integers(0, 3000, (20, 30), dtype=np.uint16)), np.uint8)

    def ends_well(data):
        try:
            return f.decode_rvl(data).dtype == np.uint16
        except InputError as error:
            return "message is" in str(error)

    for _ in range(200):
        bad = good.copy()
        bad[rng.integers(0, len(bad), 5)] = rng.integers(0, 256, 5)
        assert ends_well(bad)


K = (500.0, 0, 320, 0, 510, 240, 0, 0, 1)
P = (480.0, 0, 310, 0, 0, 490, 230, 0, 0, 0, 1, 0)


def test_a_rectified_camera_uses_its_projection_matrix():
    assert c.camera_intrinsics(640, 480, K, (0.0,) * 5, P) == (
        CameraIntrinsics(480, 490, 310, 230, 640, 480),
        None,
    )


def test_a_rectified_image_is_not_straightened_twice():
    camera, distortion = c.camera_intrinsics(640, 480, K, (0.1, 0, 0, 0), P, "odd", is_rectified=True)
    assert (camera.fx, camera.cx, distortion) == (480, 310, None)


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("/camera/image_rect", True),
        ("/camera/image_rect_color/compressed", True),
        ("/camera/image_raw", False),
        ("/rect/image_raw/compressed", False),
        ("/camera/direct", False),
    ],
)
def test_rectified_images_are_told_by_their_topic(topic, expected):
    assert c.is_rectified_topic(topic) is expected


def test_a_turn_noted_in_a_jpeg_is_not_carried_out():
    jpeg = cv2.imencode(".jpg", RGB)[1].tobytes()
    orientation = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)  # a quarter turn
    exif = b"Exif\0\0II" + struct.pack("<HIH", 42, 8, 1) + orientation + b"\0\0\0\0"
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape != RGB.shape
    assert f.decode_compressed_color(turned).shape == RGB.shape


def test_a_distorted_camera_uses_its_own_matrix_and_says_how_it_bends():
    camera, distortion = c.camera_intrinsics(640, 480, K, (0.1, 0, 0, 0, 0), P, "plumb_bob")
    assert camera == CameraIntrinsics(500, 510, 320, 240, 640, 480)
    assert distortion == c.Distortion("plumb_bob", (0.1, 0, 0, 0, 0))


def test_region_of_interest_and_binning_are_applied():
    roi = SimpleNamespace(x_offset=100, y_offset=40, width=400, height=300)
    camera, _ = c.camera_intrinsics(640, 480, K, (), (), "", roi, (2, 2))
    assert camera == CameraIntrinsics(250, 255, 110, 100, 200, 150)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((640, 480, (0.0,) * 9, (), ()), "not calibrated"),
        ((640, 480, (float("nan"), *K[1:]), (), ()), "not calibrated"),
        ((640, 480, K, (0.1, 0, 0, 0), (), "thin_prism"), "'thin_prism' is unknown"),
    ],
)
def test_a_useless_calibration_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        c.camera_intrinsics(*arguments)


@pytest.mark.parametrize("model", c.DISTORTION_MODELS)
def test_without_coefficients_undistorting_changes_nothing(model):
    camera = CameraIntrinsics(50.0, 50.0, 3.5, 2.5, 8, 6)
    rgb, depth = c.undistort(RGB, (MM / 1000).astype(np.float32), camera, c.Distortion(model, (0.0,) * 4))
    assert np.array_equal(rgb, RGB)
    assert np.allclose(depth, MM / 1000)


def test_a_straight_line_seen_through_a_bent_lens_is_straight_again():
    camera = CameraIntrinsics(100.0, 100.0, 79.5, 59.5, 160, 120)
    bend = c.Distortion("plumb_bob", (-0.3, 0.05, 0.0, 0.0))
    rays = np.array([[(c - 79.5) / 100, 0.4, 1.0] for c in range(20, 140)])
    matrix = np.array([[100, 0, 79.5], [0, 100, 59.5], [0, 0, 1.0]])
    seen = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), matrix, np.array(bend.coefficients))[0][:, 0]
    image = np.zeros((120, 160, 3), np.uint8)
    for x, y in seen.round().astype(int):
        image[y - 1 : y + 2, x - 1 : x + 2] = 255
    straight, _ = c.undistort(image, np.ones((120, 160), np.float32), camera, bend)
    rows = straight[:, 25:135, 0].astype(float)
    heights = (rows * np.arange(120)[:, None]).sum(0) / rows.sum(0)
    assert abs(heights - (0.4 * 100 + 59.5)).max() < 1.0


@pytest.mark.parametrize(("encoding", "kind"), list(f.LABEL_ENCODINGS.items()))
@pytest.mark.parametrize("big", [False, True])
def test_label_images_are_whole_numbers_of_any_width(encoding, kind, big):
    labels = np.array([[0, 7, 100], [1, 2, 3]])
    rows, _ = padded(labels.astype(np.dtype(kind).newbyteorder(">" if big else "<")), 4)
    assert f.decode_labels(encoding, 2, 3, rows.shape[1], big, rows.tobytes()).tolist() == labels.tolist()


def test_a_colour_image_is_no_label_image():
    with pytest.raises(InputError, match="label image"):
        f.decode_labels("rgb8", 1, 1, 3, False, b"abc")
    with pytest.raises(InputError, match="one channel"):
        f.decode_compressed_labels(cv2.imencode(".png", RGB)[1].tobytes())


def test_label_images_are_straightened_without_inventing_labels():
    camera = CameraIntrinsics(50.0, 50.0, 20.0, 15.0, 40, 30)
    labels = (np.arange(40) // 10 * 1000 + 5).astype(np.int32) * np.ones((30, 1), np.int32)
    straight = c.undistort_labels(labels, camera, c.Distortion("plumb_bob", (0.2, 0, 0, 0, 0)))
    assert set(np.unique(straight)) <= {0, *np.unique(labels)}
    assert straight[15, 20] == labels[15, 20]
    same = c.undistort_labels(labels, camera, c.Distortion("plumb_bob", (0, 0, 0, 0, 0)))
    assert np.array_equal(same, labels)


COLORS = [(200, 60, 20), (10, 220, 90), (30, 50, 240)]
SITES = {"rggb": (0, 1, 1, 2), "bggr": (2, 1, 1, 0), "gbrg": (1, 2, 0, 1), "grbg": (1, 0, 2, 1)}
"""The colour that each pixel of a Bayer pattern's 2 x 2 sees: 0 red, 1 green, 2 blue."""


@pytest.mark.parametrize("pattern", SITES)
@pytest.mark.parametrize("color", COLORS)
def test_a_bayer_image_of_one_colour_has_that_colour(pattern, color):
    tile = np.array(color)[list(SITES[pattern])].reshape(2, 2)
    mosaic = np.tile(tile, (3, 4)).astype(np.uint8)
    assert (f.decode_color(f"bayer_{pattern}8", 6, 8, 8, 0, mosaic.tobytes()) == color).all()
    for order, big in (("<u2", 0), (">u2", 1)):
        words = (mosaic.astype(np.uint16) * 257).astype(order)
        assert (f.decode_color(f"bayer_{pattern}16", 6, 8, 16, big, words.tobytes()) == color).all()


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv", "nv12", "nv21"])
def test_a_yuv_image_of_one_colour_has_that_colour(encoding, color):
    red, green, blue = color  # BT.601, as video has it: Y from 16, U and V around 128
    y = 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255
    u = 128 + (-37.797 * red - 74.203 * green + 112.0 * blue) / 255
    v = 128 + (112.0 * red - 93.786 * green - 18.214 * blue) / 255
    if encoding.startswith("nv"):
        pair = (u, v) if encoding == "nv12" else (v, u)
        rows = np.concatenate([np.full((6, 8), y), np.tile(pair, (3, 4))])
    else:
        rows = np.tile((y, u, y, v) if encoding in ("yuyv", "yuv422_yuy2") else (u, y, v, y), (6, 4))
    data = np.round(rows).astype(np.uint8)
    image = f.decode_color(encoding, 6, 8, data.shape[1], 0, data.tobytes())
    assert image.shape == (6, 8, 3)
    assert np.abs(image.astype(int) - color).max() <= 3
