"""`autoseg3d masks`: frames and sources that cannot be used are left out, counted and named."""

import json

import cv2
import numpy as np
import pytest

from autoseg3d_core.cli.__main__ import main

QUICK = ("--set", "masks.name=geometric", "device=cpu")


@pytest.fixture
def recordings(tmp_path):
    """Two folders of four posed images of a board before a wall, the first with its truth."""
    board = np.zeros((60, 80), np.uint16)
    board[15:45, 20:60] = 7
    for name in ("known", "unknown"):
        folder = tmp_path / name
        kinds = ("color", "depth", "pose", "truth/instance")[: 4 if name == "known" else 3]
        for kind in kinds:
            (folder / kind).mkdir(parents=True)
        np.savetxt(folder / "intrinsic.txt", [[60, 0, 39.5], [0, 60, 29.5], [0, 0, 1]])
        for number in range(4):
            np.savetxt(folder / "pose" / f"{number}.txt", np.eye(4))
            images = {
                "color/{}.jpg": np.full((60, 80, 3), 90, np.uint8),
                "depth/{}.png": np.where(board > 0, 1500, 3000).astype(np.uint16),
                "truth/instance/{}.png": board,
            }
            for path, image in list(images.items())[: len(kinds) - 1 if len(kinds) == 4 else 2]:
                assert cv2.imwrite(str(folder / path.format(number)), image)
    return tmp_path


def test_frames_that_cannot_be_used_are_left_out_counted_and_named(recordings, capsys):
    (recordings / "known" / "color" / "1.jpg").write_bytes(b"no image")
    (recordings / "known" / "truth" / "instance" / "2.png").write_bytes(b"no image")
    assert main(["masks", str(recordings / "known"), "--frames", "4", *QUICK]) == 0
    said = capsys.readouterr()
    assert "3 frames, " in said.out
    assert "left out: 1 unusable" in said.out
    assert "objects" in said.out
    assert "frame 1 left out: " in said.err
    assert "frame 2 not scored: " in said.err


def test_sources_that_cannot_be_used_are_left_out_counted_and_named(recordings, capsys):
    for number in range(4):
        (recordings / "unknown" / "depth" / f"{number}.png").write_bytes(b"no image")
    sources = [str(recordings / name) for name in ("unknown", "none", "known")]
    assert main(["masks", *sources, "--out", str(recordings / "out"), *QUICK]) == 0
    said = capsys.readouterr()
    assert "4 frames, " in said.out  # each once, though 8 are asked for
    assert "left out: 2 source" in said.out
    assert "unknown left out: " in said.err
    assert "none left out: " in said.err
    scores = json.loads((recordings / "out" / "scores.json").read_text())
    assert set(scores) == {"parts", "objects"}
    assert (recordings / "out" / "masks.png").exists()


def test_without_truth_masks_are_pictured_and_not_scored(recordings, capsys):
    assert main(["masks", str(recordings / "unknown"), "--out", str(recordings / "out"), *QUICK]) == 0
    assert "objects" not in capsys.readouterr().out
    assert json.loads((recordings / "out" / "scores.json").read_text()) == {}


def test_without_any_frame_the_command_says_so(recordings, capsys):
    assert main(["masks", str(recordings / "none"), *QUICK]) == 2
    assert "could be used" in capsys.readouterr().err


def test_a_folder_of_recordings_stands_for_all_of_them(recordings, capsys):
    assert main(["masks", str(recordings), "--frames", "4", *QUICK]) == 0
    assert "8 frames, " in capsys.readouterr().out
