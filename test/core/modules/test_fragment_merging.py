import numpy as np
import pytest
import torch
from slow_twins.samples import random_weights

from autoseg3d_core.modules.fragment_merging import FragmentMerging, group_by_linkage

WIDTH = 16


def slow_groups(similarity, least):
    """Complete linkage by its definition: join the two groups whose least similar pair is most similar."""
    groups = [[i] for i in range(len(similarity))]
    full = similarity + similarity.T
    while True:
        pairs = [
            (min(full[i, j] for i in a for j in b), x, y)
            for x, a in enumerate(groups)
            for y, b in enumerate(groups)
            if x < y
        ]
        if not pairs or max(pairs)[0] < least:
            return groups
        _, x, y = max(pairs)
        groups[x] += groups.pop(y)


@pytest.mark.parametrize("seed", range(20))
def test_groups_are_those_of_complete_linkage(seed):
    rng = np.random.default_rng(seed)
    similarity = np.triu(rng.random((9, 9)), 1)
    found = group_by_linkage(torch.from_numpy(similarity))
    expected = {frozenset(group) for group in slow_groups(similarity, 0.5)}
    assert {frozenset(torch.nonzero(found == g)[:, 0].tolist()) for g in found.unique()} == expected
    first = [found.tolist().index(g) for g in range(int(found.max()) + 1)]
    assert first == sorted(first)


def test_every_pair_of_a_group_agrees():
    chain = torch.zeros(3, 3)
    chain[0, 1] = chain[1, 2] = 0.9  # 0 and 2 do not agree, so 1 goes with one of them only
    assert len(group_by_linkage(chain).unique()) == 2


def boxes(*lows, size=1.0):
    low = torch.tensor([[x, 0.0, 0.0] for x in lows])
    return torch.cat([low, low + size], dim=1)


@pytest.fixture
def eager():
    """A merging that takes every pair that it may for one object."""
    torch.manual_seed(0)
    merging = FragmentMerging(WIDTH)
    torch.nn.init.zeros_(merging.same.weight)
    torch.nn.init.constant_(merging.same.bias, 9.0)
    return merging.requires_grad_(False)


def classes(*labels, count=3):
    return torch.nn.functional.one_hot(torch.tensor(labels), count).float() * 9


@pytest.mark.parametrize(
    ("lows", "labels", "groups"),
    [
        ((0, 0.1, 5), (0, 0, 0), [0, 0, 1]),  # two boxes meet
        ((0, 0.1, 0.05), (0, 1, 0), [0, 1, 0]),  # another class
        ((0, 0.1), (2, 2), [0, 1]),  # both background
        ((0, 0.6), (0, 0), [0, 1]),  # boxes overlap too little, whatever the score
        ((0,), (0,), [0]),
        ((), (), []),
    ],
)
def test_fragments_of_one_class_whose_boxes_overlap_become_one(eager, lows, labels, groups):
    count = len(lows)
    logits = classes(*labels) if count else torch.zeros(0, 3)
    assert eager(torch.randn(count, WIDTH), logits, boxes(*lows).reshape(count, 6)).tolist() == groups


@torch.no_grad()
def test_a_pair_scores_alike_both_ways():
    merging = random_weights(FragmentMerging(WIDTH, heads=4), seed=1)
    described = merging.describe(torch.randn(5, WIDTH, dtype=torch.float64))
    first, second = torch.triu_indices(5, 5, 1)
    overlap = torch.rand(len(first), dtype=torch.float64)
    torch.testing.assert_close(
        merging.logits(described, first, second, overlap), merging.logits(described, second, first, overlap)
    )
