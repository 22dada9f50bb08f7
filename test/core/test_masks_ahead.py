"""Masks made one frame ahead: the same updates and errors as without, in the same order."""

import threading

import numpy as np
import pytest
import torch
from recordings.board import Board

from autoseg3d_core import build
from autoseg3d_core.datasets.masked import MaskedSequence
from autoseg3d_core.datasets.open_sequence import open_sequence
from autoseg3d_core.mask_makers.precomputed import PrecomputedMaskMaker
from autoseg3d_core.masks_ahead import MasksAhead, divided
from autoseg3d_core.resources import resource_path
from autoseg3d_core.running import run
from autoseg3d_core.side_stream import SideStream
from autoseg3d_core.structures import InputError, MaskImage, TimedMasks

FRAMES = 6


def segmenter(mask_maker=None, model="samosaic3d"):
    words = (f"model.name={model}", "device=cpu", "lifting.points=2000")
    return build.online_segmenter(build.load(None, words), mask_maker)


def same(first, second):
    """Compare two updates, column by column and bit by bit."""
    assert first.events == second.events
    assert first.frame_index == second.frame_index
    assert np.array_equal(first.label_image, second.label_image)
    for table in ("tracks", "cloud"):
        for name, column in vars(getattr(first, table)).items():
            assert np.array_equal(column, getattr(getattr(second, table), name)), name


class Listed(list):
    """Frames as a sequence."""

    name = "listed"


class Updates:
    """Keeps what it takes, and says when the third frame has come."""

    def __init__(self, third=None):
        self.indices, self.updates, self._third = [], [], third

    def take(self, index, frame, update):
        assert frame.stamp_ns == update.stamp_ns
        self.indices.append(index)
        self.updates.append(update)
        if len(self.indices) == 3 and self._third is not None:
            self._third()


def ahead_of(online, sequence, sink):
    with MasksAhead(online) as ahead:
        record = run(sequence, ahead, (sink,), None, ahead.announce)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("autoseg3d_masks")]
    return record


@pytest.fixture(scope="module")
def recording():
    return open_sequence(resource_path("demo/recording"))


def test_the_updates_of_the_default_pipeline_are_the_same_bit_for_bit(recording):
    plain, ahead, frames = Updates(), Updates(), [recording[index] for index in range(FRAMES)]
    run(Listed(frames), segmenter(), (plain,))
    ahead_of(segmenter(), Listed(frames), ahead)
    assert len(ahead.updates) == FRAMES
    assert len(ahead.updates[-1].tracks) > 3
    for pair in zip(plain.updates, ahead.updates, strict=True):
        same(*pair)
        assert list(pair[0].timings_ms) == list(pair[1].timings_ms)


class Failing:
    """Masks of the frames themselves, except of those whose turn it is to fail."""

    def __init__(self, turns, error):
        self._inner, self._turns, self._error, self.calls = PrecomputedMaskMaker(None), turns, error, 0

    def __call__(self, frame):
        self.calls += 1
        if self.calls - 1 in self._turns:
            raise self._error
        return self._inner(frame)


def boards(**options):
    return MaskedSequence(Board(FRAMES, **options), "truth-objects")


def test_a_mask_maker_that_fails_on_one_frame_loses_that_frame_only(capsys):
    runs = []
    for is_ahead in (False, True):
        online, sink = segmenter(Failing((2,), InputError("no masks today")), "overlap"), Updates()
        record = (ahead_of if is_ahead else lambda o, s, k: run(s, o, (k,)))(
            online, boards(broken=(4,)), sink
        )
        runs.append((record, sink, capsys.readouterr().err))
    (plain, plain_sink, plain_words), (ahead, ahead_sink, ahead_words) = runs
    assert ahead == plain
    assert ahead.frames == FRAMES - 2
    assert ahead_words == plain_words
    assert "frame 2 left out: no masks today" in ahead_words
    assert ahead_sink.indices == plain_sink.indices == [0, 1, 3, 5]
    for pair in zip(plain_sink.updates, ahead_sink.updates, strict=True):
        same(*pair)


