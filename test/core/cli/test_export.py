"""`autoseg3d export`: a recording of any format becomes a bag or a folder that reads the same."""

import re

import numpy as np
import pytest
from recordings import raw
from tiny_sequence import Tiny
from written import write_posed_images

from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.datasets.open_sequence import open_sequence
from autoseg3d_core.datasets.write_bag import EPOCH_NS


def export(source, out, *words):
    """Return what is read of what the command wrote."""
    assert main(["export", str(source), "--out", str(out), *words]) == 0
    return open_sequence(out)


def assert_equal_frames(first, second, index, other):
    a, b = first[index], second[other]
    assert np.abs(a.depth - b.depth).max() < 6e-4
    assert np.abs(a.rgb.astype(int) - b.rgb).mean() < 6  # JPEG
    assert np.allclose(a.world_from_camera, b.world_from_camera, atol=1e-6)
    assert np.allclose([a.camera.fx, a.camera.cy], [b.camera.fx, b.camera.cy])


@pytest.mark.parametrize("name", ["TUM RGB-D", "ScanNet .sens", "nerfstudio"])
@pytest.mark.parametrize("kind", ["folder", "bag"])
def test_a_recording_reads_the_same_after_it_was_exported(tmp_path, name, kind):
    raw.WRITERS[name](tmp_path / "scene0000_00", Tiny())
    source = open_sequence(tmp_path / "scene0000_00")
    written = export(tmp_path / "scene0000_00", tmp_path / "new", "--format", kind)
    assert len(written) == len(source) == 6
    for index in (0, 5):
        assert_equal_frames(source, written, index, index)


def test_every_other_frame_from_the_second_on_keeps_its_truth(tmp_path):
    write_posed_images(Tiny(), tmp_path / "tiny")
    written = export(tmp_path / "tiny", tmp_path / "bag", "--format", "bag", "--start", "1", "--stride", "2")
    assert len(written) == 3
    for index in range(3):
        assert_equal_frames(Tiny(), written, 2 * index + 1, index)
        truth = Tiny().truth(2 * index + 1)
        assert (written.truth(index).instance == truth.instance).all()
    assert written.scene_truth().ids.tolist() == [1]


def test_what_is_said_of_the_recording_is_in_the_files(tmp_path):
    write_posed_images(Tiny(), tmp_path / "tiny")
    options = ("--depth-unit", "cm", "--swap-colors", "--limit", "2")
    written = export(tmp_path / "tiny", tmp_path / "new", *options)
    assert len(written) == 2
    assert np.abs(written[1].depth - 10 * Tiny()[1].depth).max() < 1e-2
    assert np.abs(written[1].rgb[..., ::-1].astype(int) - Tiny()[1].rgb).mean() < 6


def test_frames_that_cannot_be_used_are_left_out_and_counted(tmp_path, capsys):
    write_posed_images(Tiny(), tmp_path / "tiny")
    (tmp_path / "tiny" / "depth" / "3.png").write_bytes(b"no image")
    assert len(export(tmp_path / "tiny", tmp_path / "new")) == 5
    said = capsys.readouterr()
    assert f"5 frames in {tmp_path / 'new'}; left out: 1 unusable" in said.out
    assert "frame 3 left out" in said.err


@pytest.mark.parametrize("kind", ["folder", "bag"])
def test_a_folder_in_use_is_not_overwritten(tmp_path, capsys, kind):
    write_posed_images(Tiny(), tmp_path / "tiny")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "tiny").rglob("*")}
    words = ["export", str(tmp_path / "tiny"), "--out", str(tmp_path / "tiny"), "--format", kind]
    assert main(words) == 2
    assert "another folder" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "tiny").rglob("*")} == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("NOWHERE",), "NOWHERE"),
        (("tiny", "--start", "6"), "--start 6: .*has 6 frames"),
        (("simulation:2", "--depth-unit", "mm"), "needs no corrections"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(tmp_path, capsys, monkeypatch, words, told):
    write_posed_images(Tiny(), tmp_path / "tiny")
    monkeypatch.chdir(tmp_path)
    assert main(["export", *words, "--out", "new"]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert re.search(told, err)
    assert not (tmp_path / "new").exists()


def test_stamps_of_a_recording_stay_in_a_bag_and_those_near_zero_get_a_date(tmp_path):
    raw.WRITERS["TUM RGB-D"](tmp_path / "dated", Tiny())
    dated = open_sequence(tmp_path / "dated")
    write_posed_images(Tiny(), tmp_path / "undated")
    for name, first in (("dated", dated[0].stamp_ns), ("undated", EPOCH_NS)):
        written = export(tmp_path / name, tmp_path / f"{name} bag", "--format", "bag")
        stamps = [written[index].stamp_ns for index in range(6)]
        assert stamps[0] == first
        assert np.diff(stamps).tolist() == [100_000_000] * 5
