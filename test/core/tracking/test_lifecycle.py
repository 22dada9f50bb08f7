import dataclasses

import pytest
import torch

from autoseg3d_core.structures import (
    Assignment,
    Association,
    EventKind,
    FrameInstances,
    Memory,
    NoRows,
    TogetherVotes,
)
from autoseg3d_core.tracking.lifecycle import TracksConfig, advance, rename
from autoseg3d_core.tracking.maturity import MaturityConfig

CONFIG = TracksConfig(
    maturity=MaturityConfig(hits=2),
    dormant_after_frames=3,
    tentative_frames=4,
    max_tracks=10,
    join_votes=2,
    join_share=0.0,
)


def instances(boxes):
    boxes = torch.tensor(boxes, dtype=torch.float32).view(-1, 6)
    count = len(boxes)
    return FrameInstances(
        masks=torch.zeros(count, 1, dtype=torch.bool),
        scores=torch.full((count,), 0.5),
        labels=torch.full((count,), -1),
        world_boxes=boxes,
        centroids=(boxes[:, :3] + boxes[:, 3:]) / 2,
        description=NoRows.of(count),
    )


def step(memory, boxes, pairs=(), evidence=(), config=CONFIG, stamp_ns=0):
    seen = instances(boxes)
    columns = torch.tensor(evidence, dtype=torch.int64).view(-1, 3).T
    association = Association(
        torch.zeros(len(seen), len(memory.tracks)), seen.description, TogetherVotes(*columns)
    )
    rows = torch.tensor(pairs, dtype=torch.int64).view(-1, 2)
    return advance(memory, seen, association, Assignment(rows[:, 0], rows[:, 1]), config, stamp_ns)


def kinds(change):
    return [(event.kind.name, event.track_id, event.other_id) for event in change.events]


A, B, C = [0, 0, 0, 1, 1, 1], [2, 0, 0, 3, 1, 1], [0, 0, 0, 2, 1, 1]


def test_new_instances_become_tracks_with_the_next_ids():
    change = step(Memory.empty(next_id=7), [A, B])
    assert change.ids.tolist() == [7, 8]
    assert change.memory.next_id == 9
    assert change.memory.tracks.hits.tolist() == [1, 1]
    assert kinds(change) == [("CREATED", 7, 0), ("CREATED", 8, 0)]


def test_a_seen_track_grows_its_box():
    memory = step(Memory.empty(), [A], stamp_ns=5).memory
    change = step(memory, [C], [(0, 0)], stamp_ns=9)
    assert change.ids.tolist() == [1]
    assert kinds(change) == []
    tracks = change.memory.tracks
    assert tracks.world_reach.tolist() == [[0, 0, 0, 2, 1, 1]]
    assert (tracks.first_seen_ns.item(), tracks.last_seen_ns.item()) == (5, 9)
    assert kinds(step(change.memory, [A], [(0, 0)])) == []


def test_two_instances_of_one_track_count_as_one_sighting():
    memory = step(Memory.empty(), [A]).memory
    change = step(memory, [A, B], [(0, 0), (1, 0)])
    assert change.ids.tolist() == [1, 1]
    assert change.memory.tracks.hits.tolist() == [2]
    assert torch.allclose(change.memory.tracks.centroids, torch.tensor([[1.0, 0.5, 0.5]]))


def test_a_confirmed_track_is_lost_and_recovered_but_never_ended_by_absence():
    memory = step(step(Memory.empty(), [A]).memory, [A], [(0, 0)]).memory
    seen = []
    for _ in range(50):
        change = step(memory, [])
        memory = change.memory
        seen += kinds(change)
    assert seen == [("LOST", 1, 0)]
    assert memory.tracks.misses.tolist() == [50]
    assert kinds(step(memory, [A], [(0, 0)])) == [("RECOVERED", 1, 0)]


def test_a_tentative_track_ends_and_its_id_is_not_used_again():
    memory = step(Memory.empty(), [A]).memory
    changes = []
    for _ in range(4):
        changes.append(step(memory, []))
        memory = changes[-1].memory
    assert [len(c.memory.tracks) for c in changes] == [1, 1, 1, 0]
    assert (EventKind.REMOVED, 1, 0, "age") in [dataclasses.astuple(e) for e in changes[-1].events]
    assert changes[-1].old_ids.tolist() == [1]
    assert changes[-1].new_ids.tolist() == [0]
    assert step(memory, [A]).ids.tolist() == [2]


