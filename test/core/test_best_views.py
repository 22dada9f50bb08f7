"""The picture that shows most of a track is kept, as long as the track lives."""

import dataclasses

import numpy as np
import pytest

from autoseg3d_core.best_views import LONGEST_PX, BestViews
from autoseg3d_core.structures import Event, EventKind, Frame


@pytest.fixture
def seen(wall_frame):
    """Return a function that shows a view of track 7 in a colour, and the other way a stand-in update."""

    @dataclasses.dataclass
    class Update:
        label_image: np.ndarray
        events: tuple = ()

    def make(rows, columns, color, track_id=7, events=()):
        frame = wall_frame()
        rgb, labels = frame.rgb.copy(), np.zeros(frame.depth.shape, np.int32)
        rgb[rows, columns], labels[rows, columns] = color, track_id
        return Frame(rgb, frame.depth, frame.camera, frame.world_from_camera, 1), Update(labels, events)

    return make


def middle(picture):
    return tuple(picture[picture.shape[0] // 2, picture.shape[1] // 2])


RED, GREEN, BLUE = (200, 0, 0), (0, 200, 0), (0, 0, 200)


def test_a_view_that_shows_clearly_more_replaces_the_one_before(seen):
    views = BestViews()
    views.look(*seen(slice(40, 60), slice(40, 60), RED))
    views.look(*seen(slice(40, 61), slice(40, 60), GREEN))  # hardly more
    assert middle(views.picture(7)) == RED
    views.look(*seen(slice(40, 80), slice(40, 80), BLUE))
    views.look(*seen(slice(40, 60), slice(40, 60), RED))
    assert middle(views.picture(7)) == BLUE
    assert views.picture(8) is None


def test_a_view_that_the_image_cuts_off_counts_half(seen):
    views = BestViews()
    views.look(*seen(slice(40, 60), slice(0, 40), RED))
    views.look(*seen(slice(40, 60), slice(40, 72), GREEN))  # smaller, but whole
    assert middle(views.picture(7)) == GREEN


@pytest.mark.parametrize("kind", [EventKind.REMOVED, EventKind.GONE, EventKind.JOINED])
def test_pictures_of_tracks_that_ended_are_forgotten(seen, kind):
    views = BestViews()
    views.look(*seen(slice(40, 60), slice(40, 60), RED))
    views.look(*seen(slice(0, 0), slice(0, 0), RED, events=(Event(kind, 7),)))
    assert views.picture(7) is None


def test_a_picture_is_small_shows_its_object_and_a_little_around(seen):
    views = BestViews()
    views.look(*seen(slice(0, 120), slice(0, 160), RED))
    assert max(views.picture(7).shape) <= LONGEST_PX
    views.look(*seen(slice(40, 60), slice(100, 120), GREEN, track_id=9))
    picture = views.picture(9)
    assert picture.shape == (26, 26, 3)  # 3 pixels on every side
    assert (picture[3:-3, 3:-3] == GREEN).all()
    assert tuple(picture[0, 0]) == (128, 128, 128)
