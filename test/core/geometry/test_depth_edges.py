"""Which readings stray: only those with something near that is not at their depth are looked at closely."""

import pytest
import torch

from autoseg3d_core.geometry.depth_edges import REACH, _highest_around, _may_stray, _stray, strays


def depth_image(seed):
    """A slanted wall with boxes before it, holes, a thin bar and noise."""
    generator = torch.Generator().manual_seed(seed)
    depth = 2 + torch.arange(80).float()[None].expand(60, -1) / 100
    depth = depth + 0.01 * torch.randn(60, 80, generator=generator)
    depth[10:30, 20:50] = 1.2
    depth[:, 61:63] = 0.8
    depth[torch.rand(60, 80, generator=generator) < 0.03] = 0
    depth[5, 5], depth[6, 6] = torch.nan, torch.inf
    mask = torch.randint(-1, 3, (6, 8), generator=generator).int()
    return depth, mask.repeat_interleave(10, 0).repeat_interleave(10, 1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tolerance", [0.005, 0.03, 0.2])
def test_looking_first_at_what_may_stray_changes_nothing(seed, tolerance):
    depth, mask = depth_image(seed)
    clean = torch.where(torch.isfinite(depth), depth, 0.0)
    pixel = (clean > 0).flatten().nonzero()[:, 0]
    found = strays(depth, mask, pixel, tolerance)
    assert torch.equal(found, _stray(clean, mask, pixel, tolerance))
    assert found.any()
    if tolerance > 0.02:  # the noise is less
        assert _may_stray(clean, pixel, tolerance).float().mean() < 0.9


def test_the_highest_around_is_that_of_a_square():
    values = torch.rand(20, 30, generator=torch.Generator().manual_seed(0)) - 0.5
    found = _highest_around(values)
    for row, column in ((0, 0), (19, 29), (10, 15), (3, 28)):
        rows = slice(max(row - REACH, 0), row + REACH + 1)
        square = values[rows, max(column - REACH, 0) : column + REACH + 1]
        assert found[row, column] == square.max()
