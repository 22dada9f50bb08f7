"""Rooms apart from training: to be scored ("other"), and to choose settings on ("other-tuning")."""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from autoseg3d_core.simulation.light import Light
from autoseg3d_core.simulation.other import handy, hanging, household, leisure, tuning
from autoseg3d_core.simulation.palette import Palette, colour
from autoseg3d_core.simulation.parts import Material, Surface, Thing, Triple
from autoseg3d_core.simulation.rooms_groups import Group
from autoseg3d_core.simulation.rooms_plan import Room
from autoseg3d_core.simulation.rooms_style import Style
from autoseg3d_core.simulation.rooms_walls import Fittings

Factory = Callable[[Palette], Thing]


@dataclass(frozen=True)
class Kinds:
    """Everything that rooms of one split are made of; splits share none of it."""

    at_walls: tuple[Factory, ...]
    free: tuple[Factory, ...]
    small: tuple[Factory, ...]
    flat: tuple[Factory, ...]
    lamp: Factory
    woods: tuple[str, ...]
    cloths: tuple[str, ...]
    walls: tuple[str, ...]
    floors: tuple[str, ...]


SCORED = Kinds(
    at_walls=(
        household.piano,
        household.bunk_bed,
        household.tall_clock,
        household.fish_tank,
        household.fireplace,
        household.wood_stove,
        leisure.workbench,
        leisure.treadmill,
        household.bar_cart,
        leisure.coat_stand,
    ),
    free=(
        household.rocking_chair,
        household.tiered_stand,
        household.folding_screen,
        household.chaise,
        household.hanging_chair,
        leisure.exercise_bike,
        leisure.pram,
        leisure.step_ladder,
        leisure.washing_rack,
        leisure.telescope,
        leisure.drums,
        leisure.easel,
    ),
    small=(
        handy.teapot,
        handy.toolbox,
        handy.helmet,
        handy.toy_car,
        handy.globe,
        handy.candlestick,
        handy.watering_can,
        handy.desk_fan,
        handy.typewriter,
        handy.tankard,
        handy.headphones,
        handy.binoculars,
        handy.hourglass,
        handy.loaf,
        handy.toy_robot,
    ),
    flat=(
        hanging.cuckoo_clock,
        hanging.sconce,
        hanging.dartboard,
        hanging.extinguisher,
        hanging.tapestry,
        hanging.shield,
        hanging.hat_rack,
    ),
    lamp=hanging.chandelier,
    woods=("burl", "patina"),
    cloths=("plaid", "herringbone"),
    walls=("patina", "plaid"),
    floors=("herringbone", "hexagons"),
)
FOR_TUNING = Kinds(
    at_walls=(
        tuning.shoe_rack,
        tuning.barrel,
        tuning.kennel,
        tuning.water_dispenser,
        tuning.guitar,
        tuning.camp_bed,
    ),
    free=(tuning.wheelbarrow, tuning.cable_drum, tuning.punching_bag, tuning.deck_chair, tuning.lectern),
    small=(tuning.camera, tuning.trophy, tuning.dumbbell, tuning.radio, tuning.rubber_duck, tuning.lantern),
    flat=(tuning.wreath, tuning.wall_phone, tuning.oar),
    lamp=tuning.paper_lamp,
    woods=("cane", "scales"),
    cloths=("knit", "scales"),
    walls=("scales", "cane"),
    floors=("terrazzo", "cane"),
)
FITTINGS = Fittings(hanging.lattice_window, hanging.blind, hanging.plank_door)
LARGE_PER_M2, FLAT_PER_M = 0.7, 0.4
ON_THE_FLOOR = 0.25
"""Share of places on the floor that a small thing takes."""


def draw_other(rng: np.random.Generator) -> Style:
    """Return the style of the rooms that are scored."""
    return style_of(SCORED)


def draw_other_tuning(rng: np.random.Generator) -> Style:
    """Return the style of the rooms to choose settings on."""
    return style_of(FOR_TUNING)


