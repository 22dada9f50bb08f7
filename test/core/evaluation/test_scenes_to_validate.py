"""What a validation will lack is known before the training begins."""

import shutil

import numpy as np
import pytest
from recordings import raw
from recordings.board import Board
from written import write_posed_images

from autoseg3d_core.cli import train
from autoseg3d_core.structures import InputError


@pytest.fixture
def scenes(tmp_path):
    """Three prepared scenes: one with everything, one without masks, one without truth."""
    for name in ("all", "no_masks", "no_truth"):
        write_posed_images(Board(2), tmp_path / name)
        if name != "no_masks":
            raw.png(tmp_path / name / "masks" / "edge" / "0.png", np.ones((60, 80), np.uint8))
    shutil.rmtree(tmp_path / "no_truth" / "truth")
    return tmp_path


def test_scenes_that_cannot_be_validated_on_are_named_at_the_start(scenes, capsys):
    assert train._frame_validation(train.ValidationConfig(scenes=str(scenes), masks="edge, truth-parts"))
    said = capsys.readouterr().out
    assert "no_masks: has no edge masks (but truth-parts, truth-objects): left out" in said
    assert "no_truth: has no ground truth: left out" in said
    assert "on 1 scenes" in said
    assert "tracks, ids and classes are not validated" in said


def test_where_no_scene_is_left_the_training_does_not_begin(scenes):
    with pytest.raises(InputError, match=r"no scene can be validated on: .*has no sam masks"):
        train._frame_validation(train.ValidationConfig(scenes=str(scenes), masks="sam"))


def test_a_training_without_validation_says_what_will_be_missing(capsys, monkeypatch):
    assert train._frame_validation(train.ValidationConfig()) is None
    assert "validation.scenes is empty; best.safetensors will not be written" in capsys.readouterr().out
    monkeypatch.setenv("RANK", "1")
    train._frame_validation(train.ValidationConfig())
    assert capsys.readouterr().out == ""
