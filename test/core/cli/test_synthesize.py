"""`autoseg3d synthesize`: what it writes is read back as it was."""

import argparse
import sys

import numpy as np
import pytest

from autoseg3d_core.cli import synthesize as synthesize_command
from autoseg3d_core.cli.synthesize import add_arguments, parse_seeds, run
from autoseg3d_core.datasets.open_sequence import open_sequence
from autoseg3d_core.structures import CameraIntrinsics, Frame, InputError

SMALL = ("width=64", "height=48", "pose_jitter=false")


def synthesize(*words):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([*words, "--frames", "3", *SMALL]))


@pytest.mark.parametrize(
    ("text", "seeds"), [("7", (7,)), ("0-2", (0, 1, 2)), ("0-1,5000", (0, 1, 5000)), ("3,3", (3,))]
)
def test_seeds_are_numbers_and_ranges(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "5-2", "1..3", "-4"])
def test_other_seeds_are_refused(text):
    with pytest.raises(InputError, match="--seeds"):
        parse_seeds(text)


def test_seeds_of_no_split_are_refused(tmp_path):
    with pytest.raises(InputError, match="no split"):
        synthesize("--seeds", "7000", "--out", str(tmp_path / "a"))


@pytest.mark.parametrize("kind", [("folder",), ("bag",), ("bag", "--raw")], ids="-".join)
def test_what_is_written_is_read_back(gl, tmp_path, kind):
    from autoseg3d_core.config import load_config
    from autoseg3d_core.simulation.sequence import SimulatedSequence, SimulationConfig

    assert synthesize("--seeds", "2", "--out", str(tmp_path / "scene"), "--format", *kind) == 0
    read = open_sequence(tmp_path / "scene")
    with SimulatedSequence(2, load_config(SimulationConfig, None, ("frames=3", *SMALL))) as walk:
        assert len(read) == 3
        for index in range(3):
            frame, made = read[index], walk[index]
            assert np.abs(frame.depth - made.depth).max() < 6e-4
            assert np.abs(frame.rgb.astype(int) - made.rgb).mean() < 12
            assert np.allclose(frame.world_from_camera, made.world_from_camera, atol=1e-6)
            assert np.isclose(frame.camera.fx, made.camera.fx)
            assert (read.truth(index).instance == walk.truth(index).instance).all()
            assert (read.truth(index).part == walk.truth(index).part).all()
        assert (read.scene_truth().ids == walk.scene_truth().ids).all()
        assert np.allclose(read.scene_truth().boxes, walk.scene_truth().boxes)


def test_each_of_several_scenes_gets_a_folder(gl, tmp_path):
    assert synthesize("--seeds", "0-1", "--out", str(tmp_path)) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["simulation_00000", "simulation_00001"]


class Walk:
    """A simulated walk of which some frames cannot be used."""

    name = "walk"

    def __init__(self, seed, config):
        self._pose = np.eye(4)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __len__(self):
        return 3

    def renderer(self):
        pass

    def __getitem__(self, index):
        if index == 1:
            raise InputError("the renderer gave no image")
        if index == STOPPED_AT:
            raise KeyboardInterrupt
        camera = CameraIntrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)
        rgb, depth = np.zeros((48, 64, 3), np.uint8), np.ones((48, 64), np.float32)
        return Frame(rgb, depth, camera, self._pose, (index + 1) * 10**8)

    def truth(self, index):
        return None

    def scene_truth(self):
        return None


STOPPED_AT = 9


@pytest.mark.parametrize("kind", ["folder", "bag"])
def test_frames_that_cannot_be_used_are_left_out_counted_and_named(tmp_path, monkeypatch, capsys, kind):
    monkeypatch.setattr(synthesize_command, "SimulatedSequence", Walk)
    assert synthesize("--seeds", "2", "--out", str(tmp_path / "walk"), "--format", kind) == 0
    said = capsys.readouterr()
    assert "1 scene, 2 frames in " in said.out
    assert "; left out: 1" in said.out
    assert "frame 1 left out: the renderer gave no image" in said.err
    assert len(open_sequence(tmp_path / "walk")) == 2


@pytest.mark.parametrize("kind", ["folder", "bag"])
def test_what_was_written_before_an_interruption_can_be_read(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(synthesize_command, "SimulatedSequence", Walk)
    monkeypatch.setattr(sys.modules[__name__], "STOPPED_AT", 2)
    with pytest.raises(KeyboardInterrupt):
        synthesize("--seeds", "2", "--out", str(tmp_path / "walk"), "--format", kind)
    assert len(open_sequence(tmp_path / "walk")) == 1
