"""`autoseg3d synthesize`: what it writes is read back as it was."""

import argparse

import numpy as np
import pytest

from autoseg3d_core.cli.synthesize import add_arguments, parse_seeds, run
from autoseg3d_core.datasets.open_sequence import open_sequence
from autoseg3d_core.structures import InputError

SMALL = ("width=64", "height=48", "pose_jitter=false")


@pytest.fixture(scope="module")
def gl():
    pytest.importorskip("mujoco")
    from autoseg3d_core.simulation.gl_context import make_context

    try:
        make_context(16, 16).free()
    except InputError as error:
        pytest.skip(str(error))


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
