"""Rooms apart from training: whole things on the floor, of kinds and materials that no other style has."""

from itertools import combinations

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from autoseg3d_core.simulation.endless.connected import stands, touching
from autoseg3d_core.simulation.endless.draft import LABEL
from autoseg3d_core.simulation.other.style import FOR_TUNING, SCORED, style_of
from autoseg3d_core.simulation.rooms import draw_house
from autoseg3d_core.simulation.rooms_layout import box_of, interpenetrate
from autoseg3d_core.simulation.styles import STYLES

KINDS = {"other": SCORED, "other-tuning": FOR_TUNING}
PICTURES = {"picture", "screen", "sky"}


def large_and_small(kinds):
    return (*kinds.at_walls, *kinds.free, *kinds.small)


def every(kinds):
    return (*large_and_small(kinds), *kinds.flat, kinds.lamp)


def made(make, kinds):
    return [make(style_of(kinds).palette(np.random.default_rng(seed))) for seed in range(2)]


CASES = [(make, kinds) for kinds in KINDS.values() for make in every(kinds)]


@pytest.mark.parametrize(("make", "kinds"), CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_a_thing_holds_together_stands_and_has_its_back_at_the_wall(make, kinds):
    for thing in made(make, kinds):
        pieces, _ = connected_components(touching(thing.parts), directed=False)
        assert pieces == 1, thing.part_names
        assert max(thing.size) < 2.3
        if make in large_and_small(kinds):
            assert abs(thing.bounds[0][2]) < 1e-6
            assert stands(thing.parts)
        elif make in kinds.flat:
            assert -0.04 < thing.bounds[0][1] < 0.01
        else:
            assert thing.bounds[1][2] < 0
        low, high = thing.bounds
        for surface in thing.surfaces:
            half = np.array(surface.size) / 2
            assert (surface.at[:2] + half < high[:2] + 0.02).all()
            assert (surface.at[:2] - half > low[:2] - 0.02).all()


def test_the_splits_share_no_kind_and_no_material():
    first, second = (set(every(kinds)) for kinds in KINDS.values())
    assert not first & second
    assert not ({f.__name__ for f in first} & {f.__name__ for f in second})
    assert len(SCORED.at_walls + SCORED.free + SCORED.small) > 30
    materials = [{*k.woods, *k.cloths, *k.walls, *k.floors} for k in KINDS.values()]
    assert not materials[0] & materials[1]


@pytest.fixture(scope="module", params=KINDS)
def houses(request):
    draws = (np.random.default_rng((seed, 1)) for seed in range(4))
    return [draw_house(rng, 1, style=STYLES[request.param](rng)) for rng in draws]


def textures(house):
    parts = [*house.shell, *(part for t in house.things for part in t.thing.parts)]
    return {
        part.material.texture.rstrip("0123456789") for part in parts if part.name not in ("rug", "ceiling")
    }


def test_textures_are_those_that_no_training_scene_has(houses):
    trained = set()
    for style in ("home", "endless", "mixed"):
        for seed in range(3):
            trained |= textures(
                draw_house(np.random.default_rng(seed), 1, style=STYLES[style](np.random.default_rng(seed)))
            )
    for house in houses:
        assert not (textures(house) & trained) - PICTURES - {""}


def test_all_things_are_without_a_class_and_none_meets_another(houses):
    for house in houses:
        assert {t.thing.label for t in house.things} == {LABEL}
        inside = [t for t in house.things if box_of(t)[0][1] > house.rooms[0].inner[0][1] + 0.02]
        assert not any(
            interpenetrate(a, b, 2e-3) for a, b in combinations(inside, 2) if "pane" not in a.thing.part_names
        )


def test_a_room_holds_many_things_of_many_kinds(houses):
    assert np.mean([len(house.things) for house in houses]) > 15
    for house in houses:
        assert len({t.thing.part_names for t in house.things}) > 8


def test_things_stand_on_the_floor_on_a_carrier_or_hang(houses):
    for house in houses:
        for placed in house.things:
            if placed.carrier >= 0:
                carrier = house.things[placed.carrier]
                tops = [carrier.at[2] + surface.at[2] for surface in carrier.thing.surfaces]
                assert min(abs(box_of(placed)[0][2] - top) for top in tops) < 2e-3
            elif placed.at[2] == 0:
                assert abs(box_of(placed)[0][2]) < 0.01
