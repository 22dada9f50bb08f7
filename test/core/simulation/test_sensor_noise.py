"""Each kind of sensor noise does what it says and nothing else."""

import numpy as np
import pytest

from autoseg3d_core.simulation import sensor_noise
from autoseg3d_core.structures import CameraIntrinsics

CAMERA = CameraIntrinsics(140.0, 140.0, 79.5, 59.5, 160, 120)
LIMITS = (0.3, 6.0)


def rng():
    return np.random.default_rng(0)


def wall(depth):
    return np.full((120, 160), depth, np.float32)


def grey(value=128):
    return np.full((120, 160, 3), value, np.uint8)


def step():
    depth = wall(1.0)
    depth[:, 80:] = 3.0
    return depth


def slanted(angle_deg):
    """Return the depth of a wall 2 m ahead, turned about the vertical by this angle."""
    u = (np.arange(160) - CAMERA.cx) / CAMERA.fx
    row = 2.0 / (1 + u * np.tan(np.radians(angle_deg)))
    return np.tile(row, (120, 1)).astype(np.float32)


def test_depth_noise_grows_with_the_square_of_the_depth():
    spread = [(sensor_noise.noisy_depth(wall(z), 0.002, 0.0, rng()) - z).std() for z in (1.0, 2.0, 4.0)]
    assert spread[0] == pytest.approx(0.002, rel=0.15)
    assert spread[1] / spread[0] == pytest.approx(4, rel=0.03)
    assert spread[2] / spread[1] == pytest.approx(4, rel=0.03)


def test_measured_depth_comes_in_steps_of_disparity():
    ramp = np.linspace(1, 4, 19200, dtype=np.float32).reshape(120, 160)
    steps = np.diff(np.unique(sensor_noise.noisy_depth(ramp, 0.0, 0.002, rng())))
    assert steps[0] == pytest.approx(0.002, rel=0.1)
    assert steps[-1] == pytest.approx(0.032, rel=0.1)


def test_depth_noise_leaves_unknown_depth_unknown():
    assert (sensor_noise.noisy_depth(wall(0.0), 0.1, 0.01, rng()) == 0).all()


def test_edges_lie_where_depth_jumps():
    edges = sensor_noise.edge_pixels(step())
    assert edges[:, 79:81].all()
    assert not edges[:, :77].any()
    assert not edges[:, 83:].any()


@pytest.mark.parametrize("angle", [0, 30, 50])
def test_a_slanted_wall_has_no_edges(angle):
    assert not sensor_noise.edge_pixels(slanted(angle)).any()


def test_holes_lie_only_along_edges():
    holes = sensor_noise.with_edge_holes(step(), rng()) == 0
    assert holes[:, 78:82].mean() > 0.4
    assert not holes[:, :74].any()
    assert not holes[:, 86:].any()


def test_the_cosine_of_a_slanted_wall_is_that_of_its_angle():
    for angle in (0, 30, 60):
        cosine = sensor_noise.cosine_to_view(slanted(angle), CAMERA)
        assert cosine[60, 80] == pytest.approx(np.cos(np.radians(angle)), abs=0.02)


def missing(depth, rgb=None, glass=None):
    none = np.zeros(depth.shape, bool)
    return sensor_noise.missing_pixels(
        depth, grey() if rgb is None else rgb, none if glass is None else glass, CAMERA, LIMITS, rng()
    )


def test_a_near_bright_wall_misses_nothing():
    assert missing(wall(2.0)).mean() < 0.02


@pytest.mark.parametrize("depth", [0.2, 6.5])
def test_what_is_out_of_range_is_missing(depth):
    assert missing(wall(depth)).all()


def test_grazing_dark_and_glass_surfaces_lose_depth():
    assert missing(slanted(-88)).mean() > 0.2
    assert 0.1 < missing(wall(2.0), grey(5)).mean() < 0.9
    assert missing(wall(2.0), glass=np.ones((120, 160), bool)).mean() > 0.5


def test_pose_jitter_is_small_and_rigid():
    poses = [sensor_noise.jittered_pose(np.eye(4), 0.003, 0.1, np.random.default_rng(i)) for i in range(300)]
    shift = np.array([pose[:3, 3] for pose in poses])
    assert shift.std() == pytest.approx(0.003, rel=0.1)
    assert all(np.allclose(p[:3, :3] @ p[:3, :3].T, np.eye(3)) for p in poses)


def test_colour_noise_has_grain_and_evens_the_exposure():
    dark, bright = (sensor_noise.noisy_color(grey(v), rng(), 1.0) for v in (60, 200))
    assert dark.std() > 1
    assert dark.mean() > 70
    assert bright.mean() < 190


def test_shading_darkens_corners_only():
    depth = np.minimum(step(), 3.0)
    shaded = sensor_noise.shaded(grey(), depth)
    assert (shaded[:, :60] == 128).all()
    assert (shaded[:, 82] < 128).all()
    assert (shaded[:, 150] == 128).all()
