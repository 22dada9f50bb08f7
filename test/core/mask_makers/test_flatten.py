import numpy as np
import pytest
import torch

from autoseg3d_core.mask_makers.flatten import flatten, renumbered


def slow_flatten(masks):
    """Paint the largest first, as the published system does; of one size the earlier first."""
    picture = np.full(masks.shape[1:], -1)
    for number in sorted(range(len(masks)), key=lambda i: (-masks[i].sum(), i)):
        picture[masks[number]] = number
    return picture


@pytest.mark.parametrize("seed", range(8))
def test_the_smallest_mask_lies_on_top_as_when_painted_one_by_one(seed):
    rng = np.random.default_rng(seed)
    masks = rng.random((rng.integers(1, 30), 13, 17)) < rng.random((1, 1, 1))
    assert np.array_equal(flatten(torch.from_numpy(masks)).numpy(), slow_flatten(masks))


def test_masks_of_one_size_cover_earlier_ones():
    masks = torch.zeros(2, 2, 4, dtype=torch.bool)
    masks[0, :, :3], masks[1, :, 1:] = True, True
    assert flatten(masks).tolist() == [[0, 1, 1, 1]] * 2


def test_no_masks_give_an_empty_picture():
    assert (flatten(torch.zeros(0, 3, 4, dtype=torch.bool)) == -1).all()


def test_one_giant_mask_is_a_picture_of_one_mask():
    assert (flatten(torch.ones(1, 3, 4, dtype=torch.bool)) == 0).all()


def test_masks_that_do_not_show_are_left_out_of_the_numbering():
    index, shown = renumbered(torch.tensor([[-1, 4], [2, 4]]), 6)
    assert index.tolist() == [[-1, 1], [0, 1]]
    assert shown.tolist() == [2, 4]