def test_what_a_mask_maker_raises_reaches_the_caller_after_the_frames_before():
    sink = Updates()
    with pytest.raises(ZeroDivisionError, match="of the masks"):
        ahead_of(segmenter(Failing((2,), ZeroDivisionError("of the masks")), "overlap"), boards(), sink)
    assert sink.indices == [0, 1]


def test_a_source_that_breaks_does_so_after_the_frames_before():
    class Breaking(Board):
        def __getitem__(self, index):
            if index == 2:
                raise ZeroDivisionError("of the source")
            return super().__getitem__(index)

    sink = Updates()
    with pytest.raises(ZeroDivisionError, match="of the source"):
        ahead_of(segmenter(None, "overlap"), Breaking(FRAMES), sink)
    assert sink.indices == [0, 1]


def test_a_stop_in_the_middle_keeps_what_was_taken_and_ends_the_thread():
    def stop():
        raise KeyboardInterrupt

    sink, threads = Updates(stop), torch.get_num_threads()
    record = ahead_of(segmenter(None, "overlap"), Board(FRAMES), sink)
    assert record.interrupted
    assert (record.frames, sink.indices) == (3, [0, 1, 2])
    assert torch.get_num_threads() == threads


def test_an_unusable_frame_says_the_same(wall_frame, halves):
    broken = wall_frame(world_from_camera=np.full((4, 4), np.nan))
    words = []
    with MasksAhead(segmenter(halves, "overlap")) as ahead:
        ahead.announce(broken)
        for step in (ahead, segmenter(halves, "overlap")):
            with pytest.raises(InputError) as caught:
                step.step(broken)
            words.append(str(caught.value))
        assert ahead.step(wall_frame()).frame_index == 0
    assert words[0] == words[1]


@pytest.mark.parametrize("name", ["edge", "geometric", "fastsam"])
def test_masks_depend_on_the_frame_alone(name, recording):
    if name == "fastsam":
        pytest.importorskip("ultralytics")
    maker = build.online_segmenter(build.load(None, (f"masks.name={name}", "device=cpu"))).mask_maker
    frames = [recording[0], recording[45]]
    first, other, again = (maker(frame) for frame in (*frames, frames[0]))
    assert np.array_equal(first.index, again.index)
    assert np.array_equal(first.score, again.score)
    assert not np.array_equal(first.index, other.index)


def test_threads_are_divided_and_none_is_without():
    assert [divided(n) for n in (1, 2, 3, 4, 8, 16)] == [(1, 1), (1, 1), (1, 2), (1, 3), (2, 6), (5, 11)]


class FakeCuda:
    """What the stream needs of torch.cuda, with notes of what was asked."""

    def __init__(self):
        self.said = []

    def Stream(self, device):  # noqa: N802
        return "side"

    def stream(self, stream):
        self.said.append(("in", stream))
        return threading.Lock()

    def current_stream(self, device):
        cuda = self

        class User:
            def wait_stream(self, stream):
                cuda.said.append(("waits for", stream))

        return User()


def test_on_a_gpu_masks_have_a_stream_of_their_own_that_the_rest_waits_for():
    class Made(torch.Tensor):
        def record_stream(self, user):
            cuda.said.append("kept")

    cuda = FakeCuda()
    beside = SideStream(torch.device("cuda"), cuda)
    with beside.running():
        made = torch.ones(1).as_subclass(Made)
    beside.hand_over(None)
    assert cuda.said == [("in", "side")]
    beside.hand_over(made)
    assert cuda.said == [("in", "side"), ("waits for", "side"), "kept"]
    here = SideStream(torch.device("cpu"), cuda)
    with here.running():
        here.hand_over(made)
    assert len(cuda.said) == 3


def test_masks_that_are_given_are_not_made_again(wall_frame, halves):
    online = segmenter(halves, "overlap")
    index = np.zeros(wall_frame().depth.shape, np.int32)
    made = TimedMasks(MaskImage(index, np.ones(1, np.float32)), {"mask": 7.0})
    update = online.step(wall_frame(), made)
    assert update.tracks.ids.tolist() == [1]
    assert update.timings_ms["mask"] == 7.0
