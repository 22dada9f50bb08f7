"""What an operator hides stays hidden, and what they name keeps its name: over frames, joins and restarts."""

import dataclasses

import numpy as np
import pytest

from autoseg3d_core import edits as c
from autoseg3d_core.geometry.transforms import pose_from_quaternion
from autoseg3d_core.lifting import LiftingConfig
from autoseg3d_core.models.overlap import Overlap, OverlapConfig
from autoseg3d_core.pipeline import OnlineSegmenter
from autoseg3d_core.policies import PipelineConfig
from autoseg3d_core.scene_map import MapConfig
from autoseg3d_core.structures import Edits, Event, EventKind, InputError
from autoseg3d_core.tracking.assignment import ManyToOne


def joined(track_id, heir):
    return Event(EventKind.JOINED, track_id, heir)


def test_names_are_kept_replaced_and_taken_back():
    said = c.name(c.name(Edits.empty(), 3, "Tasse"), 5, "Stuhl Nr. 2")
    said = c.name(said, 3, "Müslischale")
    assert c.given_names(said) == {3: "Müslischale", 5: "Stuhl Nr. 2"}
    assert c.given_names(c.name(said, 3, "")) == {5: "Stuhl Nr. 2"}


@pytest.mark.parametrize("text", ["x" * 65, "ü" * 33, "two\nlines", "zero\0"])
def test_a_name_that_cannot_be_kept_is_refused(text):
    with pytest.raises(InputError, match="at most 64 bytes of printable text"):
        c.name(Edits.empty(), 1, text)


def test_naming_and_hiding_do_not_undo_each_other():
    said = c.name(c.hide(Edits.empty(), 4), 4, "ghost")
    assert c.hidden_ids(said).tolist() == [4]
    assert c.given_names(c.hide(c.name(Edits.empty(), 4, "ghost"), 4)) == {4: "ghost"}
    assert len(said) == 1


def test_an_heir_takes_the_name_unless_it_has_one():
    said = c.name(c.name(Edits.empty(), 3, "mug"), 9, "cup")
    after = c.follow(said, [joined(9, 2)])
    assert c.given_names(after) == {3: "mug", 2: "cup"}
    assert c.given_names(c.follow(said, [joined(9, 3)])) == {3: "mug"}


def test_edits_end_with_their_track_which_one_that_is_gone_does_not():
    said = c.hide(c.name(Edits.empty(), 3, "mug"), 4)
    ended = c.follow(said, [Event(EventKind.REMOVED, 3), Event(EventKind.REMOVED, 4)])
    assert ended.ids.tolist() == []
    assert len(c.follow(said, [Event(EventKind.LOST, 3), Event(EventKind.GONE, 4)])) == 2


@pytest.fixture
def room_run(wall_frame, halves):
    """A segmenter, and eight frames along a wall of two halves."""
    config = PipelineConfig(lifting=LiftingConfig(points=1000), map=MapConfig(max_blocks=2000))
    online = OnlineSegmenter(halves, Overlap(OverlapConfig()), ManyToOne(0.5), config)
    poses = [pose_from_quaternion(np.array([0.05 * i, 0, 0]), np.array([0, 0, 0, 1.0])) for i in range(8)]
    return online, [wall_frame(stamp_ns=i + 1, world_from_camera=pose) for i, pose in enumerate(poses)]


def test_hidden_tracks_are_in_nothing_that_is_shown(room_run):
    online, frames = room_run
    for frame in frames[:4]:
        before = online.step(frame)
    victim = int(before.tracks.ids[np.argmax(before.tracks.frame_points)])
    assert (before.label_image == victim).any()
    assert online.hide(victim)
    assert victim not in online.track_table().ids
    assert not (online.map_cloud().ids == victim).any()
    for frame in frames[4:]:
        update = online.step(frame)
        assert victim not in update.tracks.ids
        assert not (update.label_image == victim).any()
        assert not (update.cloud.ids == victim).any()
        assert victim not in update.mask_ids
        assert all(event.track_id != victim for event in update.events)
    assert victim in online.memory.tracks.ids.tolist(), "it has to go on in memory"


def test_a_hidden_object_does_not_come_back_under_another_id(room_run):
    online, frames = room_run
    for frame in frames[:4]:
        before = online.step(frame)
    victim = int(before.tracks.ids[np.argmax(before.tracks.frame_points)])
    place = before.label_image == victim
    online.hide(victim)
    after = online.step(frames[3])
    assert (after.label_image[place] == 0).mean() > 0.9


def test_edits_survive_a_snapshot(room_run, tmp_path):
    online, frames = room_run
    for frame in frames[:3]:
        update = online.step(frame)
    first, second = (int(i) for i in update.tracks.ids[:2])
    assert online.hide(first)
    assert online.name_track(second, "Anna's mug")
    online.save(tmp_path / "room.snapshot")
    online.reset()
    assert online.given_names() == {}
    online.load(tmp_path / "room.snapshot")
    assert online.given_names() == {second: "Anna's mug"}
    assert first not in online.track_table().ids
    assert second in online.track_table().ids


def test_what_is_not_there_cannot_be_edited(room_run):
    online, frames = room_run
    online.step(frames[0])
    assert not online.hide(999)
    assert not online.name_track(999, "mug")
    victim = int(online.track_table().ids[0])
    assert online.hide(victim)
    assert not online.hide(victim)
    assert not online.name_track(victim, "mug")


def test_an_object_that_joins_a_hidden_one_is_removed_with_it(room_run):
    online, frames = room_run
    update = online.step(frames[0])
    hidden, other = (int(i) for i in update.tracks.ids[:2])
    joining = dataclasses.replace(update, events=(joined(other, hidden), joined(hidden, other)))
    shown = c.shown(joining, c.hide(Edits.empty(), hidden))
    assert [(event.kind, event.track_id, event.reason) for event in shown.events] == [
        (EventKind.REMOVED, other, "user")
    ]
