import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from autoseg3d_core.mask_makers.region_graph import borders, components, grown, merged, without_small


def slow_borders(labels, strength):
    found = {}
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            for v, u in ((y, x + 1), (y + 1, x)):
                if v >= height or u >= width:
                    continue
                pair = tuple(sorted((int(labels[y, x]), int(labels[v, u]))))
                if pair[0] > 0 and pair[0] != pair[1]:
                    found.setdefault(pair, []).append(max(strength[y, x], strength[v, u]))
    return {pair: (len(along), np.mean(along)) for pair, along in found.items()}


@pytest.mark.parametrize("seed", range(5))
def test_borders_are_those_that_a_walk_over_all_pixels_finds(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, (12, 15)).astype(np.int32)
    strength = rng.random(labels.shape).astype(np.float32)
    found, expected = borders(labels, strength), slow_borders(labels, strength)
    pairs = list(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert set(pairs) == set(expected)
    for pair, length, mean in zip(pairs, found.length, found.strength, strict=True):
        assert (length, mean) == pytest.approx(expected[pair])


def test_merging_is_transitive_and_leaves_no_region_alone():
    labels = np.array([[0, 1, 2, 3, 4]], np.int32)
    joined = merged(labels, np.array([1, 2]), np.array([2, 4]))
    assert joined[0, 0] == 0
    assert joined[0, 1] == joined[0, 2] == joined[0, 4] != joined[0, 3]
    assert set(joined.ravel()) == {0, 1, 2}


def test_merging_nothing_changes_nothing():
    labels = np.array([[0, 1, 2]], np.int32)
    none = np.zeros(0, int)
    assert np.array_equal(merged(labels, none, none), labels)


@pytest.mark.parametrize("seed", range(20))
def test_components_are_those_of_scipy_and_numbered_alike(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 200))
    first, second = rng.integers(0, count, (2, int(rng.integers(0, 2 * count))))
    graph = coo_matrix((np.ones(len(first)), (first, second)), shape=(count, count))
    expected = connected_components(graph, directed=False)[1]
    assert np.array_equal(components(first, second, count), expected)


def test_a_long_chain_in_any_order_is_one_component():
    order = np.random.default_rng(0).permutation(999)
    assert (components(order, order + 1, 1000) == 0).all()
    assert (components(order[::-1] + 1, order[::-1], 1000) == 0).all()


def test_growth_takes_the_nearest_region_and_only_allowed_pixels():
    labels = np.array([[1, 0, 0, 0, 0, 2]], np.int32)
    allowed = np.array([[True, True, True, True, False, True]])
    assert grown(labels, allowed).tolist() == [[1, 1, 1, 2, 0, 2]]


def test_small_regions_go_and_the_rest_is_renumbered():
    labels = np.array([[1, 2, 2, 0, 3, 3]], np.int32)
    assert without_small(labels, 2).tolist() == [[0, 1, 1, 0, 2, 2]]
