"""A map loaded in another start pose waits until its objects are seen; then it lies where they stand."""

import dataclasses

import numpy as np
import pytest
from raycast_rooms import CRATE, CUPBOARD, TABLE, looking, segmenter, view
from scipy.spatial.transform import Rotation

from autoseg3d_core.structures import EventKind, InputError

THINGS = {
    1: CUPBOARD,
    2: TABLE,
    3: CRATE,
    4: np.array([[-2.3, 1.2, 0.0], [-1.9, 2.2, 1.0]]),
    5: np.array([[0.9, -2.3, 0.0], [2.2, -1.9, 0.45]]),
    6: np.array([[-1.0, -2.3, 0.0], [-0.7, -2.0, 1.3]]),
}
YAWS = (0.0, 76.0, 140.0, 200.0, 250.0, 305.0)


def world(yaw_deg, *shift):
    move = np.eye(4)
    move[:3, :3] = Rotation.from_euler("Z", yaw_deg, degrees=True).as_matrix()
    move[:3, 3] = shift
    return move


ELSEWHERE = world(70.0, 4.0, -1.0, 0.2)


def walk(online, move, things=THINGS, yaws=YAWS):
    """Look around; return the id of each thing when it was seen last, and all events."""
    ids, events = {}, []
    for yaw in yaws:
        for i in range(6):
            pose = looking(yaw + 3 * np.sin(i), 22 + 6 * np.sin(2 * i))
            stamp = online.frame_index + 1
            frame = view(pose, things, move @ pose, stamp_ns=stamp)
            update = online.step(frame)
            events += update.events
            for name in things:
                mine = update.label_image[frame.label_image == name]
                if len(mine) > 300:
                    ids[name] = int(np.bincount(mine).argmax())
    return ids, events


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path, online = tmp_path_factory.mktemp("maps") / "room.snapshot", segmenter()
    ids, _ = walk(online, np.eye(4))
    assert sorted(ids) == sorted(THINGS)
    online.save(path)
    return path, ids, dict(zip(*_boxes(online), strict=True))


def _boxes(online):
    table = online.track_table()
    return table.ids.tolist(), (table.boxes[:, :3] + table.boxes[:, 3:]) / 2


def test_it_waits_and_then_lies_where_its_objects_stand_and_they_have_their_ids(saved):
    path, before, middles = saved
    online = segmenter()
    online.load(path, by_objects=True)
    assert len(online.track_table()) == 0
    assert len(online.map_cloud()) == 0
    first, events = walk(online, ELSEWHERE, yaws=YAWS[:2])
    assert online.aside is not None
    assert not set(first.values()) & set(before.values())
    _, events = walk(online, ELSEWHERE, yaws=YAWS[2:])
    assert online.aside is None
    said = [event for event in events if event.kind is EventKind.CORRECTED]
    assert len(said) == 1
    assert said[0].reason.startswith("map_aligned: by ")
    heirs = {e.track_id: e.other_id for e in events if e.kind is EventKind.JOINED}
    assert {heirs[first[name]] for name in first} == {before[name] for name in first}
    after, events = walk(online, ELSEWHERE)
    assert after == before
    assert not [e for e in events if e.kind is EventKind.GONE]
    for track_id, middle in zip(*_boxes(online), strict=True):
        wanted = ELSEWHERE[:3, :3] @ middles[track_id] + ELSEWHERE[:3, 3]
        assert np.linalg.norm(middle - wanted) < 0.12


def test_in_another_room_it_goes_on_waiting_and_nothing_of_it_is_shown(saved):
    path, before, _ = saved
    online = segmenter()
    online.load(path, by_objects=True)
    others = {
        name: np.array([[x, y, 0.0], [x + 0.3 + 0.1 * name, y + 0.4, 0.2 + 0.25 * name]])
        for name, (x, y) in enumerate([(1.7, 0.2), (0.1, 1.6), (-2.2, 0.4), (-1.4, -1.9), (0.6, -2.0)], 1)
    }
    ids, events = walk(online, np.eye(4), others)
    assert online.aside is not None
    assert not set(ids.values()) & set(before.values())
    assert not [e for e in events if e.kind in (EventKind.CORRECTED, EventKind.JOINED)]
    online.reset()
    assert online.aside is None


def test_a_map_for_which_there_is_no_room_is_refused_at_once_and_nothing_changes(saved):
    online = segmenter()
    online.step(view(looking(0.0), THINGS))
    small = dataclasses.replace(online.scene.config, max_blocks=64)
    online.scene.config = small
    with pytest.raises(InputError, match=r"map\.max_blocks"):
        online.load(saved[0], by_objects=True)
    assert len(online.track_table()) > 0
    assert online.aside is None
