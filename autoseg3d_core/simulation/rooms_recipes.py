"""What each kind of room holds: groups and single things, most important first, and where they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from autoseg3d_core.simulation import furniture_seats as seats
from autoseg3d_core.simulation import furniture_small as small
from autoseg3d_core.simulation import furniture_storage as storage
from autoseg3d_core.simulation import furniture_tables as tables
from autoseg3d_core.simulation import furniture_walls as walls
from autoseg3d_core.simulation import furniture_wet as wet
from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import Thing
from autoseg3d_core.simulation.rooms_groups import (
    Attached,
    Group,
    bath_group,
    bed_group,
    desk_group,
    dining_group,
    kitchen_group,
    sofa_group,
    tv_group,
)

Recipe = Callable[[Palette], Iterator[Group]]


def groups_for(p: Palette, kind: str, area: float) -> Iterator[Group]:
    """Yield what a room of this kind and area may hold, most important first; not all of it will fit."""
    yield from RECIPES[kind](p)
    rng = p.rng
    for _ in range(int(rng.integers(1, 4 + int(area / 4)))):
        yield Group(
            EXTRAS[int(rng.integers(len(EXTRAS)))](p),
            str(rng.choice(["wall", "corner", "centre"], p=[0.5, 0.35, 0.15])),
        )
    for _ in range(int(rng.integers(1, 3 + int(area / 8)))):
        yield _on_the_wall(p)
    if rng.random() < 0.7:
        yield Group(small.ceiling_lamp(p), "ceiling")


def _on_the_wall(p: Palette) -> Group:
    kind = p.rng.random()
    if kind < 0.55:
        return Group(walls.picture(p), "wall", foot=p.rng.uniform(1.15, 1.5))
    if kind < 0.7:
        return Group(storage.wall_shelf(p), "wall", foot=p.rng.uniform(1.2, 1.6))
    if kind < 0.82:
        return Group(walls.clock(p), "wall", foot=p.rng.uniform(1.5, 1.9))
    if kind < 0.92:
        return Group(walls.mirror(p), "wall", foot=p.rng.uniform(0.4, 1.0))
    return Group(walls.radiator(p), "wall", foot=0.1)


EXTRAS: tuple[Callable[[Palette], Thing], ...] = (
    small.plant,
    small.plant,
    small.floor_lamp,
    small.waste_bin,
    small.waste_bin,
    small.carton,
    small.bag,
    seats.stool,
    seats.chair,
    seats.chair,
    storage.cabinet,
    storage.bookshelf,
    seats.pair_of_shoes,
    seats.bench,
    tables.coffee_table,
)


def _bathroom(p: Palette) -> Iterator[Group]:
    rng = p.rng
    if rng.random() < 0.7:
        tub = wet.bathtub(p)
        cloth = walls.curtain(p, rng.uniform(0.5, 0.9), 1.75, "shower curtain")
        at = (-tub.size[0] / 2 + 0.5, tub.bounds[1][1] + 0.06, 0.25)
        yield Group(tub, "corner", (Attached(cloth, at),) if rng.random() < 0.6 else ())
    yield Group(wet.toilet(p), "wall")
    yield bath_group(p)
    if rng.random() < 0.6:
        yield Group(wet.washing_machine(p), "wall")
    yield Group(small.waste_bin(p), "corner")
    if rng.random() < 0.5:
        yield Group(storage.cabinet(p), "wall")


def _living(p: Palette) -> Iterator[Group]:
    yield sofa_group(p)
    yield tv_group(p)
    yield Group(storage.bookshelf(p), "wall")
    if p.rng.random() < 0.5:
        yield dining_group(p)
    yield Group(storage.cabinet(p), "wall")
    yield Group(small.floor_lamp(p), "corner")
    yield Group(small.plant(p), "corner")
    yield Group(seats.sofa(p), "wall")


def _bedroom(p: Palette) -> Iterator[Group]:
    yield bed_group(p)
    yield Group(storage.wardrobe(p), "wall")
    if p.rng.random() < 0.6:
        yield desk_group(p)
    yield Group(storage.cabinet(p), "wall")
    if p.rng.random() < 0.4:
        yield Group(seats.sofa(p), "corner")
    yield Group(seats.chair(p), "centre")
    yield Group(seats.pair_of_shoes(p), "wall")


def _kitchen(p: Palette) -> Iterator[Group]:
    yield kitchen_group(p)
    if p.rng.random() < 0.85:
        yield dining_group(p)
    if p.rng.random() < 0.5:
        front = p.board()
        yield Group(wet.counter(p, front, p.wood(), int(p.rng.integers(1, 4)), False)[0], "wall")
    yield Group(storage.cabinet(p, 0.8, 1.8), "wall")
    yield Group(small.waste_bin(p), "corner")
    yield Group(seats.stool(p), "wall")


def _study(p: Palette) -> Iterator[Group]:
    yield desk_group(p)
    yield Group(storage.bookshelf(p), "wall")
    yield Group(storage.bookshelf(p), "wall")
    yield Group(storage.cabinet(p), "wall")
    if p.rng.random() < 0.5:
        yield sofa_group(p)
    if p.rng.random() < 0.4:
        yield desk_group(p)
    yield Group(small.floor_lamp(p), "corner")
    yield Group(small.carton(p), "wall")


def _dining(p: Palette) -> Iterator[Group]:
    yield dining_group(p)
    yield Group(storage.cabinet(p), "wall")
    yield Group(storage.cabinet(p, 1.0, 1.9), "wall")
    if p.rng.random() < 0.5:
        yield sofa_group(p)
    yield Group(small.plant(p), "corner")
    yield Group(small.plant(p), "corner")


def _office(p: Palette) -> Iterator[Group]:
    for _ in range(int(p.rng.integers(2, 5))):
        yield desk_group(p, "wall" if p.rng.random() < 0.7 else "centre")
    yield Group(storage.filing_cabinet(p), "wall")
    yield Group(storage.bookshelf(p), "wall")
    yield Group(storage.filing_cabinet(p), "corner")
    if p.rng.random() < 0.6:
        yield Group(walls.whiteboard(p), "wall", foot=0.9)
    yield Group(storage.cabinet(p, 0.7, 1.9), "wall")
    yield Group(small.bag(p), "wall")


def _meeting(p: Palette) -> Iterator[Group]:
    yield dining_group(p)
    yield Group(walls.whiteboard(p), "wall", foot=0.9)
    yield tv_group(p)
    yield Group(storage.cabinet(p), "wall")
    yield Group(seats.chair(p), "wall")
    yield Group(seats.chair(p), "wall")
    yield Group(small.plant(p), "corner")


def _lounge(p: Palette) -> Iterator[Group]:
    yield sofa_group(p)
    yield sofa_group(p)
    yield Group(tables.round_table(p), "centre")
    yield Group(wet.refrigerator(p), "corner")
    yield Group(storage.bookshelf(p), "wall")
    yield Group(small.plant(p), "corner")


def _store(p: Palette) -> Iterator[Group]:
    for _ in range(int(p.rng.integers(1, 4))):
        yield Group(storage.bookshelf(p), "wall")
    if p.rng.random() < 0.5:
        yield Group(wet.washing_machine(p), "wall")
    yield Group(storage.wardrobe(p), "wall")
    for _ in range(int(p.rng.integers(1, 5))):
        yield Group(small.carton(p), "wall")
    yield Group(small.bag(p), "wall")


RECIPES: dict[str, Recipe] = {
    "bathroom": _bathroom,
    "living": _living,
    "bedroom": _bedroom,
    "kitchen": _kitchen,
    "study": _study,
    "dining": _dining,
    "office": _office,
    "meeting": _meeting,
    "lounge": _lounge,
    "store": _store,
}
