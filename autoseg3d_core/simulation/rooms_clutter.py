"""Small things that stand on tables, boards, counters and cabinets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autoseg3d_core.simulation import furniture_screens as screens
from autoseg3d_core.simulation import furniture_small as small
from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import Placed, Surface, Thing
from autoseg3d_core.simulation.rooms_layout import Layout

Factory = Callable[[Palette], Thing]
ON_SHELVES: tuple[Factory, ...] = (
    small.book_row,
    small.book_row,
    small.book_row,
    small.book_pile,
    small.small_box,
    small.vase,
    small.basket,
    small.small_plant,
)
ON_TABLES: tuple[Factory, ...] = (
    small.cup,
    small.cup,
    small.book_pile,
    small.bowl,
    small.bottle,
    small.small_box,
    small.vase,
    screens.laptop,
    small.small_plant,
    small.basket,
    small.table_lamp,
)
ON_COUNTERS: tuple[Factory, ...] = (
    small.kettle,
    small.microwave,
    small.bottle,
    small.bowl,
    small.cup,
    small.small_box,
    small.basket,
    small.bottle,
)
ON_DESKS: tuple[Factory, ...] = (small.cup, small.book_pile, small.small_box, small.bottle, small.book_row)
ON_BEDS: tuple[Factory, ...] = (small.pillow, small.book_pile, screens.laptop)
KINDS: dict[str, tuple[Factory, ...]] = {
    "bookshelf": ON_SHELVES,
    "counter": ON_COUNTERS,
    "desk": ON_DESKS,
    "bed": ON_BEDS,
    "sofa": ON_BEDS,
}
PER_SQUARE_METRE = {
    "bookshelf": 14.0,
    "counter": 7.0,
    "desk": 5.0,
    "bed": 0.6,
    "sofa": 1.2,
    "table": 4.5,
    "basket": 0.0,
}
USUALLY_PER_SQUARE_METRE = 8.0
MOST_PER_SURFACE = 7
TRIES = 4


Clutter = Callable[[Palette, Thing, Surface], Thing]
"""Draws what may stand on a surface of a thing."""


def draw_clutter(p: Palette, carrier: Thing, surface: Surface) -> Thing:
    """Return one of the things that usually stand on such a carrier."""
    kinds = KINDS.get(carrier.label, ON_TABLES)
    return kinds[int(p.rng.integers(len(kinds)))](p)


def add_clutter(p: Palette, layout: Layout, share: float, draw: Clutter = draw_clutter) -> None:
    """Put things on the surfaces of everything placed so far; `share` scales how many."""
    for index, carrier in enumerate(list(layout.placed)):
        density = PER_SQUARE_METRE.get(carrier.thing.label, USUALLY_PER_SQUARE_METRE)
        mood = float(p.rng.gamma(2.0, 0.5)) * share  # tidy or untidy as a whole
        for surface in carrier.thing.surfaces:
            expected = density * surface.size[0] * surface.size[1] * mood
            for _ in range(min(int(p.rng.poisson(expected)), MOST_PER_SURFACE)):
                _add_one(p, layout, index, surface, draw(p, carrier.thing, surface))


def _add_one(p: Palette, layout: Layout, index: int, surface: Surface, thing: Thing) -> None:
    """Put one thing where it fits on a surface, if it does."""
    rng, carrier = p.rng, layout.placed[index]
    low, high = thing.bounds
    if high[2] > surface.headroom:
        return
    for _ in range(TRIES):
        is_square_on = thing.label in ("books", "microwave", "laptop") or rng.random() < 0.3
        yaw = rng.normal(0, 0.06) if is_square_on else rng.uniform(0, 2 * np.pi)
        reach = (
            np.abs([np.cos(yaw), np.sin(yaw)]) @ np.maximum(-low, high)[:2],
            (np.abs([np.sin(yaw), np.cos(yaw)]) @ np.maximum(-low, high)[:2]),
        )
        free = np.array(surface.size) / 2 - reach
        if (free < 0).any():
            continue
        x, y = rng.uniform(-free, free)
        if thing.label == "books" and carrier.thing.label == "bookshelf":
            y = min(free[1], max(-free[1], rng.normal(0.01, 0.01)))
        at = carrier.pose @ np.array([surface.at[0] + x, surface.at[1] + y, surface.at[2] + 0.0005, 1.0])
        placed = Placed(thing, at[:3], carrier.yaw + yaw, carrier.room, index)
        if layout.is_free(placed):
            layout.add(placed)
            return
