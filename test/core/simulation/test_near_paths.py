"""Views from close: near a full surface, in free space, with most of it in sight."""

import numpy as np
import pytest

from autoseg3d_core.simulation.near_paths import FARTHEST_M, near_poses
from autoseg3d_core.simulation.parts import Material, Placed, Surface, Thing, box
from autoseg3d_core.simulation.rooms import House, draw_house
from autoseg3d_core.simulation.rooms_layout import box_of
from autoseg3d_core.simulation.rooms_plan import Room

WHITE = Material((1, 1, 1))


def table(at=(2.0, 2.0, 0.0)):
    top = box("top", (1.0, 0.6, 0.04), (0, 0, 0.72), WHITE)
    return Placed(Thing("table", (top,), (Surface((0, 0, 0.74), (1.0, 0.6), 1.0),)), np.array(at), 0.0, 0)


def house_of(*things):
    return House((Room(0, np.zeros(2), np.full(2, 4.0), "living", 2.6),), (), (), things)


@pytest.mark.parametrize("seed", range(4))
def test_the_camera_is_near_the_table_above_it_and_looks_at_it(seed):
    poses = near_poses(house_of(table()), np.random.default_rng(seed), 40, 5.0)
    eyes, ahead = poses[:, :3, 3], poses[:, :3, 2]
    nearest = np.abs(eyes[:, :2] - 2.0) - [0.5, 0.3]
    away = np.linalg.norm(np.column_stack([np.clip(nearest, 0, None), eyes[:, 2] - 0.74]), axis=1)
    assert away.max() < FARTHEST_M + 0.2
    assert (eyes[:, 2] > 0.74).all()
    steps = (0.78 - eyes[:, 2]) / ahead[:, 2]
    aims = eyes[:, :2] + steps[:, None] * ahead[:, :2]
    assert (np.abs(aims - 2.0) < [0.75, 0.55]).mean() > 0.95
    assert np.linalg.norm(np.diff(eyes, axis=0), axis=1).max() < 0.25


def test_where_nothing_can_be_seen_there_is_no_path():
    assert near_poses(house_of(), np.random.default_rng(0), 10, 5.0) is None
    lid = Placed(
        Thing("box", (box("lid", (3.9, 3.9, 1.7), (0, 0, 0.85), WHITE),)), np.array([2.0, 2.0, 0.78]), 0.0, 0
    )
    assert near_poses(house_of(table(), lid), np.random.default_rng(0), 10, 5.0) is None


def test_the_camera_touches_nothing_and_stays_in_the_room():
    found = 0
    for seed in range(6):
        house = draw_house(np.random.default_rng(seed), 1)
        poses = near_poses(house, np.random.default_rng(seed), 30, 5.0)
        if poses is None:
            continue
        found += 1
        eyes = poses[:, :3, 3]
        room = house.rooms[0]
        assert (eyes[:, :2] > room.inner[0]).all()
        assert (eyes[:, :2] < room.inner[1]).all()
        assert 0.1 < np.median(eyes[:, 2]) < 2.4
        boxes = [box_of(t) for t in house.things if t.thing.label == "cup"]
        for low, high in boxes:
            assert not ((eyes > low) & (eyes < high)).all(axis=1).any()
    assert found >= 4


def test_a_full_table_is_preferred():
    def cup(x):
        at = np.array([x, 3.0, 0.74])
        return Placed(Thing("cup", (box("cup", (0.06,) * 3, (0, 0, 0.03), WHITE),)), at, 0.0, 0, carrier=0)

    house = house_of(table((1.2, 3.0, 0)), table((2.8, 1.0, 0)), *(cup(0.9 + 0.1 * i) for i in range(6)))
    eyes = [
        near_poses(house, np.random.default_rng(seed), 5, 5.0)[:, :3, 3].mean(axis=0) for seed in range(12)
    ]
    assert np.mean([np.hypot(*(eye[:2] - [1.2, 3.0])) < 1.2 for eye in eyes]) > 0.6
