"""The overlay paints masks in their tracks' colours and leaves the rest of the picture alone."""

import numpy as np

from autoseg3d_ros.overlay import overlay, track_colors


def test_masks_are_painted_and_the_rest_stays():
    random = np.random.default_rng(0)
    rgb = random.integers(0, 255, (6, 8, 3), dtype=np.uint8)
    ids = np.array([3, 9000])
    label_image = np.zeros((6, 8), np.int32)
    label_image[:2], label_image[4:] = 3, 9000
    painted = overlay(rgb, label_image, ids, 0.5)
    slow = rgb.astype(float)
    for track_id, color in zip(ids, track_colors(ids), strict=True):
        hit = label_image == track_id
        slow[hit] = 0.5 * slow[hit] + 0.5 * color
    assert np.array_equal(painted[2:4], rgb[2:4])
    assert np.abs(painted - slow).max() <= 1.5


def test_full_opacity_hides_the_image_without_overflow():
    rgb = np.full((4, 4, 3), 255, np.uint8)
    painted = overlay(rgb, np.full((4, 4), 7, np.int32), np.array([7]), 1.0)
    assert np.array_equal(painted[0, 0], track_colors(np.array([7]))[0])


def test_a_track_has_one_color_for_life_and_neighbours_differ():
    colors = track_colors(np.arange(1, 9))
    assert np.array_equal(colors, track_colors(np.arange(1, 9)))
    assert len(np.unique(colors, axis=0)) == 8
