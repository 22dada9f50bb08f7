"""Walks: smooth, at eye height, through nothing, and back again."""

import math

import numpy as np
import pytest

from autoseg3d_core.simulation.camera_paths import camera_path
from autoseg3d_core.simulation.motions import draw_motions, in_sight
from autoseg3d_core.simulation.rooms import draw_house
from autoseg3d_core.simulation.rooms_layout import box_of
from autoseg3d_core.simulation.walk_map import WalkMap
from autoseg3d_core.structures import CameraIntrinsics

RATE_HZ = 10.0
CAMERA = CameraIntrinsics(85.0, 85.0, 47.5, 35.5, 96, 72)


@pytest.fixture(scope="module")
def walks():
    found = []
    for seed in range(5):
        house = draw_house(np.random.default_rng(seed), 1 + seed)
        found.append((house, camera_path(house, np.random.default_rng(seed), 400, RATE_HZ)))
    return found


def test_poses_are_rigid(walks):
    for _, path in walks:
        rotation = path[:, :3, :3]
        assert np.allclose(rotation @ rotation.transpose(0, 2, 1), np.eye(3), atol=1e-9)
        assert np.allclose(np.linalg.det(rotation), 1)


def test_the_camera_is_held_upright_at_eye_height(walks):
    for _, path in walks:
        assert ((path[:, 2, 3] >= 1.2) & (path[:, 2, 3] <= 1.7)).all()
        assert (path[:, 2, 1] < -0.5).all()  # down in the image is down in the world


def test_the_camera_moves_smoothly(walks):
    for _, path in walks:
        speed = np.linalg.norm(np.diff(path[:, :3, 3], axis=0), axis=1) * RATE_HZ
        cosine = np.einsum("nij,nij->n", path[1:, :3, :3], path[:-1, :3, :3]) / 2 - 0.5
        turn = np.degrees(np.arccos(np.clip(cosine, -1, 1))) * RATE_HZ
        assert speed.max() < 1.5
        assert np.percentile(turn, 95) < 100
        assert turn.max() < 180


def test_the_camera_is_never_inside_a_thing_or_a_wall(walks):
    for house, path in walks:
        floor = WalkMap(house)
        assert floor.clearance_at(path[:, :2, 3]).min() > 0.08
        for placed in house.things:
            low, high = box_of(placed)
            inside = ((path[:, :3, 3] > low) & (path[:, :3, 3] < high)).all(axis=1)
            local = (path[inside, :3, 3] - placed.at) @ placed.pose[:3, :3]
            centers, halves = placed.thing.part_boxes
            assert not (np.abs(local[:, None] - centers) < halves).all(axis=2).any(), placed.thing.label


def test_a_long_walk_leaves_rooms_and_comes_back():
    house = draw_house(np.random.default_rng(1), 4)
    path = camera_path(house, np.random.default_rng(1), 1500, RATE_HZ)
    room = np.full(len(path), -1)
    for r in house.rooms:
        room[((path[:, :2, 3] > r.low) & (path[:, :2, 3] < r.high)).all(axis=1)] = r.index
    visits = room[np.flatnonzero(np.concatenate([[True], np.diff(room) != 0]))]
    assert set(visits) == {0, 1, 2, 3}
    assert max(np.bincount(visits)) > 1


@pytest.mark.parametrize("seed", [0, 1])
def test_two_thousand_frames_lead_through_ten_rooms_or_nearly_all(seed):
    house = draw_house(np.random.default_rng(seed), 10)
    eyes = camera_path(house, np.random.default_rng(seed), 2000, RATE_HZ)[:, :2, 3]
    assert sum(((eyes > r.low) & (eyes < r.high)).all(axis=1).any() for r in house.rooms) >= 9


def test_things_are_seen_left_and_seen_again():
    returns = 0
    for seed in range(4):
        house = draw_house(np.random.default_rng(seed), 1)
        path = camera_path(house, np.random.default_rng(seed), 150, RATE_HZ)
        floor = WalkMap(house)
        for placed in house.things:
            edges = np.diff(in_sight(placed, path, CAMERA, floor).astype(int))
            returns += (edges > 0).sum() > 1
    assert returns > 10


def test_one_frame_is_a_walk_too():
    house = draw_house(np.random.default_rng(0), 1)
    assert camera_path(house, np.random.default_rng(0), 1, RATE_HZ).shape == (1, 4, 4)


@pytest.mark.parametrize("may_be_seen", [False, True])
def test_things_move_to_free_places_after_they_were_seen(may_be_seen):
    motions = []
    for seed in range(5):
        house = draw_house(np.random.default_rng(seed), 1)
        path = camera_path(house, np.random.default_rng(seed), 300, RATE_HZ)
        rng = np.random.default_rng(seed)
        floor = WalkMap(house)
        for motion in draw_motions(house, path, CAMERA, rng, 1.0, RATE_HZ, may_be_seen):
            seen = in_sight(motion.before, path, CAMERA, floor)
            assert seen[: motion.start + 1].any()
            if motion.start == motion.end:
                assert not seen[motion.start]
            distance = np.linalg.norm(motion.after.at - motion.before.at)
            assert 0.3 < distance < 1.7
            assert np.allclose(motion.pose_at(0), motion.before.pose)
            assert np.allclose(motion.pose_at(299), motion.after.pose)
            motions.append(motion)
    assert len(motions) > 3
    assert any(m.end > m.start for m in motions) == may_be_seen


def test_a_sliding_thing_passes_between_its_places():
    house = draw_house(np.random.default_rng(0), 1)
    path = camera_path(house, np.random.default_rng(0), 300, RATE_HZ)
    motions = draw_motions(house, path, CAMERA, np.random.default_rng(2), 1.0, RATE_HZ, True)
    sliding = [m for m in motions if m.end > m.start]
    for motion in sliding:
        middle = motion.placed_at((motion.start + motion.end) // 2).at
        total = np.linalg.norm(motion.after.at - motion.before.at)
        assert math.isclose(
            np.linalg.norm(middle - motion.before.at) + np.linalg.norm(motion.after.at - middle), total
        )


def test_the_camera_of_a_robot_keeps_its_height_and_nearly_its_tilt():
    house = draw_house(np.random.default_rng(0), 1)
    path = camera_path(house, np.random.default_rng(0), 100, RATE_HZ, "robot")
    assert np.ptp(path[:, 2, 3]) == 0
    assert 0.7 <= path[0, 2, 3] <= 1.15
    pitch = np.arcsin(path[:, 2, 2])
    assert np.degrees(np.ptp(pitch)) < 3
    assert np.degrees(np.ptp(np.unwrap(np.arctan2(path[:, 1, 2], path[:, 0, 2])))) > 45
