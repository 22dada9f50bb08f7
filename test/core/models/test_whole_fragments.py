"""Masks as unions of fragments: known owners, and splits only where the network is sure."""

import torch

from autoseg3d_core.models.whole_fragments import owners
from autoseg3d_core.structures import FragmentCloud


def cloud(fragment, masked):
    count = len(fragment)
    xyz = torch.zeros(count, 3)
    return FragmentCloud(xyz, xyz, torch.tensor(fragment), torch.arange(count), torch.tensor(masked).float())


def owned(soft, fragment, masked=(1, 1), split_share=0.3):
    return owners(torch.tensor(soft), cloud(fragment, masked), 0.5, split_share).tolist()


def test_the_points_of_a_fragment_go_to_the_instance_that_is_on_most_of_it():
    soft = [[0.8, 0.7, 0.4, 0.6, 0.1, 0.2], [0.3, 0.6, 0.6, 0.2, 0.9, 0.4]]
    assert owned(soft, [0, 0, 0, 0, 1, 1]) == [0, 0, 0, 0, 1, 1]


def test_a_fragment_on_no_instance_is_nobodys():
    assert owned([[0.2, 0.9, 0.1, 0.1]], [0, 0, 0, 0], (1,)) == [-1] * 4


def test_a_fragment_that_surely_covers_two_objects_is_split_and_an_unsure_one_is_not():
    fragment = [0] * 6
    sure = [[0.99, 0.99, 0.99, 0.95, 0.01, 0.02], [0.01, 0.01, 0.01, 0.02, 0.99, 0.97]]
    unsure = [[0.99, 0.99, 0.99, 0.95, 0.3, 0.4], [0.01, 0.01, 0.01, 0.02, 0.7, 0.6]]
    assert owned(sure, fragment, (1,)) == [0, 0, 0, 0, 1, 1]
    assert owned(unsure, fragment, (1,)) == [0] * 6
    assert owned(sure, fragment, (1,), split_share=1.0) == [0] * 6


def test_points_on_no_mask_decide_alone():
    soft = [[0.9, 0.8, 0.7, 0.1, 0.6, 0.2]]
    assert owned(soft, [0, 0, 1, 1, 1, 1], (0, 0)) == [0, 0, 0, -1, 0, -1]


def test_an_instance_ends_with_its_masks_where_points_are_not_sure():
    soft = [[0.9, 0.8, 0.95, 0.1, 0.6, 0.2]]
    assert owned(soft, [0, 0, 1, 1, 1, 1], (1, 0)) == [0, 0, 0, -1, -1, -1]


def test_the_order_of_points_and_of_candidates_does_not_matter():
    generator = torch.Generator().manual_seed(0)
    soft = torch.rand(4, 60, generator=generator)
    given = cloud((torch.arange(60) % 5).tolist(), [1, 1, 1, 0, 1])
    found = owners(soft, given, 0.5, 0.3)
    turned = FragmentCloud(given.xyz, given.xyz, given.fragment.flip(0), given.pixel, given.fragment_score)
    assert torch.equal(owners(soft.flip(1), turned, 0.5, 0.3).flip(0), found)
    other = owners(soft.flip(0), given, 0.5, 0.3)
    assert torch.equal(torch.where(other < 0, -1, 3 - other), found)
