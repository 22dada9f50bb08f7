import dataclasses

import numpy as np
import pytest
import torch

from autoseg3d_core.models.leftovers import _nearest, add_leftovers, k_means
from autoseg3d_core.structures import FragmentCloud


def cloud(fragment, rgb=None):
    count = len(fragment)
    torch.manual_seed(0)
    colour = torch.rand(count, 3) if rgb is None else rgb
    known = int(max(0, fragment.max() + 1))
    return FragmentCloud(
        torch.rand(count, 3), colour, fragment, torch.arange(count), torch.full((known,), 0.5)
    )


def test_every_point_has_a_fragment_afterwards_and_the_known_ones_stay():
    fragment = torch.cat([torch.zeros(50), torch.ones(30), torch.full((200,), -1)]).long()
    whole = add_leftovers(cloud(fragment), 20)
    assert torch.equal(whole.fragment[:80], fragment[:80])
    assert whole.fragment.min() == 0
    made = whole.fragment[80:].unique()
    assert made.min() == 2
    assert len(made) <= 20
    assert len(whole.fragment_score) == whole.fragment.max() + 1
    assert torch.equal(made, torch.arange(2, 2 + len(made))), "without gaps"


def test_a_fragment_without_points_is_left_out():
    fragment = torch.cat([torch.full((50,), 2), torch.full((30,), -1)]).long()
    whole = add_leftovers(cloud(fragment), 20)
    assert (whole.fragment[:50] == 0).all()
    assert torch.bincount(whole.fragment).min() > 0
    assert len(whole.fragment_score) == whole.fragment.max() + 1


def test_how_whole_they_are_is_kept_and_unknown_of_what_is_made():
    fragment = torch.cat([torch.full((50,), 1), torch.full((30,), -1)]).long()
    told = dataclasses.replace(cloud(fragment), wholeness=torch.tensor([0.2, 0.7]))
    whole = add_leftovers(told, 3).wholeness
    assert whole[0] == pytest.approx(0.7)
    assert (whole[1:] == -1).all()
    assert len(whole) == len(add_leftovers(told, 3).fragment_score)


def test_colours_decide():
    fragment = torch.full((90,), -1)
    colour = torch.eye(3).repeat_interleave(30, dim=0)
    whole = add_leftovers(cloud(fragment, colour), 3)
    assert [len(part.unique()) for part in whole.fragment.split(30)] == [1, 1, 1]
    assert len(whole.fragment.unique()) == 3


def test_fewer_points_than_clusters_are_one_fragment():
    fragment = torch.tensor([0, -1, -1, 0, -1])
    assert add_leftovers(cloud(fragment), 20).fragment.tolist() == [0, 1, 1, 0, 1]


def test_without_loose_points_nothing_changes():
    whole = cloud(torch.tensor([0, 1, 1]))
    assert add_leftovers(whole, 20) is whole


def test_points_of_one_place_and_colour_make_one_cluster():
    assert len(k_means(torch.ones(40, 6), 5).unique()) == 1


def slow_clusters(rows, clusters):
    """Lloyd's algorithm from rows spread evenly over the list, one row at a time."""
    centers = [rows[round(i * (len(rows) - 1) / (clusters - 1))] for i in range(clusters)]
    for round_number in range(9):
        nearest = [int(np.argmin([np.linalg.norm(row - center) for center in centers])) for row in rows]
        for number in range(clusters if round_number < 8 else 0):
            members = [row for row, own in zip(rows, nearest, strict=True) if own == number]
            centers[number] = np.mean(members, axis=0) if members else centers[number]
    return nearest


def test_loose_points_are_clustered_by_eight_rounds_from_rows_spread_evenly():
    rows = torch.rand(80, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    rows[30:] = rows[30:] ** 4  # rounds matter: the clusters are not those of the start
    assert k_means(rows, 7).tolist() == slow_clusters(rows.numpy(), 7)


def test_the_nearest_centre_is_that_of_the_least_distance():
    generator = torch.Generator().manual_seed(0)
    rows, centers = (torch.rand(n, 6, generator=generator) * 255 for n in (500, 20))
    assert torch.equal(_nearest(rows, centers), torch.cdist(rows.double(), centers.double()).argmin(dim=1))
