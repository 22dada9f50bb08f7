"""What is evidence enough for a track: hits, views, scores, and the frames that did not find it."""

import dataclasses

import pytest
import torch

from autoseg3d_core.structures import EventKind, NoRows, Tracks
from autoseg3d_core.tracking.maturity import LEAST_IN_VIEW, MaturityConfig, is_mature, weigh

CONFIG = MaturityConfig(hits=3, views_apart=0.1, still_hits=8, total_score=1.0, found_share=0.5)


def tracks(count=1, **columns):
    """Tracks at the origin with a good score, seen now for the first time; columns are set for all."""
    rows = {
        name: column.new_zeros((count, *column.shape[1:]))
        for name, column in Tracks.empty().columns()
        if name != "remembered"
    }
    rows["ids"] = torch.arange(1, count + 1)
    rows["scores"], rows["hits"] = torch.full((count,), 0.5), torch.ones(count, dtype=torch.int64)
    rows |= {name: torch.tensor(value).expand(rows[name].shape).clone() for name, value in columns.items()}
    return Tracks(**rows, remembered=NoRows.of(count))


def seen_from(table, camera, found=True, voxels=0, config=CONFIG):
    """The tracks after a frame that finds all or none of them, with so many voxels of each in view."""
    table = dataclasses.replace(
        table,
        hits=table.hits + found,
        misses=torch.zeros_like(table.misses) if found else table.misses + 1,
    )
    return weigh(table, table.ids.repeat_interleave(voxels), torch.tensor(camera), config)


def nothing_seen(**columns):
    return tracks(**({"hits": 0} | columns))


def test_a_track_matures_with_the_frame_that_sees_it_from_a_second_place():
    table, said = nothing_seen(), []
    for camera in ([2.0, 0.0, 0.0],) * 5 + ([2.0, 0.25, 0.0],) * 2:
        table, events = seen_from(table, camera)
        said.append([(event.kind, event.track_id) for event in events])
    assert said == [[], [], [], [], [], [(EventKind.CONFIRMED, 1)], []]
    assert table.views.tolist() == [2]


@pytest.mark.parametrize(
    ("camera", "views"),
    [([2.0, 0.19, 0.0], 1), ([2.0, 0.21, 0.0], 2), ([1.83, 0.0, 0.0], 1), ([1.8, 0.0, 0.0], 2)],
)
def test_what_a_second_view_is_depends_on_the_distance_and_not_on_the_direction(camera, views):
    table, _ = seen_from(nothing_seen(), [2.0, 0.0, 0.0])
    assert seen_from(table, camera)[0].views.tolist() == [views]


def test_small_steps_add_up_to_another_view():
    table = nothing_seen()
    for step in range(21):
        table, _ = seen_from(table, [2.0, 0.02 * step, 0.0])
    assert table.views.tolist() == [2]


def test_views_do_not_depend_on_where_the_world_begins():
    offset = torch.tensor([30.0, -20.0, 5.0])
    near, far = nothing_seen(), nothing_seen(centroids=offset.tolist(), viewpoints=offset.tolist())
    for camera in torch.rand(12, 3, generator=torch.Generator().manual_seed(0)):
        near, far = (seen_from(t, (camera + at).tolist())[0] for t, at in ((near, 0 * offset), (far, offset)))
    assert near.views.tolist() == far.views.tolist()
    assert near.views.item() > 1


def test_a_frame_without_the_track_is_no_view():
    table, _ = seen_from(nothing_seen(), [2.0, 0.0, 0.0])
    assert seen_from(table, [0.0, 2.0, 0.0], found=False)[0].views.tolist() == [1]


def test_a_camera_that_stands_still_confirms_what_it_has_seen_for_long():
    table, hits = nothing_seen(), 0
    while not bool(table.mature):
        table, _ = seen_from(table, [2.0, 0.0, 0.0])
        hits += 1
    assert hits == CONFIG.still_hits


@pytest.mark.parametrize(("voxels", "overlooked"), [(LEAST_IN_VIEW - 1, 0), (LEAST_IN_VIEW, 1), (50, 1)])
def test_not_being_found_counts_where_enough_of_the_track_is_in_view(voxels, overlooked):
    table = tracks(hits=4, views=2)
    assert seen_from(table, [2.0, 0.0, 0.0], False, voxels)[0].overlooked.tolist() == [overlooked]
    assert seen_from(table, [2.0, 0.0, 0.0], True, voxels)[0].overlooked.tolist() == [0]


def test_a_track_that_is_looked_at_and_not_found_is_tentative_again_until_it_is_found():
    table, _ = seen_from(tracks(hits=3, views=2), [2.0, 0.0, 0.0])
    assert table.mature.tolist() == [True]
    states, kinds = [], []
    for found in (False,) * 5 + (True,):
        table, events = seen_from(table, [2.0, 0.0, 0.0], found, voxels=20)
        states.append(bool(table.mature))
        kinds.extend(event.kind for event in events)
    assert states == [True, True, True, True, False, True]
    assert kinds == [EventKind.CONFIRMED]


@pytest.mark.parametrize(
    ("columns", "mature"),
    [
        ({}, True),
        ({"hits": 2}, False),
        ({"views": 1}, False),
        ({"views": 1, "hits": 8}, True),
        ({"scores": 0.25}, False),
        ({"scores": 0.25, "hits": 4}, True),
        ({"overlooked": 3}, True),
        ({"overlooked": 4}, False),
    ],
)
def test_each_kind_of_evidence_is_needed(columns, mature):
    assert is_mature(tracks(**({"hits": 3, "views": 2} | columns)), CONFIG).tolist() == [mature]


def test_who_asks_for_one_hit_gets_one_view():
    first = seen_from(nothing_seen(), [2.0, 0.0, 0.0], config=MaturityConfig(hits=1, total_score=0.0))[0]
    assert first.mature.tolist() == [True]


def test_no_tracks_and_a_map_of_others_are_nothing():
    table, events = weigh(tracks(0), torch.tensor([5, 5, 0]), torch.zeros(3), CONFIG)
    assert (len(table), events) == (0, ())
    table, _ = weigh(tracks(misses=1), torch.tensor([7] * 9), torch.zeros(3), CONFIG)
    assert table.overlooked.tolist() == [0]
