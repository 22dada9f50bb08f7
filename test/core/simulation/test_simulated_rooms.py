"""Furnished houses: nothing meets anything, every room can be reached, things are made of parts."""

import hashlib
from itertools import combinations

import numpy as np
import pytest

from autoseg3d_core.datasets.label_names import SCANNET
from autoseg3d_core.simulation import (
    furniture_screens,
    furniture_seats,
    furniture_small,
    furniture_storage,
    furniture_tables,
    furniture_walls,
    furniture_wet,
)
from autoseg3d_core.simulation.camera_paths import camera_path
from autoseg3d_core.simulation.labels import LABEL_NAMES, LABEL_OF
from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import Material, Placed, Thing, box
from autoseg3d_core.simulation.rooms import draw_house
from autoseg3d_core.simulation.rooms_layout import box_of, interpenetrate
from autoseg3d_core.simulation.textures import KINDS, texture
from autoseg3d_core.simulation.walk_map import WalkMap

SEEDS = range(6)
FIXED = ("door", "window", "curtain")
"""They are built in, so that doors may touch trims, and curtains hang before windows."""


@pytest.fixture(scope="module")
def houses():
    return [draw_house(np.random.default_rng(seed), 1 + seed % 3) for seed in SEEDS]


def furniture_of(house):
    return [t for t in house.things if t.thing.label not in FIXED]


def cube(at, yaw=0.0, side=1.0):
    return Placed(
        Thing("box", (box("body", (side,) * 3, (0, 0, side / 2), Material((1, 1, 1))),)), np.array(at), yaw
    )


def test_boxes_interpenetrate_exactly_when_they_overlap():
    assert interpenetrate(cube((0, 0, 0.0)), cube((0.9, 0, 0)))
    assert not interpenetrate(cube((0, 0, 0.0)), cube((1.001, 0, 0)))
    assert interpenetrate(cube((0, 0, 0.0)), cube((1.1, 0, 0), np.pi / 4))
    assert not interpenetrate(cube((0, 0, 0.0)), cube((1.1, 1.1, 0), np.pi / 4))
    assert not interpenetrate(cube((0, 0, 0.0)), cube((0, 0, 1.0)))


def test_no_two_things_interpenetrate(houses):
    for house in houses:
        for a, b in combinations(furniture_of(house), 2):
            assert not interpenetrate(a, b, 2e-3), (a.thing.label, b.thing.label)


def test_things_lie_between_floor_ceiling_and_walls(houses):
    for house in houses:
        for placed in furniture_of(house):
            low, high = box_of(placed)
            room = house.rooms[placed.room]
            assert low[2] > -0.02
            assert high[2] < room.height + 0.01
            assert (low[:2] > room.inner[0] - 0.01).all()
            assert (high[:2] < room.inner[1] + 0.01).all()


def test_what_is_carried_stands_on_its_carrier(houses):
    carried = [
        (house, t) for house in houses for t in house.things if t.carrier >= 0 and t.thing.label == "cup"
    ]
    assert carried
    for house, placed in carried:
        carrier = house.things[placed.carrier]
        tops = [carrier.at[2] + surface.at[2] for surface in carrier.thing.surfaces]
        assert min(abs(placed.at[2] - top) for top in tops) < 2e-3


def test_one_can_walk_into_every_room():
    for seed in SEEDS:
        house = draw_house(np.random.default_rng(seed), 5)
        floor = WalkMap(house)
        assert all(len(floor.places_in(*room.inner)) for room in house.rooms), seed


def test_a_house_of_ten_rooms_is_furnished():
    house = draw_house(np.random.default_rng(0), 10)
    assert len(house.rooms) == 10
    assert len(house.things) > 100


def test_the_same_generator_draws_the_same_house():
    first, second = (draw_house(np.random.default_rng(3), 2) for _ in range(2))
    assert [t.thing.parts for t in first.things] == [t.thing.parts for t in second.things]
    assert all((a.at == b.at).all() for a, b in zip(first.things, second.things, strict=True))


