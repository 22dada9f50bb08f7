import itertools

import torch

from autoseg3d_core.tracking.assignment import InStages, ManyToOne, OneToOne, WithPieces


def pairs(assignment):
    return list(zip(assignment.instance.tolist(), assignment.track.tolist(), strict=True))


def test_several_instances_may_share_a_track():
    affinity = torch.tensor([[0.9, 0.1], [0.7, 0.2], [0.3, 0.4]])
    assert pairs(ManyToOne(0.5)(affinity)) == [(0, 0), (1, 0)]


def test_the_older_track_wins_a_tie():
    assert pairs(ManyToOne(0.5)(torch.tensor([[0.5, 0.5]]))) == [(0, 0)]


def test_one_to_one_maximises_the_sum_of_affinities():
    generator = torch.Generator().manual_seed(0)
    for rows, columns in ((3, 5), (5, 3), (4, 4)):
        affinity = torch.rand(rows, columns, generator=generator)
        chosen = OneToOne(0.0)(affinity)
        total = affinity[chosen.instance, chosen.track].sum()
        wide = affinity if rows <= columns else affinity.T
        best = max(
            sum(wide[i, j] for i, j in enumerate(p))
            for p in itertools.permutations(range(wide.shape[1]), wide.shape[0])
        )
        assert torch.isclose(total, best)
        assert len(set(chosen.track.tolist())) == min(rows, columns)


def test_what_lies_below_the_least_affinity_is_left_out():
    affinity = torch.tensor([[0.6, 0.0], [0.0, 0.4]])
    assert pairs(OneToOne(0.5)(affinity)) == [(0, 0)]


def test_nothing_to_assign_gives_no_pairs():
    for assign in (ManyToOne(0.5), OneToOne(0.5), InStages(OneToOne(0.5), ManyToOne(0.5))):
        for shape in ((0, 3), (3, 0), (0, 0)):
            assert len(assign(torch.zeros(shape))) == 0


def test_tracks_of_later_stages_take_what_is_left_or_no_part():
    affinity, stage = torch.tensor([[0.6, 0.9], [0.0, 0.8]]), torch.tensor([0, 1])
    assert pairs(InStages(OneToOne(0.5), OneToOne(0.5))(affinity, stage)) == [(0, 0), (1, 1)]
    assert pairs(InStages(OneToOne(0.5))(affinity, stage)) == [(0, 0)]


def test_a_pair_that_would_not_be_kept_takes_no_track_from_another():
    affinity = torch.tensor([[0.55, 0.44], [0.52, 0.0]])
    assert pairs(OneToOne(0.5)(affinity)) == [(0, 0)]


def test_pieces_that_a_solver_leaves_join_the_track_they_are_sure_of():
    affinity = torch.tensor([[0.9, 0.0], [0.8, 0.1], [0.3, 0.0]])
    assert pairs(OneToOne(0.02)(affinity)) == [(0, 0), (1, 1)]
    assert pairs(WithPieces(OneToOne(0.2), 0.5)(affinity)) == [(0, 0), (1, 0)]
    assert pairs(WithPieces(OneToOne(0.2), 0.5)(affinity[:, :0])) == []


def test_a_piece_may_not_join_a_track_that_takes_no_part():
    affinity, stage = torch.tensor([[0.9, 0.0], [0.0, 0.8]]), torch.tensor([0, 1])
    assert pairs(WithPieces(InStages(OneToOne(0.2)), 0.5)(affinity, stage)) == [(0, 0)]


def test_a_stage_may_judge_by_another_measure_and_another_solver():
    affinity, stage = torch.tensor([[0.6, 0.9, 0.3], [0.0, 0.2, 0.3]]), torch.tensor([0, 1, 1])
    cascade = InStages(OneToOne(0.5), ManyToOne(0.25))
    assert pairs(cascade(affinity, stage)) == [(0, 0), (1, 2)]
    assert pairs(cascade(affinity)) == [(0, 1)]  # without stages all tracks are of the first
