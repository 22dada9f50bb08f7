"""What the tracks of a map are in truth."""

import numpy as np
import pytest

from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.evaluation.map_quality import TrackKind, object_fit, track_kinds

TRUE = np.repeat([0, 1, 2], [100, 100, 100])
"""Points 0-99 on a wall, 100-199 on object 1, 200-299 on object 2."""


def known(*ids, tentative=()):
    ids = np.array(ids, np.int64)
    boxes, oriented = np.zeros((len(ids), 6), np.float32), np.zeros((len(ids), 10), np.float32)
    return KnownTracks(ids, boxes, oriented, np.ones(len(ids), np.float32), ~np.isin(ids, tentative))


def labels(**spans):
    """labels(t5=(0, 50)): track 5 carries the points 0 to 49."""
    ids = np.zeros(300, np.int64)
    for name, (start, stop) in spans.items():
        ids[start:stop] = int(name[1:])
    return ids


@pytest.mark.parametrize(
    ("spans", "kind"),
    [
        ({"t5": (100, 200)}, TrackKind.OBJECT),
        ({"t5": (100, 125)}, TrackKind.OBJECT),
        ({"t5": (100, 124)}, TrackKind.GHOST),  # a splinter: less than a quarter of the object
        ({"t5": (0, 100)}, TrackKind.STRUCTURE),
        ({"t5": (79, 100)}, TrackKind.STRUCTURE),
        ({"t5": (60, 140)}, TrackKind.OBJECT),  # half on the wall, but 40 of 140
        ({"t5": (70, 130)}, TrackKind.GHOST),  # half on the wall, not more, and 30 of 130
        ({"t5": (59, 120)}, TrackKind.STRUCTURE),
        ({"t5": (0, 200)}, TrackKind.OBJECT),  # 100 of 200: it ran over onto the wall
        ({}, TrackKind.GHOST),  # no point of the truth is its
    ],
)
def test_a_track_is_what_its_points_lie_on(spans, kind):
    assert track_kinds(known(5), labels(**spans), TRUE).tolist() == [kind]


def test_the_second_track_of_an_object_is_a_duplicate_whatever_its_id():
    ids = labels(t3=(100, 140), t7=(140, 200))
    assert track_kinds(known(3, 7), ids, TRUE).tolist() == [TrackKind.DUPLICATE, TrackKind.OBJECT]
    ids = labels(t3=(140, 200), t7=(100, 140))
    assert track_kinds(known(3, 7), ids, TRUE).tolist() == [TrackKind.OBJECT, TrackKind.DUPLICATE]


def test_tracks_that_are_equally_good_are_one_object_and_a_duplicate():
    kinds = track_kinds(known(3, 7), labels(t3=(100, 150), t7=(150, 200)), TRUE)
    assert sorted(kinds.tolist()) == [TrackKind.OBJECT, TrackKind.DUPLICATE]


def test_a_track_of_two_objects_is_the_one_that_it_fits_better():
    """Track 3 covers 60 of object 1 and all of 2; track 7 the rest of object 1, and nobody else is that."""
    kinds = track_kinds(known(3, 7), labels(t3=(140, 300), t7=(100, 140)), TRUE)
    assert kinds.tolist() == [TrackKind.OBJECT, TrackKind.OBJECT]


def test_tentative_tracks_are_nothing_yet():
    kinds = track_kinds(known(3, 7, tentative=(3,)), labels(t3=(100, 140), t7=(140, 200)), TRUE)
    assert kinds.tolist() == [TrackKind.OBJECT]
    assert len(track_kinds(known(), labels(), TRUE)) == 0


def test_without_walls_or_without_objects_every_track_is_still_something():
    nowhere = np.zeros(300, np.int64)
    assert track_kinds(known(5), labels(t5=(0, 300)), nowhere).tolist() == [TrackKind.STRUCTURE]
    everywhere = np.ones(300, np.int64)
    assert track_kinds(known(5), labels(t5=(0, 300)), everywhere).tolist() == [TrackKind.OBJECT]


def test_every_object_has_its_best_track():
    fit = object_fit(known(3, 7, 8), labels(t3=(100, 140), t7=(140, 230), t8=(0, 20)), TRUE)
    assert (fit.ids.tolist(), fit.points.tolist(), fit.track.tolist()) == ([1, 2], [100, 100], [7, 7])
    np.testing.assert_allclose(fit.iou, [60 / 130, 30 / 160])
    assert (fit.missed(100), fit.missed(101)) == (1, 0)


def test_an_object_that_no_confirmed_track_touches_has_none():
    for tracks in (known(), known(7, tentative=(7,)), known(9)):
        fit = object_fit(tracks, labels(t7=(100, 200)), TRUE)
        assert (fit.track.tolist(), fit.iou.tolist(), fit.missed(1)) == ([0, 0], [0, 0], 2)
    assert len(object_fit(known(7), labels(t7=(0, 9)), np.zeros(300, np.int64))) == 0
