"""Faults of cameras: rows that come late, blur, depth beside colour, poses that drift."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from autoseg3d_core.simulation.camera_faults import (
    Faults,
    draw_faults,
    drift_at,
    exposed,
    misregistered,
    turning_rate,
)
from autoseg3d_core.structures import CameraIntrinsics

CAMERA = CameraIntrinsics(140.0, 140.0, 80.0, 60.0, 161, 121)
SHAPE = (121, 161)
RIGHT = np.array([0.0, 1.0, 0.0])
"""Turning about y (down) looks to the right."""


def line(at=80):
    image = np.zeros((*SHAPE, 3), np.uint8)
    image[:, at] = 255
    return image


def middle_of(row):
    return (row[:, 0] @ np.arange(len(row))) / row[:, 0].sum()


def test_a_still_camera_and_one_without_faults_give_the_image_as_it_is():
    assert exposed(line(), CAMERA, np.zeros(3), 0.03, 0.03) is not None
    assert (exposed(line(), CAMERA, np.zeros(3), 0.03, 0.03) == line()).all()
    assert (exposed(line(), CAMERA, RIGHT, 0.0, 0.0) == line()).all()


def test_late_rows_show_a_line_farther_left_when_the_camera_turns_right():
    image = exposed(line(), CAMERA, 1.0 * RIGHT, 0.1, 0.0)
    assert middle_of(image[60]) == pytest.approx(80, abs=0.01)
    assert middle_of(image[120]) == pytest.approx(80 - 140 * np.tan(0.05), abs=0.1)
    assert middle_of(image[0]) == pytest.approx(80 + 140 * np.tan(0.05), abs=0.1)


def test_blur_spreads_a_line_over_what_the_camera_turns_meanwhile():
    image = exposed(line(), CAMERA, 1.0 * RIGHT, 0.0, 0.04)
    lit = np.flatnonzero(image[60, :, 0])
    assert lit.max() - lit.min() == pytest.approx(140 * np.tan(0.04), abs=2)
    assert middle_of(image[60]) == pytest.approx(80, abs=0.3)
    assert image[60].max() < 130


def test_the_turning_rate_is_that_of_the_path():
    path = np.tile(np.eye(4), (20, 1, 1))
    for i in range(20):
        path[i, :3, :3] = Rotation.from_rotvec(0.03 * i * RIGHT).as_matrix()
    for index in (0, 7, 19):
        assert turning_rate(path, index, 10.0) == pytest.approx(0.3 * RIGHT, abs=1e-9)
    assert (turning_rate(path[:1], 0, 10.0) == 0).all()


def test_a_shifted_depth_camera_moves_what_is_near_more_than_what_is_far():
    faults = Faults(offset_m=(0.05, 0.0, 0.0))
    for z in (1.0, 2.0):
        depth = np.full(SHAPE, 6.0, np.float32)
        depth[40:80, 70:90] = z
        moved = np.flatnonzero(misregistered(depth, CAMERA, faults)[60] == z)
        assert moved.min() - 70 == pytest.approx(140 * 0.05 / z, abs=1)
    depth = np.full(SHAPE, 2.0, np.float32)
    assert misregistered(depth, CAMERA, Faults()) is depth


def test_a_turned_depth_camera_moves_all_alike():
    depth = np.full(SHAPE, 6.0, np.float32)
    depth[40:80, 70:90] = 1.5
    moved = misregistered(depth, CAMERA, Faults(turn_deg=(0.0, 2.0, 0.0)))
    assert np.flatnonzero(moved[60] == 1.5).min() - 70 == pytest.approx(140 * np.radians(2.0), abs=1)
    lower = misregistered(depth, CAMERA, Faults(turn_deg=(-2.0, 0.0, 0.0)))
    assert np.flatnonzero(lower[:, 80] == 1.5).min() - 40 == pytest.approx(140 * np.radians(2.0), abs=1)


def test_drift_is_smooth_and_as_large_as_it_says():
    errors = []
    for walk in range(300):
        first, soon = (drift_at(t, 0.02, 1.0, np.random.default_rng(walk)) for t in (3.0, 3.1))
        assert np.linalg.norm(first[:3, 3] - soon[:3, 3]) < 0.012
        errors.append([*first[:3, 3], *np.degrees(Rotation.from_matrix(first[:3, :3]).as_rotvec())])
    assert np.std(errors, axis=0)[:3] == pytest.approx([0.02] * 3, rel=0.15)
    assert np.std(errors, axis=0)[3:] == pytest.approx([1.0] * 3, rel=0.15)


def test_half_of_all_cameras_lack_each_fault():
    drawn = [draw_faults(np.random.default_rng(seed)) for seed in range(200)]
    for name in ("readout_s", "exposure_s", "drift_m"):
        assert 0.35 < np.mean([getattr(faults, name) > 0 for faults in drawn]) < 0.65
    assert 0.35 < np.mean([any(faults.offset_m) for faults in drawn]) < 0.65
