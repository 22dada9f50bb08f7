"""What a map is worth while its world changes, on made-up label images with known answers."""

import numpy as np
import pytest

from autoseg3d_core.evaluation.map_truth import MapScores, MapTruth, WorldChange
from autoseg3d_core.structures import Event, EventKind, LabelledCloud, SceneUpdate, TrackTable

CHAIR, TABLE, BIN = 11, 12, 13
PLACES = {CHAIR: 0.0, TABLE: 5.0, BIN: 9.0}


def table(boxes):
    """A table of confirmed tracks: the x of the middle of each, by id."""
    ids = np.array(sorted(boxes), np.int64)
    count = len(ids)
    x = np.array([boxes[i] for i in ids], np.float32)
    middle = np.stack([x, 0 * x, 0 * x], axis=1)
    cube = np.hstack([middle - 0.5, middle + 0.5]).astype(np.float32)
    whole = {
        name: np.zeros(count, np.int64) for name in ("labels", "hits", "misses", "presence", "frame_points")
    }
    real = {name: np.zeros(count, np.float32) for name in ("score", "existence")}
    return TrackTable(
        ids=ids,
        boxes=cube,
        oriented_boxes=np.zeros((count, 10), np.float32),
        centroids=middle.astype(np.float32),
        is_mature=np.ones(count, bool),
        map_voxels=np.ones(count, np.int64),
        first_seen_ns=np.zeros(count, np.int64),
        last_seen_ns=np.zeros(count, np.int64),
        **whole,
        **real,
    )


def show(truth, tracks, *events):
    """One frame in which each track covers 300 pixels of its object: {track: object}."""
    labels = np.repeat(np.array([*tracks, 0], np.int32), 300)[None]
    instance = np.repeat(np.array([*tracks.values(), 0], np.int32), 300)[None]
    nothing = LabelledCloud(
        np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int64)
    )
    update = SceneUpdate(
        1, 0, np.eye(4), labels, nothing, table(dict.fromkeys(tracks, 0.0)), np.zeros(0, np.int64), events
    )
    truth.take(update, instance)


def scored(change, second, in_the_end, *events):
    truth = MapTruth()
    first = {1: CHAIR, 2: TABLE, 3: BIN}
    show(truth, first)
    truth.half_is_over(table({1: 0.0, 2: 5.0, 3: 9.0}))
    show(truth, second, *events)
    return truth.scores(table(in_the_end), change)


def gone(track_id):
    return Event(EventKind.GONE, track_id)


def test_what_stays_and_keeps_its_ids_is_all_well():
    found = scored(WorldChange(), {1: CHAIR, 2: TABLE}, {1: 0.0, 2: 5.0, 3: 9.0})
    assert found == MapScores(frames=2, tracks=3, stayed=2, kept=2)


@pytest.mark.parametrize(
    ("events", "left", "noticed", "ghosts"), [((3,), (1, 2), 1, 0), ((), (1, 2, 3), 0, 1)]
)
def test_what_was_taken_away_is_noticed_or_a_ghost(events, left, noticed, ghosts):
    change = WorldChange(removed=frozenset({BIN}))
    found = scored(change, {1: CHAIR, 2: TABLE}, dict.fromkeys(left, 0.0), *map(gone, events))
    assert (found.removed, found.noticed, found.ghosts, found.false_gone) == (1, noticed, ghosts, 0)


def test_what_left_a_place_that_was_not_looked_at_since_does_not_count():
    change = WorldChange(removed=frozenset({BIN}), unseen=frozenset({BIN}))
    found = scored(change, {1: CHAIR, 2: TABLE}, {1: 0.0, 2: 5.0, 3: 9.0})
    assert (found.removed, found.ghosts, found.stayed, found.kept) == (0, 0, 2, 2)
    places = {BIN: (np.array([9.0, 0, 0]), np.array([3.0, 0, 0]))}
    change = WorldChange(moved=frozenset({BIN}), places=places, unseen=frozenset({BIN}))
    found = scored(change, {1: CHAIR, 4: BIN}, {1: 0.0, 2: 5.0, 3: 9.0, 4: 3.0})
    assert (found.moved, found.known_again, found.ghosts) == (0, 0, 0)


def test_what_is_said_to_be_gone_and_is_there_is_false():
    assert scored(WorldChange(), {1: CHAIR, 2: TABLE}, {1: 0.0, 2: 5.0}, gone(3)).false_gone == 1


def test_what_moved_is_known_again_or_doubled_by_a_ghost():
    places = {BIN: (np.array([9.0, 0, 0]), np.array([3.0, 0, 0]))}
    change = WorldChange(moved=frozenset({BIN}), places=places)
    known = scored(change, {1: CHAIR, 3: BIN}, {1: 0.0, 2: 5.0, 3: 3.1}, gone(3))
    assert (known.moved, known.known_again, known.ghosts, known.false_gone) == (1, 1, 0, 0)
    new = scored(change, {1: CHAIR, 4: BIN}, {1: 0.0, 2: 5.0, 3: 9.0, 4: 3.0})
    assert (new.moved, new.known_again, new.ghosts, new.duplicates) == (1, 0, 1, 0)


def test_a_second_track_of_one_object_is_a_duplicate_and_its_id_is_not_kept():
    found = scored(WorldChange(), {4: CHAIR, 2: TABLE}, {1: 0.0, 2: 5.0, 3: 9.0, 4: 0.0})
    assert (found.duplicates, found.stayed, found.kept) == (1, 2, 1)


def test_counts_of_recordings_add_up():
    one = scored(WorldChange(), {1: CHAIR}, {1: 0.0})
    assert one + one == MapScores(frames=4, tracks=2, stayed=2, kept=2)
