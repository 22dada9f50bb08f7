"""Pictures of a run are evenly spread over the frames that were used, whichever these are."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from autoseg3d_core.cli.replay_sinks import MOST_PICTURES, Pictures
from autoseg3d_core.evaluation.known_tracks import KnownTracks

NO_TRACKS = KnownTracks(
    ids=np.zeros(0, np.int64),
    boxes=np.zeros((0, 6), np.float32),
    oriented_boxes=np.zeros((0, 10), np.float32),
    existence=np.zeros(0, np.float32),
    is_mature=np.zeros(0, bool),
)


def pictured(folder, indices):
    """Return which of these frames have a picture after a run over them, and check what it shows."""
    sink = Pictures(folder)
    update = SimpleNamespace(label_image=np.zeros((4, 6), np.int32), tracks=NO_TRACKS)
    for index in indices:
        frame = SimpleNamespace(rgb=np.full((4, 6, 3), index % 251, np.uint8))
        sink.take(index, frame, update)
    files = sorted(folder.glob("*.png"))
    for file in files:
        assert cv2.imread(str(file))[0, 0, 0] == int(file.stem) % 251
    return [int(file.stem) for file in files]


@pytest.mark.parametrize("indices", [[7], [2, 3, 50, 80], list(range(100, 100 + MOST_PICTURES))])
def test_every_one_of_few_frames_has_a_picture(tmp_path, indices):
    assert pictured(tmp_path / "frames", indices) == indices


@pytest.mark.parametrize("count", [17, 31, 32, 33, 90, 1000])
def test_pictures_of_many_frames_are_evenly_spread_from_first_to_last(tmp_path, count):
    used = sorted(np.random.default_rng(count).permutation(5000)[:count].tolist())
    found = np.searchsorted(used, pictured(tmp_path / "frames", used))
    steps = np.diff(found)
    assert MOST_PICTURES // 2 <= len(found) <= MOST_PICTURES
    assert found[0] == 0
    assert (steps == steps[0]).all()
    assert count - found[-1] <= steps[0]
