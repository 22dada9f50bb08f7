"""Voxels of a scene's cloud: means, and the instance with the most points."""

import numpy as np

from autoseg3d_core.geometry.scene_cloud import BATCH, Votes


def one(x, instance, grey):
    return Votes.of(np.array([[x, 0.0, 0.0]]), np.full((1, 3), grey, np.uint8), np.array([instance]), 0.02)


def test_a_voxel_belongs_to_the_instance_with_the_most_points():
    xyz, rgb, ids = Votes.gathered([one(0.001, 3, 10), one(0.003, 7, 20), one(0.005, 7, 40)]).winners()
    assert ids.tolist() == [7]
    assert np.allclose(xyz, [[0.004, 0, 0]])
    assert rgb.tolist() == [[30, 30, 30]]


def test_points_on_both_sides_of_the_origin_lie_in_different_voxels():
    assert len(Votes.gathered([one(-0.001, 1, 0), one(0.001, 1, 0)]).winners()[2]) == 2


def test_merging_in_batches_changes_no_sum():
    rng = np.random.default_rng(0)
    many = [one(float(rng.integers(5)) * 0.02 + 0.01, int(rng.integers(3)), 9) for _ in range(3 * BATCH + 5)]
    votes = Votes.gathered(many)
    assert votes.count.sum() == len(many)
    assert len(votes.voxel) <= 15


def test_no_points_are_no_voxels():
    none = Votes.of(np.zeros((0, 3)), np.zeros((0, 3), np.uint8), np.zeros(0, np.int64), 0.02)
    assert len(Votes.gathered([none]).winners()[0]) == 0
