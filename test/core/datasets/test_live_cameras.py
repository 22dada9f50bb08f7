"""Live cameras, as far as they can be tried without one: stand-ins for their libraries."""

import sys
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.datasets.live_cameras import LiveImages, Orbbec, RealSense
from autoseg3d_core.datasets.live_sequence import STANDING, LiveSequence
from autoseg3d_core.lifting import check_frame
from autoseg3d_core.structures import CameraIntrinsics, InputError

CAMERA = CameraIntrinsics(50.0, 50.0, 15.5, 11.5, 32, 24)
RGB = np.full((24, 32, 3), (200, 100, 50), np.uint8)
MM = np.full((24, 32), 1500, np.uint16)


class Pipeline:
    """What pyrealsense2.pipeline does with a camera that gives one pair of images."""

    left = 1

    def start(self, config):
        sensor = SimpleNamespace(get_depth_scale=lambda: 0.001)
        return SimpleNamespace(get_device=lambda: SimpleNamespace(first_depth_sensor=lambda: sensor))

    def wait_for_frames(self, milliseconds):
        if not self.left:
            raise RuntimeError("Frame didn't arrive within 5000")
        self.left -= 1
        lens = SimpleNamespace(fx=50.0, fy=50.0, ppx=15.5, ppy=11.5, width=32, height=24)
        profile = SimpleNamespace(as_video_stream_profile=lambda: SimpleNamespace(intrinsics=lens))
        color = SimpleNamespace(get_data=lambda: RGB, profile=profile)
        depth = SimpleNamespace(get_data=lambda: MM)
        return SimpleNamespace(get_color_frame=lambda: color, get_depth_frame=lambda: depth)

    def stop(self):
        pass


class Unplugged(Pipeline):
    def start(self, config):
        raise RuntimeError("No device connected")


@pytest.fixture
def realsense(monkeypatch):
    library = SimpleNamespace(
        config=lambda: SimpleNamespace(enable_stream=lambda *about: None),
        pipeline=Pipeline,
        stream=SimpleNamespace(color=1, depth=2),
        format=SimpleNamespace(rgb8=1, z16=2),
        align=lambda stream: SimpleNamespace(process=lambda frames: frames),
    )
    monkeypatch.setitem(sys.modules, "pyrealsense2", library)
    return library


def test_a_realsense_gives_metres_its_calibration_and_the_time(realsense):
    camera = RealSense()
    images = camera.read()
    assert images.camera == CAMERA
    np.testing.assert_array_equal(images.rgb, RGB)
    np.testing.assert_allclose(images.depth, 1.5)
    assert abs(images.stamp_ns - time.time_ns()) < 60e9
    assert camera.read() is None


def test_a_run_on_a_camera_ends_with_its_results_when_the_camera_is_gone(realsense, tmp_path, capsys):
    words = ["replay", "camera:realsense", "--poses", "still", "--out", str(tmp_path / "out")]
    assert main([*words, "--set", "model.name=overlap", "masks.name=geometric"]) == 130
    assert "interrupted after 1 frames" in capsys.readouterr().err
    assert (tmp_path / "out" / "scene.ply").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["camera:webcam"], "use camera:realsense or camera:orbbec"),
        (["camera:realsense"], "--poses FILE, or --poses still"),
        (["camera:realsense", "--poses", "nowhere.txt"], "--poses nowhere.txt: no such file"),
        (["camera:realsense", "--poses", "still", "--swap-colors"], "--swap-colors has no effect"),
        (["camera:orbbec", "--poses", "still"], "OpenCV finds none"),
        (["demo/recording", "--poses", "still"], "a recording has its own poses"),
    ],
)
def test_what_cannot_be_opened_is_told_in_a_line(words, said, tmp_path, capsys):
    assert main(["replay", *words, "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_a_missing_library_names_the_extra_and_a_missing_camera_is_told(realsense, monkeypatch):
    realsense.pipeline = Unplugged
    with pytest.raises(InputError, match="No device connected: is it plugged in"):
        RealSense()
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    with pytest.raises(InputError, match=r"pip install autoseg3d-core\[realsense\]"):
        RealSense()


class Capture:
    """What cv2.VideoCapture does with an Orbbec."""

    def __init__(self, index, backend):
        assert backend == cv2.CAP_OBSENSOR

    def isOpened(self):  # noqa: N802
        return True

    def get(self, which):
        lens = {"FX": 50.0, "FY": 50.0, "CX": 15.5, "CY": 11.5}
        names = {getattr(cv2, f"CAP_PROP_OBSENSOR_INTRINSIC_{name}"): value for name, value in lens.items()}
        return names[which]

    def grab(self):
        return True

    def retrieve(self, image, which):
        return True, RGB[..., ::-1].copy() if which == cv2.CAP_OBSENSOR_BGR_IMAGE else MM


def test_an_orbbec_gives_metres_and_red_first(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    images = Orbbec().read()
    assert images.camera == CAMERA
    np.testing.assert_array_equal(images.rgb, RGB)
    np.testing.assert_allclose(images.depth, 1.5)


class Given:
    """A camera that shows the same at given times."""

    def __init__(self, *stamps):
        self._stamps = list(stamps)

    def read(self):
        return LiveImages(RGB, MM / np.float32(1000), CAMERA, self._stamps.pop(0)) if self._stamps else None


def test_poses_are_those_of_the_file_between_its_lines_and_a_frame_without_one_is_left_out(tmp_path):
    poses = tmp_path / "poses.txt"
    poses.write_text("# seconds x y z qx qy qz qw\n10.0 0 0 1 0 0 0 1\n10.1 2 0 1 0 0 0 1\n")
    sequence = LiveSequence("camera:given", Given(10_050_000_000, 90_000_000_000), poses)
    frame = sequence[0]
    check_frame(frame)
    np.testing.assert_allclose(frame.world_from_camera[:3, 3], [1, 0, 1])
    with pytest.raises(InputError, match=r"poses\.txt: no pose within 100 ms"):
        sequence[1]
    with pytest.raises(KeyboardInterrupt):
        sequence[2]


def test_a_camera_that_stands_still_looks_level_with_z_up():
    frame = LiveSequence("camera:given", Given(5), None)[0]
    check_frame(frame)
    np.testing.assert_allclose(STANDING[:3, :3] @ [0, -1, 0], [0, 0, 1])
    np.testing.assert_array_equal(frame.world_from_camera, STANDING)
