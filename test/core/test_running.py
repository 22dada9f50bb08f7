"""The one loop over frames: what is unusable is left out, and never ends a run."""

import json

import numpy as np
import pytest
from recordings.board import Board
from written import write_posed_images

from autoseg3d_core import build
from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.datasets.masked import MaskedSequence
from autoseg3d_core.datasets.unprojected_truth import unprojected_truth
from autoseg3d_core.evaluation.scene_scores import pooled
from autoseg3d_core.evaluation.scoring import Scoring
from autoseg3d_core.mask_makers.precomputed import PrecomputedMaskMaker
from autoseg3d_core.running import UNUSABLE, Unchanged, run
from autoseg3d_core.structures import InputError, MaskImage
from autoseg3d_core.training.prepare import prepare_images, prepare_masks


class Indices:
    def __init__(self, stop_at=None):
        self.taken, self._stop_at = [], stop_at

    def take(self, index, frame, update):
        assert update.stamp_ns == frame.stamp_ns
        self.taken.append(index)
        if index == self._stop_at:
            raise KeyboardInterrupt


@pytest.fixture
def online():
    config = build.load(None, ("model.name=overlap", "device=cpu", "lifting.points=2000"))
    return build.online_segmenter(config, PrecomputedMaskMaker(None))


def test_every_sink_takes_every_frame_in_order(online):
    first, second = Indices(), Indices()
    record = run(MaskedSequence(Board(), "truth-objects"), online, (first, second))
    assert first.taken == second.taken == [0, 1, 2, 3]
    assert (record.frames, record.interrupted) == (4, False)
    assert record.skipped == {"no pose": 2}


def test_frames_that_cannot_be_used_are_left_out_counted_and_named(online, capsys):
    sink = Indices()
    record = run(MaskedSequence(Board(broken=(1, 2)), "truth-objects"), online, (sink,))
    assert sink.taken == [0, 3]
    assert record.skipped == {"no pose": 2, UNUSABLE: 2}
    assert record.reasons == {"no pose": "TF is late", UNUSABLE: "1.png: cannot be read as an image"}
    assert "frame 2 left out: 2.png" in capsys.readouterr().err


def test_a_run_without_any_frame_says_why(online):
    with pytest.raises(InputError, match=r"no frame could be used: TF is late; 1\.png"):
        run(MaskedSequence(Board(2, broken=(1,)), "truth-objects"), online, (), indices=[1])


def test_an_interrupted_run_keeps_what_was_taken(online):
    sink = Indices(stop_at=1)
    record = run(MaskedSequence(Board(), "truth-objects"), online, (sink,))
    assert (record.frames, record.interrupted, sink.taken) == (2, True, [0, 1])


def test_a_run_takes_the_indices_that_it_is_given(online):
    sink = Indices()
    run(MaskedSequence(Board(), "truth-parts"), online, (sink,), indices=(0, 2, 1))
    assert sink.taken == [0, 2, 1]


def test_perfect_masks_of_a_still_board_score_one_against_the_truth_of_its_frames(online):
    sequence = MaskedSequence(Board(6), "truth-objects")
    scoring = Scoring(sequence)
    run(sequence, online, (scoring,))
    result = scoring.result(online.map_cloud(), online.track_table())
    assert result.objects == 1
    assert pooled([result]).ap_to_95 == 1.0
    assert result.identity.idf1 == 1.0
    assert result.borders.f_score == 1.0


def test_frames_whose_truth_cannot_be_read_are_run_and_not_scored(online, capsys):
    sequence = Board(4, truthless=(2,))
    scoring = Scoring(sequence)
    masked = MaskedSequence(Board(4), "truth-objects")
    assert run(masked, online, (scoring,)).frames == 4
    assert scoring.unscored == 1
    assert "frame 2 not scored: truth of 2" in capsys.readouterr().err


def test_the_truth_of_a_scene_is_made_from_that_of_its_frames():
    truth = unprojected_truth(Board())
    assert truth.ids.tolist() == [7]
    expected = [(20 - 39.5) / 40, 1.5, (29.5 - 44) / 40, (59 - 39.5) / 40, 1.5, (29.5 - 15) / 40]
    np.testing.assert_allclose(truth.boxes[0], expected, atol=0.03)  # 1.5 m / 60 px = 1 / 40 m per pixel
    wall = truth.cloud.xyz[truth.cloud.ids == 0]
    np.testing.assert_allclose(wall[:, 1], 3.0, atol=1e-3)


def test_nobody_s_truth_is_nobody_s():
    sequence = Board()
    sequence.truth = lambda index: None
    assert unprojected_truth(sequence) is None
    with pytest.raises(InputError, match="no ground truth, so there are no truth-parts masks"):
        MaskedSequence(sequence, "truth-parts")


def test_a_replay_on_masks_made_before_says_which(tmp_path, capsys):
    write_posed_images(Board(3), tmp_path / "board")
    words = ["--set", "model.name=overlap", "device=cpu", "--masks", "truth-parts"]
    assert main(["replay", str(tmp_path / "board"), "--out", str(tmp_path / "out"), *words]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["model"] == "model overlap on truth-parts masks, cpu"
    assert (summary["frames"], summary["skipped"]) == (3, {})
    assert main(["replay", str(tmp_path / "board"), "--out", str(tmp_path / "out"), *words[:-1], "none"]) == 2
    assert "has no none masks (but truth-parts, truth-objects)" in capsys.readouterr().err


class Widths:
    """A step that is no segmenter."""

    def step(self, frame):
        return frame.depth.shape[1]


class Collected:
    def __init__(self):
        self.taken = []

    def take(self, index, frame, made):
        self.taken.append((index, made))


def test_any_step_runs_and_its_sinks_get_what_it_made():
    widths, nothing = Collected(), Collected()
    run(Board(3, broken=(1,)), Widths(), (widths,))
    run(Board(2), Unchanged(), (nothing,))
    assert widths.taken == [(0, 80), (2, 80)]
    assert nothing.taken == [(0, None), (1, None)]


class Annotated(Board):
    """The board with what is known of its scene."""

    def scene_truth(self):
        return unprojected_truth(Board(1))


def test_preparing_leaves_out_what_cannot_be_used_and_numbers_the_rest(tmp_path, capsys):
    images = prepare_images(lambda: Annotated(5, broken=(1, 3)), tmp_path / "room")
    assert [frame.stamp_ns for frame in images] == [1, 2 * 10**8 + 1, 4 * 10**8 + 1]
    assert "frame 3 left out: 3.png" in capsys.readouterr().err
    assert all(images.truth(i).instance.max() == 7 for i in range(3))


def test_masks_are_prepared_for_every_frame_or_not_at_all(tmp_path):
    images = prepare_images(lambda: Annotated(2), tmp_path / "room")
    with pytest.raises(InputError, match="not every frame has masks: frame at"):
        prepare_masks(images, OnlyTheFirst(), "some")
    assert not (tmp_path / "room" / "masks" / "some").exists()


class OnlyTheFirst:
    def __call__(self, frame):
        if frame.stamp_ns > 1:
            raise InputError(f"frame at {frame.stamp_ns} ns has no label image")
        return MaskImage(np.full((60, 80), -1, np.int32), np.zeros(0, np.float32))
