"""Rooms apart from training: whole things on the floor, of kinds and materials that no other style has."""

from itertools import combinations

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from autoseg3d_core.simulation.endless.connected import stands, touching
from autoseg3d_core.simulation.endless.draft import LABEL
from autoseg3d_core.simulation.endless.skins import any_material
from autoseg3d_core.simulation.other.style import FOR_TUNING, SCORED, style_of
from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.rooms import draw_house
from autoseg3d_core.simulation.rooms_layout import box_of, interpenetrate
from autoseg3d_core.simulation.styles import STYLES
from autoseg3d_core.simulation.textures_rare import RARE

KINDS = {"other": SCORED, "other-tuning": FOR_TUNING}
PICTURES = {"picture", "screen", "sky"}


def large_and_small(kinds):
    return (*kinds.at_walls, *kinds.free, *kinds.small)


def every(kinds):
    return (*large_and_small(kinds), *kinds.flat, kinds.lamp)


def made(make, kinds):
    return make(style_of(kinds).palette(np.random.default_rng(0)))


CASES = [(make, kinds) for kinds in KINDS.values() for make in every(kinds)]


@pytest.mark.parametrize(("make", "kinds"), CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_a_thing_holds_together_stands_and_has_its_back_at_the_wall(make, kinds):
    thing = made(make, kinds)
    pieces, _ = connected_components(touching(thing.parts), directed=False)
    assert pieces == 1, thing.part_names
    assert max(thing.size) < 2.3
    low, high = thing.bounds
    if make in large_and_small(kinds):
        assert abs(low[2]) < 1e-6
        assert stands(thing.parts)
    elif make in kinds.flat:
        assert -0.04 < low[1] < 0.01
    else:
        assert high[2] < 0
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
    draws = (np.random.default_rng((seed, 1)) for seed in range(3))
    return [draw_house(rng, 1, style=STYLES[request.param](rng)) for rng in draws]


def textures(house):
    parts = [*house.shell, *(part for t in house.things for part in t.thing.parts)]
    return {
        part.material.texture.rstrip("0123456789") for part in parts if part.name not in ("rug", "ceiling")
    }


@pytest.fixture(scope="module")
def trained_textures():
    """Return the textures of homes, and of whatever the grammar of nameless things draws."""
    found = set()
    for seed in range(3):
        found |= textures(draw_house(np.random.default_rng(seed), 2))
        p = Palette.draw(np.random.default_rng(seed))
        found |= {any_material(p).texture.rstrip("0123456789") for _ in range(200)}
    return found


def test_textures_are_those_that_no_training_scene_has(houses, trained_textures):
    assert len(trained_textures) > 10
    for house in houses:
        assert not (textures(house) & trained_textures) - PICTURES - {""}
        assert textures(house) & set(RARE)


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
