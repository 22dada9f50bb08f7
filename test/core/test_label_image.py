import numpy as np
import pytest

from autoseg3d_core.label_image import NEAR_PX, paint_labels


def halves():
    """Two masks side by side in an image of 32 x 64, and a strip below on no mask."""
    masks = np.zeros((32, 64), np.int32)
    masks[:, 32:], masks[24:] = 1, -1
    return masks


def all_pixels(masks):
    return np.arange(masks.size)


def test_instances_that_are_whole_masks_give_the_masks():
    masks = halves()
    ids = np.array([7, 9])
    pixel = all_pixels(masks)[::5]
    points = np.append(ids, 0)[masks].ravel()[pixel]
    assert np.array_equal(paint_labels(masks, ids, pixel, points), np.append(ids, 0)[masks])


def test_an_instance_may_cut_a_mask_and_reach_beyond_all():
    masks = halves()
    truth = np.where(np.arange(64) < 16, 3, 4) * np.ones((32, 1), int)
    for every, most_wrong in ((1, 0.0), (3, 0.03)):
        pixel = all_pixels(masks)[::every]
        found = paint_labels(masks, np.array([4, 4]), pixel, truth.ravel()[pixel])
        assert (found != truth).mean() <= most_wrong


def test_a_few_strange_points_make_no_speckle_and_no_hole():
    masks = np.zeros((16, 16), np.int32)
    masks[:, 5:] = 1
    pixel = all_pixels(masks)
    points = np.where(masks.ravel() == 0, 2, 6)
    points[::17] = 6
    assert np.array_equal(paint_labels(masks, np.array([2, 6]), pixel, points), np.where(masks == 0, 2, 6))


def test_points_do_not_speak_for_another_mask():
    masks = np.zeros((40, 40), np.int32)
    masks[:, 20:] = 1
    pixel = np.array([20 * 40 + 19, 20 * 40 + 39])  # both masks are split, their points right of the middle
    found = paint_labels(masks, np.array([5, 6]), pixel, np.array([8, 9]))
    assert (found[20, 10:20] == 8).all()
    assert (found[20, 20:29] == 6).all()


def test_far_from_any_point_a_pixel_has_the_id_of_its_mask():
    masks = np.zeros((64, 64), np.int32)
    found = paint_labels(masks, np.array([5]), np.array([0, 1, 2]), np.array([8, 8, 5]))
    away = int(NEAR_PX)
    assert (found[: away // 2, 1] == 8).all()
    assert (found[away + 2 :] == 5).all()


@pytest.mark.parametrize("count", [0, 1])
def test_no_points_or_masks_are_no_error(count):
    masks = np.full((10, 13), -1, np.int32)
    found = paint_labels(masks, np.zeros(0, np.int64), np.zeros(count, np.int64), np.full(count, 4))
    assert found.shape == (10, 13)
    assert set(np.unique(found)) == ({0} if count == 0 else {0, 4})
