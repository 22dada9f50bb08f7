"""Each wrong unit or axis is named on simulated rooms, and nothing is where all is right."""

import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from written import write_posed_images

from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.datasets.open_sequence import open_sequence
from autoseg3d_core.geometry.registration import registered
from autoseg3d_core.plausibility.checks import ENOUGH_MOTION, first_frames, motion, suspicions
from autoseg3d_core.resources import resource_path
from autoseg3d_core.simulation.sequence import SimulatedSequence, SimulationConfig

OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
SMALL = {"width": 320, "height": 240, "frames": 22, "truth_frames": 1}


def frames_of(seed, **settings):
    with SimulatedSequence(seed, SimulationConfig(**SMALL, **settings)) as sequence:
        return first_frames(sequence)


@pytest.fixture(scope="module")
def room():
    return frames_of(5013)


@pytest.fixture(scope="module")
def recording():
    return first_frames(open_sequence(resource_path("demo/recording")))


def of_depth(change):
    return lambda f: replace(f, depth=change(f.depth).astype(np.float32))


def of_pose(change):
    return lambda f: replace(f, world_from_camera=change(f.world_from_camera))


def in_millimetres(pose):
    return np.concatenate([np.concatenate([pose[:3, :3], 1000 * pose[:3, 3:]], axis=1), pose[3:]])


def of_focal(factor):
    return lambda f: replace(f, camera=replace(f.camera, fx=factor * f.camera.fx, fy=factor * f.camera.fy))


def unregistered(frame):
    """Depth as another camera has it: a longer lens, 3 cm beside."""
    apart = np.eye(4)
    apart[0, 3] = -0.03
    longer = replace(frame.camera, fx=1.11 * frame.camera.fx, fy=1.11 * frame.camera.fy)
    return replace(frame, depth=registered(frame.depth, frame.camera, longer, apart))


WRONG = {
    "whole metres": (of_depth(lambda d: np.round(d) / 1000), "--depth-unit m|--depth-scale 1,"),
    "five times": (of_depth(lambda d: 5 * d), "5 times too large .*--depth-scale 5000"),
    "a fifth": (of_depth(lambda d: d / 5), "5 times too small"),
    "millimetres as metres": (of_depth(lambda d: 1000 * d), "--depth-unit mm|1000 times too large"),
    "poses in millimetres": (of_pose(in_millimetres), "--pose-unit mm"),
    "inverted poses": (of_pose(np.linalg.inv), "--pose-convention world-to-camera"),
    "opengl axes": (of_pose(lambda p: p @ OPENGL), "--pose-convention opengl"),
    "a focal length too long": (of_focal(1.25), "focal length looks 1.2 times"),
    "a focal length too short": (of_focal(0.7), "focal length looks 0.7 times"),
    "a focal length a tenth too long": (of_focal(1.1), "focal length looks 1.1 times"),
    "a focal length a tenth too short": (of_focal(0.9), r"focal length looks 0\.(88|89|9|91|92) times"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("source", ["room", "recording"])
def test_what_is_wrong_is_named_with_the_option_that_mends_it(request, source, name):
    spoil, said = WRONG[name]
    (found,) = suspicions([spoil(frame) for frame in request.getfixturevalue(source)])
    assert "\n" not in str(found)
    assert re.search(said, str(found)), str(found)


def test_swapped_colours_are_named_where_the_room_is_of_warm_colours(recording):
    swapped = [replace(f, rgb=np.ascontiguousarray(f.rgb[..., ::-1])) for f in recording]
    (found,) = suspicions(swapped)
    assert "--swap-colors" in str(found)


def painted(hue, share):
    """Return what makes a frame grey but for a share, which gets a hue."""

    def paint(frame):
        hsv = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2HSV)
        hsv[..., 1], hsv[:, : round(320 * share), :2] = 0, (hue, 160)
        return replace(frame, rgb=cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))

    return paint


@pytest.mark.parametrize(
    ("hue", "share", "is_named"),
    [
        (120, 0.3, True),
        (105, 0.3, True),
        (120, 0.05, False),
        (0, 0.5, False),
        (15, 0.5, False),
        (60, 0.5, False),
    ],
)
def test_a_room_full_of_blue_where_wood_or_red_would_be_is_named(room, hue, share, is_named):
    found = suspicions([painted(hue, share)(frame) for frame in room])
    assert [s for s in found if "--swap-colors" in str(s)] == found
    assert bool(found) == is_named


def test_a_camera_that_hardly_moves_is_looked_at_for_longer(room):
    """Over 22 frames of a hundredth of the motion no focal length disagrees; over 176 a wrong one does."""
    with SimulatedSequence(10003, SimulationConfig(**{**SMALL, "frames": 176}, rate_hz=120.0)) as slow:
        spoilt = Changed(slow, of_focal(1.25))
        frames = first_frames(spoilt)
        near = [spoilt[index] for index in range(0, 22, 3)]
    assert motion(near) < ENOUGH_MOTION <= motion(frames)
    assert not [s for s in suspicions(near) if "focal" in str(s)]
    (found,) = suspicions(frames)
    assert "focal length looks 1.2 times" in str(found)


class Changed:
    """A sequence of whose frames each is changed."""

    def __init__(self, sequence, change):
        self._sequence, self._change = sequence, change

    def __len__(self):
        return len(self._sequence)

    def __getitem__(self, index):
        return self._change(self._sequence[index])


def test_depth_that_is_not_registered_is_named(recording):
    (found,) = suspicions([unregistered(frame) for frame in recording])
    assert "not registered" in str(found)


RIGHT = [
    {},
    {"rate_hz": 2.0},
    {"moving": "observed"},
    {"pose_jitter_m": 0.01, "pose_jitter_deg": 0.5},
    {"furniture": 0.2, "clutter": 0.0},
    {"depth_noise": False, "edge_holes": False, "missing_returns": False},
]


@pytest.mark.parametrize("settings", RIGHT)
def test_nothing_is_said_of_a_right_room(settings):
    assert not suspicions(frames_of(10003, **settings))


def test_nothing_is_said_of_the_recording_nor_of_a_camera_that_stands_still(recording, room):
    assert not suspicions(recording)
    assert not suspicions([room[0]] * 8)


@pytest.mark.parametrize("level", [0, 128])
def test_nothing_is_said_of_registration_where_the_picture_has_no_edges(room, level):
    frames = [replace(frame, rgb=np.full_like(frame.rgb, level)) for frame in room]
    assert suspicions(frames) == []


def test_depth_without_readings_is_told(room):
    (found,) = suspicions([replace(f, depth=np.zeros_like(f.depth)) for f in room])
    assert "readings in 0.0%" in str(found)


class Spoilt:
    """A room with depth in fifths, as a sequence."""

    name = "spoilt"

    def __init__(self, frames):
        self._frames = [replace(f, depth=f.depth / 5, number=i) for i, f in enumerate(frames)]

    def __len__(self):
        return len(self._frames)

    def __getitem__(self, index):
        return self._frames[index]

    def truth(self, index):
        return None

    def scene_truth(self):
        return None


def test_strict_ends_a_replay_before_anything_is_written(room, tmp_path, capsys):
    write_posed_images(Spoilt(room), tmp_path / "run")
    assert main(["replay", str(tmp_path / "run"), "--strict", "--out", str(tmp_path / "out")]) == 2
    assert "5 times too small" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