def style_of(kinds: Kinds) -> Style:
    """Return a style that holds these kinds and no others."""

    def groups(p: Palette, room: Room) -> Iterator[Group]:
        yield from _groups(p, room, kinds)

    def clutter(p: Palette, carrier: Thing, surface: Surface) -> Thing:
        return _any(p, kinds.small)(p)

    def wall(p: Palette, room: Room) -> Material:
        texture = str(p.rng.choice(["", *kinds.walls], p=[0.5, 0.25, 0.25]))
        name = f"{texture}{p.rng.integers(2)}" if texture else ""
        return Material(colour(p.rng, (0.0, 0.3), (0.6, 1.0)), name, 0.0, repeat=p.rng.uniform(0.4, 1.2))

    def floor(p: Palette, room: Room) -> Material:
        name = f"{p.rng.choice(kinds.floors)}{p.rng.integers(2)}"
        return Material(colour(p.rng, (0.0, 0.4), (0.4, 0.95)), name, 0.3, repeat=p.rng.uniform(0.6, 1.4))

    def palette(rng: np.random.Generator) -> Palette:
        return _palette(rng, kinds)

    return Style(groups, clutter, wall, floor, _area, _light, palette, FITTINGS)


def _groups(p: Palette, room: Room, kinds: Kinds) -> Iterator[Group]:
    """Yield large things and what hangs, no kind again before all came; then small ones on the floor."""
    rng, placed = p.rng, []
    deck = [(make, "wall") for make in kinds.at_walls] + [(make, "centre") for make in kinds.free]
    for i in range(int(np.clip(rng.poisson(room.area * LARGE_PER_M2), 5, 18))):
        if i % len(deck) == 0:
            order = rng.permutation(len(deck))
        make, rule = deck[int(order[i % len(deck)])]
        placed.append(Group(make(p), "corner" if rng.random() < 0.2 else rule))
    around = 2 * float((room.high - room.low).sum())
    for _ in range(int(np.clip(rng.poisson(around * FLAT_PER_M), 2, 9))):
        placed.append(Group(_any(p, kinds.flat)(p), "wall", foot=float(rng.uniform(1.0, 1.6))))
    yield from (placed[int(i)] for i in rng.permutation(len(placed)))
    for _ in range(int(rng.binomial(8, ON_THE_FLOOR))):
        yield Group(_any(p, kinds.small)(p), str(rng.choice(["wall", "centre"])))
    if rng.random() < 0.6:
        yield Group(kinds.lamp(p), "ceiling")


def _any(p: Palette, makes: tuple[Factory, ...]) -> Factory:
    return makes[int(p.rng.integers(len(makes)))]


def _palette(rng: np.random.Generator, kinds: Kinds) -> Palette:
    """Return stained woods, strong colours and coloured metals."""
    drawn = Palette.draw(rng)
    woods = [Material(_stain(rng), f"{rng.choice(kinds.woods)}{i}", 0.3) for i in range(3)]
    cloths = [
        Material(colour(rng, (0.0, 0.7), (0.4, 1.0)), f"{rng.choice(kinds.cloths)}{i}", 0.0) for i in range(4)
    ]
    paints = [Material(colour(rng, (0.1, 0.6), (0.35, 0.9)), "", 0.4) for _ in range(3)]
    metals = [
        Material((0.72, 0.53, 0.28), "", 0.8),
        Material(colour(rng, (0.0, 0.3), (0.12, 0.3)), "", 0.5),
        Material((0.66, 0.4, 0.3), "", 0.7),
    ]
    return replace(
        drawn, woods=tuple(woods), fabrics=tuple(cloths), paints=tuple(paints), metals=tuple(metals)
    )


def _stain(rng: np.random.Generator) -> Triple:
    """Return a reddish or greyish brown, or any colour that wood is stained in."""
    if rng.random() < 0.4:
        return colour(rng, (0.1, 0.5), (0.35, 0.9))
    return colorsys.hsv_to_rgb(rng.uniform(0.0, 0.14), rng.uniform(0.15, 0.6), rng.uniform(0.25, 0.85))


def _area(rng: np.random.Generator, count: int) -> float:
    return float(count * rng.uniform(12, 26))


def _light(rng: np.random.Generator) -> Light:
    """Return two low lights of different hue from two sides, and little light from everywhere."""
    turn, ambient = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 0.42)
    sides = [turn, turn + rng.uniform(1.5, 4.5)]
    directions = [(float(np.cos(a)), float(np.sin(a)), -float(rng.uniform(0.25, 0.7))) for a in sides]
    warm, cold = rng.uniform(0.3, 0.5), rng.uniform(0.15, 0.4)
    colors = ((warm * 1.2, warm, warm * 0.75), (cold * 0.8, cold, cold * 1.2))
    head = float(rng.uniform(0.1, 0.22))
    return Light((ambient,) * 3, (head,) * 3, tuple(directions), colors)
