"""What a viewer shows after each message is exactly the set of live tracks."""

import numpy as np
import pytest
from geometry_msgs.msg import Point
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from autoseg3d_ros.markers import MarkerSet, drawn, marker_id
from autoseg3d_ros.node_config import MarkersConfig

HEADER = Header(frame_id="odom")


class Viewer:
    """RViz's state machine: a marker per namespace and id."""

    def __init__(self):
        self.shown = {}

    def take(self, array):
        for index, marker in enumerate(array.markers):
            assert marker.action != Marker.DELETEALL or index == 0
            if marker.action == Marker.DELETEALL:
                self.shown.clear()
            elif marker.action == Marker.DELETE:
                self.shown.pop((marker.ns, marker.id), None)
            else:
                assert marker.header.frame_id == "odom"
                self.shown[marker.ns, marker.id] = (marker.color.r, marker.color.g, marker.color.b)

    def ids(self):
        return {number for _, number in self.shown}


def colors(tracks):
    return np.stack([tracks.ids % 256] * 3, axis=1).astype(np.uint8)


def update(markers, tracks, config=None, **options):
    return markers.update(HEADER, tracks, colors(tracks), config or MarkersConfig(), **options)


@pytest.mark.parametrize("style", ["lines", "cube"])
def test_a_viewer_shows_the_live_tracks_after_each_message(tracks_table, style):
    random = np.random.default_rng(1)
    markers, viewer, config = MarkerSet(), Viewer(), MarkersConfig(style=style)
    for frame in range(60):
        ids = np.flatnonzero(random.random(30) < 0.5) + 1
        viewer.take(update(markers, tracks_table(ids), config, resend=frame % 7 == 0))
        assert viewer.ids() == set(ids.tolist())


def test_a_late_viewer_shows_everything_after_a_resend(tracks_table):
    markers, viewer = MarkerSet(), Viewer()
    update(markers, tracks_table([1, 2, 3]))
    viewer.take(update(markers, tracks_table([1, 2, 3]), resend=True))
    assert viewer.ids() == {1, 2, 3}


def test_what_has_not_changed_is_not_sent_again(tracks_table):
    markers = MarkerSet()
    update(markers, tracks_table([1, 2]))
    assert update(markers, tracks_table([1, 2])).markers == []


def test_a_viewer_that_missed_a_delete_is_told_again(tracks_table):
    markers, viewer = MarkerSet(), Viewer()
    viewer.take(update(markers, tracks_table([1, 2])))
    update(markers, tracks_table([1]))  # lost on the way
    viewer.take(update(markers, tracks_table([1]), resend=True))
    assert viewer.ids() == {1}


def test_deletes_are_not_repeated_for_ever(tracks_table):
    markers = MarkerSet()
    update(markers, tracks_table([1, 2]))
    update(markers, tracks_table([1]))
    actions = [[m.action for m in update(markers, tracks_table([1]), resend=True).markers] for _ in range(6)]
    assert Marker.DELETE in actions[0]
    assert Marker.DELETE not in actions[-1]


def test_only_a_reset_deletes_all(tracks_table):
    markers, viewer = MarkerSet(), Viewer()
    viewer.take(update(markers, tracks_table([1, 2])))
    viewer.take(markers.clear(HEADER))
    assert viewer.ids() == set()
    viewer.take(update(markers, tracks_table([3])))
    assert viewer.ids() == {3}


def test_a_track_keeps_its_color(tracks_table):
    markers, viewer = MarkerSet(), Viewer()
    viewer.take(update(markers, tracks_table([5])))
    before = viewer.shown["boxes", 5]
    viewer.take(update(markers, tracks_table([5, 6], misses=[3, 0]), resend=True))
    assert viewer.shown["boxes", 5] == before


def test_line_boxes_have_twelve_edges_along_the_axes(tracks_table):
    [box, label] = update(MarkerSet(), tracks_table([1])).markers
    ends = np.array([[p.x, p.y, p.z] for p in box.points])
    edges = np.abs(ends[::2] - ends[1::2])
    assert edges.shape == (12, 3)
    assert np.allclose(sorted(edges.sum(axis=1)), [0.5] * 4 + [1] * 4 + [2] * 4, atol=2e-3)
    assert np.allclose(ends.min(axis=0), (2, -0.5, 0.25), atol=2e-3)
    assert np.allclose(ends.max(axis=0), (3, 1.5, 0.75), atol=2e-3)
    assert np.allclose([getattr(label.pose.position, axis) for axis in "xyz"], (2.5, 0.5, 0.8))
    assert label.text == "#1 0.50"
    assert isinstance(box.points[0], Point)


def test_a_change_of_style_sends_everything_anew(tracks_table):
    markers = MarkerSet()
    update(markers, tracks_table([1]))
    [box, _] = update(markers, tracks_table([1]), MarkersConfig(style="cube")).markers
    assert box.type == Marker.CUBE
    assert (box.scale.x, box.scale.y, box.scale.z) == pytest.approx((2.0, 1.0, 0.5))
    assert box.pose.orientation.z == pytest.approx(0.5**0.5, abs=1e-3)


def test_tentative_and_occluded_tracks_are_drawn_on_request(tracks_table):
    young, hidden = tracks_table([1], mature=False), tracks_table([2], misses=[4])
    assert len(drawn(young, MarkersConfig(), True)) == 0
    assert len(drawn(young, MarkersConfig(include_tentative=True), True)) == 1
    assert len(drawn(hidden, MarkersConfig(), True)) == 1
    assert len(drawn(hidden, MarkersConfig(), False)) == 0


def test_large_ids_fit_a_signed_number():
    assert marker_id(0xFFFFFFFF) == 0x7FFFFFFF
    assert marker_id(12) == 12
