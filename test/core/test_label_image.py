import cv2
import numpy as np
import pytest

from autoseg3d_core.label_image import NEAR_PX, SPLIT_SHARE, paint_labels


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


def painted_everywhere(masks, mask_ids, pixel, point_ids):
    """What `paint_labels` says, from distances over the whole image and a walk over all its pixels."""
    paint = {index: int(value) for index, value in enumerate(mask_ids)} | {-1: 0}
    of_point = masks.ravel()[pixel]
    split = {-1}
    for mask in range(len(mask_ids)):
        own = point_ids[of_point == mask]
        if (own != paint[mask]).sum() > SPLIT_SHARE * len(own):
            split.add(mask)
    speaks = np.isin(of_point, list(split))
    empty = np.ones(masks.shape, np.uint8)
    empty.ravel()[pixel[speaks]] = 0
    away, number = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    point_of = {int(number.ravel()[at]): at for at in pixel[speaks]}
    id_at = dict(zip(pixel.tolist(), point_ids.tolist(), strict=True))
    result = np.zeros_like(masks)
    for place, mask in enumerate(masks.ravel()):
        nearest = point_of[int(number.ravel()[place])]
        speak = mask in split and away.ravel()[place] <= NEAR_PX and masks.ravel()[nearest] == mask
        result.ravel()[place] = id_at[int(nearest)] if speak else paint[int(mask)]
    return result


@pytest.mark.parametrize("seed", range(8))
def test_looking_only_near_strange_points_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    masks = np.kron(rng.integers(-1, 5, (3, 4)), np.ones((20, 22), int)).astype(np.int32)
    masks[:20, 66:] = -1
    mask_ids = rng.integers(0, 4, 5)
    pixel = np.sort(rng.choice(masks.size, 150, replace=False))
    ids = np.append(mask_ids, 0)[masks.ravel()[pixel]]
    corner = (pixel // masks.shape[1] < 30) & (pixel % masks.shape[1] > 40)
    strange = corner & (rng.random(len(pixel)) < 0.4)
    ids[strange] = rng.integers(5, 8, int(strange.sum()))
    found = paint_labels(masks, mask_ids, pixel, ids)
    assert np.array_equal(found, painted_everywhere(masks, mask_ids, pixel, ids))
    assert len(np.setdiff1d(found, mask_ids)) > 0