def test_houses_differ_between_seeds(houses):
    assert len({len(house.things) for house in houses}) > 3


def test_without_furniture_and_clutter_only_the_building_is_left():
    house = draw_house(np.random.default_rng(1), 1, furniture=0.0, clutter=0.0)
    assert {t.thing.label for t in house.things} <= set(FIXED)


def test_a_chair_has_a_seat_a_back_and_four_legs():
    names = furniture_seats.chair(Palette.draw(np.random.default_rng(0))).part_names
    assert {"seat", "back", "leg0", "leg1", "leg2", "leg3"} <= set(names)


FACTORIES = [
    function
    for module in (
        furniture_seats,
        furniture_screens,
        furniture_small,
        furniture_storage,
        furniture_tables,
        furniture_wet,
        furniture_walls,
    )
    for name, function in vars(module).items()
    if getattr(function, "__module__", "") == module.__name__
    and not name.startswith("_")
    and function.__annotations__.get("return") == "Thing"
    and function.__code__.co_argcount - len(function.__defaults__ or ()) == 1
]


@pytest.mark.parametrize("make", FACTORIES, ids=lambda f: f.__name__)
def test_a_thing_has_a_known_label_a_plausible_size_and_surfaces_within(make):
    for seed in range(4):
        thing = make(Palette.draw(np.random.default_rng(seed)))
        assert thing.label in LABEL_OF
        assert (thing.size > 0.005).all()
        assert (thing.size < 2.6).all()
        low, high = thing.bounds
        for surface in thing.surfaces:
            half = np.array(surface.size) / 2
            assert (surface.at[:2] + half < high[:2] + 0.02).all()
            assert (surface.at[:2] - half > low[:2] - 0.02).all()
            assert surface.at[2] < high[2] + 0.01


def test_labels_begin_with_the_classes_of_scannet():
    assert len(SCANNET) == 18
    assert LABEL_NAMES[:18] == SCANNET
    assert len(set(LABEL_NAMES)) == len(LABEL_NAMES)


@pytest.mark.parametrize("kind", KINDS)
def test_a_texture_is_an_image_that_depends_on_its_seed(kind):
    images = [texture(f"{kind}0", seed) for seed in (0, 0, 1)]
    assert images[0].dtype == np.uint8
    assert images[0].shape[2] == 3
    assert (images[0] == images[1]).all()
    assert (images[0] != images[2]).any()


def rounded(*values):
    return tuple(round(value, 5) + 0.0 for value in values)


def digest(seed, rooms):
    """Return a checksum of a house and of a walk through it."""
    house = draw_house(np.random.default_rng((seed, 0)), rooms)
    rows = [(None, (0, 0, 0), 0.0, part) for part in house.shell]
    rows += [(t.thing.label, t.at.tolist(), t.yaw, part) for t in house.things for part in t.thing.parts]
    path = camera_path(house, np.random.default_rng((seed, 1)), 30, 5.0).ravel().tolist()
    words = [
        ((label, part.name, part.shape, part.material.texture), rounded(*at, yaw, *part.size, *part.at))
        for label, at, yaw, part in rows
    ]
    words += [rounded(*part.turn, *part.material.rgb) for _, _, _, part in rows]
    return hashlib.sha256(repr((words, list(rounded(*path)))).encode()).hexdigest()[:16]


HOMES = [
    (0, 1, "b96b540ad0c941c1"),
    (5000, 2, "ecf2090907208645"),
    (10000, 1, "6675d326d4dba060"),
    (10007, 3, "247bebb57378c4fc"),
]


@pytest.mark.parametrize(("seed", "rooms", "expected"), HOMES)
def test_homes_stay_as_they_were_so_that_their_scores_can_be_compared(seed, rooms, expected):
    assert digest(seed, rooms) == expected