def test_tracks_seen_together_often_enough_are_joined_into_the_older():
    memory = step(Memory.empty(), [A, B]).memory
    first = step(memory, [A, B], [(0, 0), (1, 1)], [(1, 2, 1)])
    assert len(first.memory.tracks) == 2
    second = step(first.memory, [A, B], [(0, 0), (1, 1)], [(1, 2, 1)])
    assert kinds(second) == [("JOINED", 2, 1)]
    assert second.ids.tolist() == [1, 1]
    assert (second.old_ids.tolist(), second.new_ids.tolist()) == ([2], [1])
    assert second.memory.tracks.world_reach.tolist() == [[0, 0, 0, 3, 1, 1]]
    assert len(second.memory.together) == 0


def test_seeing_them_apart_takes_votes_away():
    memory = step(Memory.empty(), [A, B]).memory
    for votes in (1, -1, 1, -1, 1):
        memory = step(memory, [A, B], [(0, 0), (1, 1)], [(1, 2, votes)]).memory
    assert len(memory.tracks) == 2
    assert memory.together.votes.tolist() == [1]


def test_a_pair_never_seen_together_is_not_remembered():
    memory = step(Memory.empty(), [A, B]).memory
    assert len(step(memory, [A, B], [(0, 0), (1, 1)], [(1, 2, -1)]).memory.together) == 0


def test_votes_must_be_a_share_of_the_younger_tracks_life():
    config = dataclasses.replace(CONFIG, join_share=0.5)
    memory = Memory.empty()
    memory = step(memory, [A, B]).memory
    for _ in range(9):
        memory = step(memory, [A, B], [(0, 0), (1, 1)]).memory
    together = 0
    while len(memory.tracks) == 2:
        memory = step(memory, [A, B], [(0, 0), (1, 1)], [(1, 2, 1)], config).memory
        together += 1
    assert together == 10  # of the 20 frames by then


def test_a_chain_of_joins_ends_in_the_oldest_id():
    memory = step(Memory.empty(), [A, B, C]).memory
    pairs, evidence = [(0, 0), (1, 1), (2, 2)], [(1, 2, 1), (2, 3, 1)]
    memory = step(memory, [A, B, C], pairs, evidence).memory
    change = step(memory, [A, B, C], pairs, evidence)
    assert kinds(change)[-1] == ("JOINED", 2, 1)
    assert change.memory.tracks.ids.tolist() == [1, 3]


def test_at_capacity_the_least_seen_tracks_go_and_an_event_says_so():
    memory = Memory.empty()
    memory = step(memory, [A]).memory
    for _ in range(5):
        memory = step(memory, [A], [(0, 0)]).memory
    change = step(memory, [B] * 12)
    assert len(change.memory.tracks) == 10
    assert 1 in change.memory.tracks.ids.tolist()
    assert [e.reason for e in change.events if e.kind == EventKind.REMOVED] == ["memory_limit"] * 3
    assert change.ids.tolist().count(0) == 3


def test_at_capacity_a_track_long_unseen_gives_way_to_new_ones_however_often_it_was_seen():
    memory = step(Memory.empty(), [A]).memory
    for _ in range(300):
        memory = step(memory, [A], [(0, 0)]).memory
    for _ in range(60):
        memory = step(memory, []).memory
    change = step(memory, [B] * 10)
    assert change.memory.tracks.ids.tolist() == change.ids.tolist()


def test_ids_are_never_reused_and_memory_stays_bounded_over_many_births_and_deaths():
    generator = torch.Generator().manual_seed(0)
    memory, issued = Memory.empty(), []
    for frame in range(1500):
        births = int(torch.randint(0, 4, (1,), generator=generator))
        before = memory.next_id
        evidence = []
        if len(memory.tracks) > 2:
            pick = memory.tracks.ids[torch.randperm(len(memory.tracks), generator=generator)[:2]]
            evidence = [(int(pick.min()), int(pick.max()), 1)]
        change = step(memory, [A] * births, [], evidence, stamp_ns=frame)
        memory = change.memory
        issued += range(before, memory.next_id)
        assert len(memory.tracks) <= 10
        assert len(memory.together) <= 45
        assert memory.tracks.ids.diff().gt(0).all()
    assert len(issued) == len(set(issued)) > 1000


