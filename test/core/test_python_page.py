"""docs/python.md: its examples run, and do what they say."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from written import write_posed_images

from autoseg3d_core.structures import Presence

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return the names that the examples define, all run one after the other."""
    names: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("page"))
        for number, block in enumerate(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)):
            exec(compile(block, f"python.md block {number}", "exec"), names)
    return names


def test_the_box_before_the_wall_is_an_object_with_its_place_points_and_picture(page):
    things = page["online"].objects()
    box = min(things, key=lambda thing: abs(thing.oriented_box[1] - 1.5))
    np.testing.assert_allclose(box.oriented_box[:3], [0, 1.5, 1.15], atol=0.1)  # centre of rows 90 to 170
    np.testing.assert_allclose(box.box[[3, 5]] - box.box[[0, 2]], 80 * 1.5 / 290, atol=0.08)
    assert np.abs(box.points[:, 1] - 1.5).max() < 0.1
    assert (box.presence, box.frames_seen, box.last_seen_ns) == (Presence.PRESENT, 10, 900_000_000)
    assert 0 < box.score < 1
    middle = box.picture[box.picture.shape[0] // 2, box.picture.shape[1] // 2]
    assert np.abs(middle.astype(int) - (180, 60, 40)).max() < 10
    assert np.abs(np.median(box.rgb, axis=0) - (180, 60, 40)).max() < 10


class Standing:
    """A camera that gives some images and then ends."""

    def __init__(self, *images):
        self._images = list(images)

    def read(self):
        return self._images.pop(0) if self._images else None


def test_the_loop_over_a_camera_goes_on_past_a_bad_frame(page, capsys):
    good = page["rgb"], page["depth_mm"], page["world_from_camera"]
    bad = page["rgb"], page["depth_mm"][:, :100], page["world_from_camera"]
    before = page["quick"].frame_index
    page["watch"](Standing(good, bad, good), page["quick"])
    assert page["quick"].frame_index == before + 2
    assert "differ in size" in capsys.readouterr().out


class Still:
    """The frame of the page, several times."""

    name = "still"

    def __init__(self, frame):
        self._frame = frame

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return dataclasses.replace(self._frame, stamp_ns=index)

    def truth(self, index):
        return None

    def scene_truth(self):
        return None


def test_a_recording_gives_its_objects(page, tmp_path):
    write_posed_images(Still(page["frame"]), tmp_path / "still")
    assert page["objects_of"](tmp_path / "still")
