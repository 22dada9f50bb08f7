"""Borders in label images against those of the truth."""

import numpy as np
import pytest

from autoseg3d_core.evaluation.boundaries import BoundaryCounts, borders, boundary_counts


def square(top, left, size=20, name=1, shape=(60, 60)):
    image = np.zeros(shape, np.int32)
    image[top : top + size, left : left + size] = name
    return image


def near(border, other, pixels):
    """How many pixels of one border have one of the other within so many pixels, pixel by pixel."""
    places, others = np.argwhere(border), np.argwhere(other)
    if len(others) == 0:
        return 0
    return sum(((others - place) ** 2).sum(axis=1).min() <= pixels**2 for place in places)


def test_the_truth_itself_has_perfect_borders():
    assert boundary_counts(square(10, 10), square(10, 10)).f_score == 1.0


def test_names_do_not_matter():
    assert boundary_counts(square(10, 10, name=7), square(10, 10, name=3)).f_score == 1.0


@pytest.mark.parametrize(("shift", "perfect"), [(1, True), (2, True), (3, False)])
def test_borders_may_be_two_pixels_off(shift, perfect):
    """A border is two pixels wide, so that one of them reaches a pixel farther."""
    counts = boundary_counts(square(10, 10 + shift), square(10, 10))
    assert (counts.predicted_right == counts.predicted and counts.true_found == counts.true) is perfect


@pytest.mark.parametrize("seed", range(3))
def test_counts_agree_with_a_search_pixel_by_pixel(seed):
    rng = np.random.default_rng(seed)
    truth, ours = (np.kron(rng.integers(1, 4, (5, 6)), np.ones((7, 8), int)) for _ in range(2))
    counts = boundary_counts(ours, truth)
    a, b = borders(ours), borders(truth)
    assert counts == BoundaryCounts(int(a.sum()), int(near(a, b, 2)), int(b.sum()), int(near(b, a, 2)))


def test_what_lies_mostly_on_the_wall_has_no_borders():
    truth = square(10, 10)
    ours = truth + square(40, 40, 10, name=5)
    assert boundary_counts(ours, truth).f_score == 1.0
    spilt = square(10, 10, 30)  # 400 of 900 pixels on the object
    assert boundary_counts(spilt, truth).predicted == 0


def test_two_objects_as_one_miss_the_border_between_them():
    truth = square(10, 10) + square(10, 30, name=2)
    counts = boundary_counts((truth > 0).astype(np.int32), truth)
    assert counts.predicted_right == counts.predicted
    assert counts.true_found < counts.true


def test_frames_are_pooled_by_their_pixels():
    truth = square(10, 10)
    assert (boundary_counts(truth, truth) + boundary_counts(truth * 0, truth)).f_score == pytest.approx(
        2 / 3
    )  # precision 1, recall a half
    assert np.isnan(BoundaryCounts().f_score)