def test_renamed_changes_only_the_old_ids():
    ids = torch.tensor([5, 1, 3, 0, 5])
    assert rename(ids, torch.tensor([1, 5]), torch.tensor([9, 2])).tolist() == [2, 9, 3, 0, 2]


def test_a_track_has_the_label_that_most_scores_speak_for():
    memory, labels = Memory.empty(), []
    for frame, (label, score) in enumerate([(2, 0.5), (7, 0.9), (7, 0.8), (2, 0.9), (7, 0.7)]):
        seen = dataclasses.replace(instances([A]), labels=torch.tensor([label]), scores=torch.tensor([score]))
        held = len(memory.tracks)
        association = Association(torch.zeros(1, held), seen.description, TogetherVotes.empty())
        pairs = torch.zeros(held, dtype=torch.int64)
        memory = advance(memory, seen, association, Assignment(pairs, pairs), CONFIG, frame).memory
        labels.append(int(memory.tracks.labels[0]))
    assert labels == [2, 7, 7, 7, 7]
    assert float(memory.tracks.label_votes[0]) == pytest.approx(1.0)


@pytest.mark.parametrize(("blend", "share"), [(0.0, 1 / 11), (0.05, 1 / 11), (0.25, 1 / 4), (1.0, 1.0)])
def test_a_new_observation_moves_the_mean_by_its_share_but_no_less_than_the_blend(blend, share):
    config, memory = dataclasses.replace(CONFIG, blend=blend), Memory.empty()
    memory = step(memory, [A], config=config).memory
    for _ in range(9):
        memory = step(memory, [A], [(0, 0)], config=config).memory
    tracks = step(memory, [B], [(0, 0)], config=config).memory.tracks
    assert tracks.centroids[0].tolist() == pytest.approx([0.5 + 2 * share, 0.5, 0.5])


def test_an_unseen_track_keeps_its_mean_whatever_the_blend():
    config = dataclasses.replace(CONFIG, blend=1.0)
    memory = step(Memory.empty(), [A, B]).memory
    tracks = step(memory, [C], [(0, 1)], config=config).memory.tracks
    assert tracks.centroids.tolist() == [[0.5, 0.5, 0.5], [1.0, 0.5, 0.5]]
    assert (tracks.hits.tolist(), tracks.misses.tolist()) == ([1, 2], [1, 0])


def test_the_older_of_two_joined_tracks_has_what_the_younger_saw():
    config = dataclasses.replace(CONFIG, tentative_frames=100)
    memory = step(Memory.empty(), [A, B], stamp_ns=1).memory
    for frame in range(2, 6):
        memory = step(memory, [B], [(0, 1)], config=config, stamp_ns=frame).memory
    assert (memory.tracks.hits.tolist(), memory.tracks.misses.tolist()) == ([1, 5], [4, 0])
    tracks = step(memory, [], evidence=[(1, 2, 2)], config=config, stamp_ns=9).memory.tracks
    assert tracks.ids.tolist() == [1]
    assert (tracks.hits.tolist(), tracks.misses.tolist()) == ([5], [1])
    assert (tracks.first_seen_ns.tolist(), tracks.last_seen_ns.tolist()) == ([1], [5])
    assert tracks.world_reach.tolist() == [[0, 0, 0, 3, 1, 1]]


def test_the_older_of_two_joined_tracks_keeps_what_it_saw_itself():
    config = dataclasses.replace(CONFIG, tentative_frames=100)
    memory = step(Memory.empty(), [A, B], stamp_ns=1).memory
    for frame in range(2, 6):
        memory = step(memory, [A], [(0, 0)], config=config, stamp_ns=frame).memory
    tracks = step(memory, [], evidence=[(1, 2, 2)], config=config, stamp_ns=9).memory.tracks
    assert tracks.ids.tolist() == [1]
    assert (tracks.hits.tolist(), tracks.misses.tolist()) == ([5], [1])
    assert tracks.last_seen_ns.tolist() == [5]
