"""What two fragments say of one another, against a twin that looks at one pair at a time."""

import itertools

import numpy as np
import torch

from autoseg3d_core.modules.fragment_edges import EDGE_CHANNELS, fragment_edges

COUNT = 6


def frame(seed=0, points=240):
    """Fragments in boxes of several shapes, some of which meet; the last two are a lone point and nothing."""
    generator = torch.Generator().manual_seed(seed)
    double = {"generator": generator, "dtype": torch.float64}
    fragment = torch.arange(points) % (COUNT - 2)
    fragment[-1], fragment[-2] = COUNT - 2, -1
    middle, size = torch.rand(COUNT, 3, **double), 0.05 + 0.6 * torch.rand(COUNT, 3, **double)
    xyz = middle[fragment] + size[fragment] * torch.rand(points, 3, **double)
    return xyz, torch.rand(points, 3, **double), fragment


class Part:
    """One fragment, by its points and colours."""

    def __init__(self, xyz, rgb):
        self.count = len(xyz)
        nothing = np.zeros(3)
        self.middle, self.low, self.high = nothing, nothing, nothing
        deviation, axes, self.colour, self.mottled = np.zeros(3), np.eye(3), nothing, 0.0
        self.cells = {size: [set(), set()] for size in (0.05, 0.1, 0.2)}
        if self.count:
            self.middle, self.low, self.high = xyz.mean(0), xyz.min(0), xyz.max(0)
            variance, axes = np.linalg.eigh(np.cov(xyz.T, bias=True) if self.count > 1 else np.zeros((3, 3)))
            deviation = np.sqrt(variance.clip(0))
            self.colour, self.mottled = rgb.mean(0), rgb.std(axis=0).mean()
            for size in self.cells:
                grids = (np.floor((xyz + shift) / size).astype(int) for shift in (0.0, size / 2))
                self.cells[size] = [set(map(tuple, grid)) for grid in grids]
        self.normal, self.longest = axes[:, 0], axes[:, 2]
        self.light = self.colour.mean()
        self.tint = self.colour / max(self.light, 0.05)
        self.alone = [
            min(deviation[0] / max(deviation[1], 1e-3), 2),
            deviation[1] / max(deviation[2], 1e-3),
            deviation[2],
            deviation[1],
            abs(self.normal[2]),
            np.log(self.count + 1) / 5,
        ]


def ordered(first, second):
    return [min(first, second), max(first, second)]


def across(vector):
    """How far it goes along the floor, and how far up."""
    return [np.hypot(vector[0], vector[1]), vector[2]]


def meetings(a, b):
    for size in a.cells:
        shared = sum(len(mine & theirs) for mine, theirs in zip(a.cells[size], b.cells[size], strict=True))
        for cells in ordered(*(sum(len(grid) for grid in part.cells[size]) for part in (a, b))):
            yield np.sqrt(shared / max(cells, 1))


def places(a, b):
    low, high = np.minimum(a.low, b.low), np.maximum(a.high, b.high)
    gap = (np.maximum(a.low, b.low) - np.minimum(a.high, b.high)).clip(0)
    within = np.minimum(a.high, b.high) + 0.02 - (np.maximum(a.low, b.low) - 0.02)
    common = within.clip(0).prod()
    volumes = [(part.high - part.low + 0.04).prod() for part in (a, b)]
    overlap = [common / (sum(volumes) - common), common / min(volumes)]
    return [*across(abs(a.middle - b.middle)), *across(gap), *overlap, *across(high - low), low[2], high[2]]


def shapes(a, b):
    between = b.middle - a.middle
    beside = ordered(abs(a.normal @ between), abs(b.normal @ between))
    alike = [abs(a.normal @ b.normal), abs(a.longest @ b.longest), *beside]
    return alike + [v for pair in zip(a.alone, b.alone, strict=True) for v in ordered(*pair)]


def colours(a, b):
    apart = [np.linalg.norm(a.colour - b.colour), abs(a.light - b.light), np.linalg.norm(a.tint - b.tint)]
    return apart + ordered(a.mottled, b.mottled)


def test_every_column_of_every_pair_is_that_of_the_pair_alone():
    xyz, rgb, fragment = frame()
    parts = [Part(xyz[fragment == row].numpy(), rgb[fragment == row].numpy()) for row in range(COUNT)]
    found = fragment_edges(xyz, rgb, fragment, COUNT)
    assert found.shape == (COUNT, COUNT, EDGE_CHANNELS)
    for i, j in itertools.product(range(COUNT), repeat=2):
        a, b = parts[i], parts[j]
        expected = [*meetings(a, b), *places(a, b), *shapes(a, b), *colours(a, b)]
        np.testing.assert_allclose(found[i, j], expected, rtol=1e-5, atol=1e-7, err_msg=f"{i}, {j}")
