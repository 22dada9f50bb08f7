"""Fragment pooling: its invariances, and fragments that hardly are any."""

from __future__ import annotations

import pytest
import torch

from autoseg3d_core.modules.fragment_pooling import FragmentPooling, StrongestPooling


def cloud(points: int = 60, fragments: int = 5):
    generator = torch.Generator().manual_seed(0)
    fragment = torch.arange(points) % fragments
    return (
        torch.randn(points, 8, generator=generator),
        torch.rand(points, 3, generator=generator),
        fragment,
        fragments,
    )


def pooling() -> FragmentPooling:
    torch.manual_seed(0)
    return FragmentPooling(8)


POOLINGS = pytest.mark.parametrize("pool", [pooling(), StrongestPooling()], ids=["weighted", "strongest"])


@POOLINGS
def test_moving_a_frame_moves_the_centers_and_nothing_else(pool):
    features, xyz, fragment, count = cloud()
    shift = torch.tensor([2.0, -3.0, 0.5])
    here, there = pool(features, xyz, fragment, count), pool(features, xyz + shift, fragment, count)
    torch.testing.assert_close(there.features, here.features, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(there.centers, here.centers + shift)
    torch.testing.assert_close(there.sizes, here.sizes, rtol=1e-3, atol=1e-4)


@POOLINGS
def test_points_that_fill_a_box_evenly_have_its_middle_and_its_size(pool):
    axis = (torch.arange(40) + 0.5) / 40
    xyz = torch.cartesian_prod(2 + 0.5 * axis, 3 * axis - 1, axis * 0.2)
    out = pool(torch.ones(len(xyz), 8), xyz, torch.zeros(len(xyz), dtype=torch.int64), 1)
    torch.testing.assert_close(out.centers, torch.tensor([[2.25, 0.5, 0.1]]), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(out.sizes, torch.tensor([[0.5, 3.0, 0.2]]), rtol=1e-3, atol=1e-3)


def test_the_order_of_points_does_not_matter():
    features, xyz, fragment, count = cloud()
    pool, order = pooling(), torch.randperm(len(xyz), generator=torch.Generator().manual_seed(1))
    one, two = pool(features, xyz, fragment, count), pool(features[order], xyz[order], fragment[order], count)
    torch.testing.assert_close(one.features, two.features)
    torch.testing.assert_close(one.weights[order], two.weights)


def test_points_on_no_fragment_take_no_part_and_weigh_nothing():
    features, xyz, fragment, count = cloud()
    pool = pooling()
    loose = fragment.clone()
    loose[::7] = -1
    held = loose >= 0
    out = pool(features, xyz, loose, count)
    expected = pool(features[held], xyz[held], fragment[held], count)
    torch.testing.assert_close(out.features, expected.features)
    torch.testing.assert_close(out.weights[held], expected.weights)
    assert (out.weights[~held] == 0).all()


def test_a_fragment_of_one_point_and_an_empty_one_are_finite():
    features, xyz, _, _ = cloud(3)
    out = pooling()(features, xyz, torch.tensor([0, 0, 2]), 4)
    assert torch.isfinite(out.features).all()
    assert (out.features[[1, 3]] == 0).all()


def test_a_frame_without_points_pools_to_nothing():
    out = pooling()(torch.zeros(0, 8), torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64), 0)
    assert len(out) == 0
    assert out.weights.shape == (0,)


def test_weights_lie_between_zero_and_two():
    features, xyz, fragment, count = cloud()
    weights = pooling()(features, xyz, fragment, count).weights
    assert (weights > 0).all()
    assert (weights < 2).all()
