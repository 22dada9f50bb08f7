"""Rooms full of things without a name, or of these and known ones together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from autoseg3d_core.simulation.endless.flat import flat_thing
from autoseg3d_core.simulation.endless.grammar import furniture, small_thing
from autoseg3d_core.simulation.endless.skins import any_material
from autoseg3d_core.simulation.light import Light, draw_light
from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import Material, Surface, Thing
from autoseg3d_core.simulation.rooms_clutter import draw_clutter
from autoseg3d_core.simulation.rooms_groups import Attached, Group
from autoseg3d_core.simulation.rooms_plan import Room
from autoseg3d_core.simulation.rooms_recipes import groups_for
from autoseg3d_core.simulation.rooms_style import Style
from autoseg3d_core.simulation.rooms_walls import floor_material, wall_material

GAP_M = 0.002
TALLEST_M = 2.2


def draw_endless(rng: np.random.Generator) -> Style:
    """Return a style whose things have no name, but for doors and windows."""
    return mixed_style(rng, 1.0)


def draw_mixed(rng: np.random.Generator) -> Style:
    """Return a style that mixes nameless things and known ones, in shares of its own."""
    return mixed_style(rng, float(rng.uniform(0.3, 0.9)))


def mixed_style(rng: np.random.Generator, share: float) -> Style:
    """Return a style with this share of nameless things; how full its rooms are is drawn too."""
    fullness = float(np.exp(rng.normal(0.0, 0.6)))
    flat = float(rng.gamma(1.5, 0.5))

    def groups(p: Palette, room: Room) -> Iterator[Group]:
        known = list(groups_for(p, room.kind, room.area)) if share < 1.0 else []
        kept = [group for group in known if p.rng.random() > share]
        drawn = [*_floor_groups(p, room, share * fullness), *_wall_groups(p, room, share * flat), *kept]
        yield from (drawn[int(i)] for i in p.rng.permutation(len(drawn)))

    def clutter(p: Palette, carrier: Thing, surface: Surface) -> Thing:
        if p.rng.random() < share:
            return small_thing(p, surface.size, surface.headroom)
        return draw_clutter(p, carrier, surface)

    return Style(groups, clutter, _wall, _floor, _area, _light)


def _floor_groups(p: Palette, room: Room, fullness: float) -> Iterator[Group]:
    """Yield single things, rows of neighbours that touch, copies, and islands with things around them."""
    rng = p.rng
    for _ in range(int(np.clip(rng.poisson(room.area * 0.8 * fullness), 1, 60))):
        most = (2.2, 1.0, min(TALLEST_M, room.height - 0.2))
        thing = furniture(p, most)
        rule = str(rng.choice(["wall", "corner", "centre"], p=[0.5, 0.2, 0.3]))
        kind = rng.random()
        if kind < 0.2:
            yield _row(p, thing, most)
        elif kind < 0.3:
            yield _ring(p, thing)
        elif kind < 0.4:
            yield _pile(p, thing)
        else:
            yield Group(thing, rule)


def _row(p: Palette, first: Thing, most: tuple[float, float, float]) -> Group:
    """Return things side by side along a wall, some of them alike, with hardly a gap."""
    attached, x = [], float(first.bounds[1][0])
    gap = GAP_M if p.rng.random() < 0.6 else float(p.rng.uniform(0.01, 0.1))
    for _ in range(int(p.rng.integers(1, 4))):
        thing = first if p.rng.random() < 0.4 else furniture(p, most)
        low, high = thing.bounds
        y = float(first.bounds[0][1] - low[1])  # their backs in one plane
        attached.append(Attached(thing, (x + gap - float(low[0]), y, 0.0)))
        x += gap + float(high[0] - low[0])
    return Group(first, "wall", tuple(attached))


def _ring(p: Palette, middle: Thing) -> Group:
    """Return a thing with equal ones around it that face it."""
    other = furniture(p, (0.6, 0.6, 1.1))
    attached = []
    for turn in np.arange(int(p.rng.integers(2, 5))) * np.pi / 2:
        reach = abs(np.array([np.sin(turn), np.cos(turn)])) @ middle.size[:2] / 2 + other.size[1] / 2 + 0.03
        at = (float(np.sin(turn) * reach), float(-np.cos(turn) * reach), 0.0)
        attached.append(Attached(other, at, float(-turn + p.rng.normal(0, 0.1)), pull_m=0.06))
    return Group(middle, "centre", tuple(attached))


def _pile(p: Palette, lower: Thing) -> Group:
    """Return a thing with another one on its top, where it has a level one."""
    if not lower.surfaces:
        return Group(lower, "wall")
    top = max(lower.surfaces, key=lambda surface: surface.at[2])
    if min(top.size) < 0.2 or top.at[2] > 1.4:
        return Group(lower, "wall")
    upper = furniture(p, (0.9 * top.size[0], 0.9 * top.size[1], 0.9))
    return Group(lower, "wall", (Attached(upper, top.at, float(p.rng.normal(0, 0.1)), True),))


def _wall_groups(p: Palette, room: Room, flat: float) -> Iterator[Group]:
    """Yield flat things, single ones, and rows and blocks of equal or similar ones."""
    rng = p.rng
    for _ in range(int(np.clip(rng.poisson(np.sqrt(room.area) * 3 * flat), 0, 40))):
        thing = flat_thing(p)
        highest = max(room.height - float(thing.size[2]) - 0.1, 0.1)
        foot = float(np.clip(rng.normal(1.3, 0.4), 0.1, highest))
        attached = []
        if rng.random() < 0.3:
            gap = float(rng.choice([0.003, 0.02, 0.06]))
            for i in range(1, int(rng.integers(2, 5))):
                copy = thing if rng.random() < 0.5 else flat_thing(p)
                x = i * (float(thing.size[0]) + gap) + (float(copy.size[0]) - float(thing.size[0])) / 2
                y = float(thing.bounds[0][1] - copy.bounds[0][1])
                attached.append(Attached(copy, (x, y, 0.0)))
        yield Group(thing, "wall", tuple(attached), foot)


def _wall(p: Palette, room: Room) -> Material:
    if p.rng.random() < 0.6:
        return wall_material(p, room)
    return replace(any_material(p), repeat=float(p.rng.uniform(0.3, 1.5)), shine=0.0)


def _floor(p: Palette, room: Room) -> Material:
    if p.rng.random() < 0.6:
        return floor_material(p, room)
    return replace(any_material(p), repeat=float(p.rng.uniform(0.3, 1.5)))


def _area(rng: np.random.Generator, count: int) -> float:
    """Return areas from a closet's to a hall's."""
    return float(count * np.exp(rng.uniform(np.log(7), np.log(45))))


def _light(rng: np.random.Generator) -> Light:
    """Return lamps or daylight, or the hard light of the sun."""
    return draw_light(rng) if rng.random() < 0.6 else sunlight(rng)


def sunlight(rng: np.random.Generator) -> Light:
    """Return one strong warm light from afar with a cold, weaker one from all sides."""
    turn, drop = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 2.0)
    strength, cold = rng.uniform(0.55, 0.95), rng.uniform(0.0, 0.12)
    ambient = rng.uniform(0.25, 0.45)
    sun = (strength * (1 + cold / 2), strength, strength * (1 - cold))
    return Light(
        (ambient * (1 - cold), ambient, ambient * (1 + cold)),
        (0.05, 0.05, 0.05),
        ((float(np.cos(turn)), float(np.sin(turn)), -float(drop)), (0.0, 0.0, -1.0)),
        (sun, (0.12, 0.12, 0.12)),
    )
