"""Moved, not new: what is gone here and stands there has its old id, where that is sure."""

import dataclasses

import numpy as np
import pytest
import torch
from raycast_rooms import CRATE, CUPBOARD, TABLE, looking, segmenter, view

from autoseg3d_core.models.autoseg3d import QueryRows
from autoseg3d_core.structures import EventKind, Memory, NoRows, Tracks
from autoseg3d_core.tracking.moved import MovedConfig, keep_gone, know_again

SECOND = 1_000_000_000
CORNER = CRATE + np.array([0.9, 2.2, 0.0])
"""Where the crate stands after somebody moved it."""


def tracks(*rows):
    """Tracks of (id, size, colour, first seen, last seen), in boxes of their own."""
    empty, count = Tracks.empty(), len(rows)
    columns = {
        name: column.new_zeros((count, *column.shape[1:]))
        for name, column in empty.columns()
        if name != "remembered"
    }
    ids, size, color, first, last = zip(*rows, strict=True)
    columns["ids"] = torch.tensor(ids)
    columns["stood"][:, 3:6] = torch.tensor(size)
    columns["looks"][:] = torch.tensor(color)[:, None]
    columns["first_seen_ns"], columns["last_seen_ns"] = torch.tensor(first), torch.tensor(last)
    columns["hits"] += 5
    columns["mature"][:] = True
    return Tracks(**columns, remembered=NoRows.of(count))


def memory_of(gone, live):
    return dataclasses.replace(Memory.empty(), gone=gone, tracks=live, next_id=100)


CHAIR = (0.5, 0.5, 0.9)


@pytest.mark.parametrize(
    ("live", "found"),
    [
        ([(7, CHAIR, 0.4, 20, 30)], [7]),
        ([(7, (0.55, 0.45, 0.98), 0.45, 20, 30)], [7]),  # a little larger and brighter
        ([(7, CHAIR, 0.4, 10, 30)], []),  # both were seen at one time
        ([(7, CHAIR, 0.4, 9, 30)], []),
        ([(7, (0.5, 0.5, 1.2), 0.4, 20, 30)], []),  # too high
        ([(7, CHAIR, 0.6, 20, 30)], []),  # another colour
        ([(7, CHAIR, 0.4, 20, 30), (8, CHAIR, 0.42, 21, 30)], []),  # which of the two?
        ([(7, CHAIR, 0.4, 20, 30), (8, (2.0, 1.0, 0.8), 0.4, 21, 30)], [7]),
    ],
)
def test_only_what_is_surely_the_same_is_known_again(live, found):
    memory = memory_of(tracks((3, CHAIR, 0.4, 1, 10)), tracks(*live))
    after, was, now, events = know_again(memory, MovedConfig())
    assert was.tolist() == found
    assert now.tolist() == [3] * len(found)
    assert [event.kind for event in events] == [EventKind.MOVED, EventKind.JOINED] * len(found)
    assert len(after.gone) == 1 - len(found)
    assert after.tracks.ids.tolist() == sorted(
        [3] * len(found) + [row[0] for row in live if row[0] not in found]
    )
    if found:
        assert int(after.tracks.first_seen_ns[0]) == 1
        assert int(after.tracks.hits[0]) == 10
        assert (events[0].track_id, events[0].other_id) == (3, 7)
        assert (events[1].track_id, events[1].other_id) == (7, 3)


def test_of_two_that_are_gone_and_alike_none_is_known_again():
    memory = memory_of(
        tracks((3, CHAIR, 0.4, 1, 10), (4, CHAIR, 0.4, 1, 10)), tracks((7, CHAIR, 0.4, 20, 30))
    )
    assert know_again(memory, MovedConfig())[0] is memory


def test_what_is_tentative_is_not_known_again():
    memory = memory_of(tracks((3, CHAIR, 0.4, 1, 10)), tracks((7, CHAIR, 0.4, 20, 30)))
    assert know_again(memory, MovedConfig())[0] is not memory
    assert know_again(memory, MovedConfig(size_tolerance=0.0))[0] is memory
    young = dataclasses.replace(memory.tracks, mature=torch.tensor([False]))
    memory = dataclasses.replace(memory, tracks=young)
    assert know_again(memory, MovedConfig())[0] is memory


def test_the_newest_of_what_is_gone_are_remembered():
    gone = tracks((3, CHAIR, 0.4, 1, 10), (4, CHAIR, 0.4, 1, 10))
    more = tracks((1, CHAIR, 0.4, 1, 10))
    assert keep_gone(gone, more, MovedConfig(remembered=2)).ids.tolist() == [4, 1]
    assert keep_gone(gone, more, MovedConfig(remembered=0)).ids.tolist() == []


@pytest.mark.parametrize(("seen", "found"), [([1.0, 0.2], [7]), ([0.1, 1.0], [])])
def test_where_a_model_says_so_nothing_that_is_there_may_look_more_like_it(seen, found):
    def with_queries(table, *queries):
        rows = QueryRows(torch.tensor(queries), torch.zeros(len(queries), 6))
        return dataclasses.replace(table, remembered=rows)

    gone = with_queries(tracks((3, CHAIR, 0.4, 1, 10)), [2.0, 0.0])
    live = tracks((5, (1.0, 1.0, 1.0), 0.4, 1, 30), (7, CHAIR, 0.4, 20, 30))
    memory = memory_of(gone, with_queries(live, [0.5, 0.5], seen))
    assert know_again(memory, MovedConfig())[1].tolist() == found


def watched(online, things, yaws, frames, events, start):
    for i in range(frames):
        pose = looking(yaws[i % len(yaws)] + 3 * np.sin(i), 22 + 8 * np.sin(2 * i))
        frame = view(pose, things, stamp_ns=(start + i) * SECOND)
        rgb = np.full_like(frame.rgb, 200)
        for name in things:
            rgb[frame.label_image == name] = 40 * name
        update = online.step(dataclasses.replace(frame, rgb=rgb))
        events.extend(update.events)
    return update


@pytest.mark.parametrize("order", [("old place", "new place"), ("new place", "old place")])
def test_a_crate_that_somebody_moved_keeps_its_id(order):
    online, events = segmenter(), []
    update = watched(online, {1: CUPBOARD, 2: TABLE, 3: CRATE}, (0.0, 76.0, 200.0), 18, events, 0)
    ids = dict(zip((1, 2, 3), update.tracks.ids.tolist(), strict=True))
    moved = {1: CUPBOARD, 2: TABLE, 3: CORNER}
    for i, place in enumerate(order):
        yaw = 200.0 if place == "old place" else np.rad2deg(np.arctan2(1.6, -0.6))
        update = watched(online, moved, (yaw,), 12, events, 100 * (i + 1))
    kinds = [event.kind for event in events]
    assert kinds.count(EventKind.MOVED) == 1
    said = next(event for event in events if event.kind is EventKind.MOVED)
    assert said.track_id == ids[3]
    assert kinds.index(EventKind.GONE) < kinds.index(EventKind.MOVED)
    mature = update.tracks[update.tracks.is_mature]
    assert set(mature.ids.tolist()) == set(ids.values())
    box = mature.boxes[mature.ids.tolist().index(ids[3])]
    assert np.abs((box[:3] + box[3:]) / 2 - CORNER.mean(axis=0))[:2].max() < 0.2
    voxels = online.scene.voxels()
    assert set(voxels.ids[voxels.ids > 0].tolist()) <= set(update.tracks.ids.tolist())
