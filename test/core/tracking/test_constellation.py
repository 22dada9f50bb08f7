"""A map in another world: found where its objects stand as those that are seen, and nowhere else."""

import math

import numpy as np
import pytest

from autoseg3d_core.simulation.rooms import draw_house
from autoseg3d_core.simulation.sequence import SimulationConfig
from autoseg3d_core.simulation.styles import STYLES
from autoseg3d_core.tracking.constellation import ConstellationLimits, Landmarks, find_alignment


def room(seed=5002):
    """The things of a simulated room: middles, sizes, and a made-up colour for each."""
    random = np.random.default_rng(seed)
    config = SimulationConfig()
    style = STYLES["home"](np.random.default_rng(seed))
    house = draw_house(np.random.default_rng((seed, 0)), config.rooms, 1.0, 1.0, style)
    low = np.array([placed.vertices().min(axis=0) for placed in house.things])
    high = np.array([placed.vertices().max(axis=0) for placed in house.things])
    sizes = np.array([placed.thing.size for placed in house.things])
    return Landmarks((low + high) / 2, sizes, random.uniform(0, 0.7, (len(low), 6)))


def pose(yaw_deg, x, y, z, vertical=2):
    yaw = math.radians(yaw_deg)
    own = np.eye(4)
    own[:2, :2] = [[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]]
    own[:3, 3] = x, y, z
    order = np.eye(4)[[(vertical + 1) % 3, (vertical + 2) % 3, vertical, 3]]
    return order.T @ own @ order


def moved(landmarks, matrix, random, error_m=0.0, keep=None):
    keep = np.arange(len(landmarks)) if keep is None else keep
    middles = landmarks.middles[keep] @ matrix[:3, :3].T + matrix[:3, 3]
    sizes, looks = landmarks.sizes[keep], landmarks.looks[keep]
    return Landmarks(
        middles + random.normal(0, error_m, middles.shape) if error_m else middles,
        sizes * (1 + random.normal(0, 0.3 * error_m, sizes.shape)) if error_m else sizes,
        looks + random.normal(0, 0.3 * error_m, looks.shape) if error_m else looks,
    )


@pytest.mark.parametrize(
    ("yaw", "shift"), [(0, (0, 0, 0)), (35, (3.0, -2.0, 0.1)), (-170, (0.4, 12.0, -1.0))]
)
def test_a_simulated_room_seen_in_part_with_errors_from_another_start_is_found(yaw, shift):
    random, on_map, truth = np.random.default_rng(1), room(), pose(yaw, *shift)
    keep = random.permutation(len(on_map))[: len(on_map) // 2]
    found = find_alignment(on_map, moved(on_map, truth, random, 0.05, keep))
    assert found is not None
    between = np.linalg.inv(truth) @ found.world_from_map
    assert np.linalg.norm(between[:3, 3] + between[:3, :3] @ on_map.middles[0] - on_map.middles[0]) < 0.2
    assert math.degrees(abs(math.atan2(between[1, 0], between[0, 0]))) < 3
    right = keep[found.pairs[:, 1]] == found.pairs[:, 0]
    assert right.mean() > 0.85
    assert len(found.pairs) > 0.6 * len(keep)
    assert found.rival < len(found.pairs)
    assert found.off_m < 0.15


@pytest.mark.parametrize("vertical", [0, 1, 2])
def test_exact_objects_give_the_exact_transform_whatever_axis_is_vertical(vertical):
    random, on_map = np.random.default_rng(3), room(5003)
    order = [(i + 2 - vertical) % 3 for i in range(3)]  # what was along z lies along the vertical
    turned = Landmarks(on_map.middles[:, order], on_map.sizes[:, order], on_map.looks)
    truth = pose(50, 1.0, 2.0, 0.3, vertical)
    found = find_alignment(turned, moved(turned, truth, random), vertical)
    assert found is not None
    np.testing.assert_allclose(found.world_from_map, truth, atol=1e-9)
    assert len(found.pairs) == len(on_map)


def test_objects_that_were_put_elsewhere_since_or_are_new_are_not_matched():
    random, on_map, truth = np.random.default_rng(2), room(), pose(80, -4.0, 1.0, 0.0)
    seen = moved(on_map, truth, random)
    middles = seen.middles.copy()
    middles[:3] += [1.5, -0.8, 0.0]
    found = find_alignment(on_map, Landmarks(middles, seen.sizes, seen.looks))
    assert found is not None
    np.testing.assert_allclose(found.world_from_map, truth, atol=1e-6)
    assert not (found.pairs == np.arange(3)[:, None, None]).all(axis=2).any()


def test_too_few_objects_or_none_or_another_room_give_none():
    random, on_map, truth = np.random.default_rng(4), room(), pose(20, 1.0, 0.0, 0.0)
    few = np.arange(ConstellationLimits().least_objects - 1)
    nothing = moved(on_map, truth, random, keep=few[:0])
    assert find_alignment(on_map, moved(on_map, truth, random, keep=few)) is None
    assert find_alignment(on_map, nothing) is None
    assert find_alignment(nothing, on_map) is None
    assert find_alignment(on_map, room(5004)) is None


def test_rows_of_equal_chairs_that_fit_in_two_ways_give_none():
    """A square of four equal chairs fits in four ways, a row of equal ones seen in part at every place."""
    square = np.array([[0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0]], float)
    row = np.column_stack([np.arange(8.0), np.zeros(8), np.zeros(8)])
    for middles, seen in ((square, square), (row, row[2:7])):
        alike = [Landmarks(m, np.full((len(m), 3), 0.5), np.full((len(m), 6), 0.4)) for m in (middles, seen)]
        assert find_alignment(*alike) is None


def test_a_square_of_equal_chairs_is_found_by_what_else_stands_there():
    square = np.array([[0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0], [5, 1, 0], [1, 4, 0]], float)
    sizes = np.array([[0.5, 0.5, 0.9]] * 4 + [[0.6, 1.2, 2.0], [0.2, 0.2, 0.2]])
    on_map = Landmarks(square, sizes, np.full((6, 6), 0.4))
    truth = pose(90, 0.0, 0.0, 0.0)
    found = find_alignment(on_map, moved(on_map, truth, np.random.default_rng(0)))
    assert found is not None
    np.testing.assert_allclose(found.world_from_map, truth, atol=1e-9)
    assert found.rival == 4
