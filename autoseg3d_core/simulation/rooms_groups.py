"""Groups of things that belong together, such as a table with its chairs, or a desk with its screen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autoseg3d_core.simulation import furniture_screens as screens
from autoseg3d_core.simulation import furniture_seats as seats
from autoseg3d_core.simulation import furniture_small as small
from autoseg3d_core.simulation import furniture_storage as storage
from autoseg3d_core.simulation import furniture_tables as tables
from autoseg3d_core.simulation import furniture_walls as walls
from autoseg3d_core.simulation import furniture_wet as wet
from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import Thing, Triple


@dataclass(frozen=True, eq=False)
class Attached:
    """A thing placed relative to an anchor: its origin and turn in the anchor's frame.

    Where it does not fit it is pulled back by `pull_m` a few times; `is_carried`: it stands on the anchor.
    """

    thing: Thing
    at: Triple
    yaw: float = 0.0
    is_carried: bool = False
    pull_m: float = 0.0


@dataclass(frozen=True, eq=False)
class Group:
    """A thing and what belongs to it. `rule`: wall, corner, centre or ceiling; `foot` is its height."""

    anchor: Thing
    rule: str
    attached: tuple[Attached, ...] = ()
    foot: float = 0.0


def _chair_at(p: Palette, chair: Thing, x: float, y: float, facing: float) -> Attached:
    """Return a chair that faces a table, more or less pushed in."""
    back = np.array([np.sin(facing), -np.cos(facing)]) * abs(p.rng.normal(0, 0.12))
    turn = facing + p.rng.normal(0, 0.12 if p.rng.random() < 0.8 else 0.5)
    return Attached(chair, (float(x + back[0]), float(y + back[1]), 0.0), turn, pull_m=0.1)


def dining_group(p: Palette, rule: str = "centre") -> Group:
    """Return a table with chairs around it."""
    rng = p.rng
    chair = seats.chair(p)
    if rng.random() < 0.3:
        table, chairs = tables.round_table(p), []
        radius, start = table.size[0] / 2 + 0.12, rng.uniform(0, np.pi)
        for i in range(int(rng.integers(2, 5))):
            turn = start + i * np.pi / 2
            x, y = radius * np.cos(turn), radius * np.sin(turn)
            chairs.append(_chair_at(p, chair, x, y, turn + np.pi / 2))
        return Group(table, rule, tuple(chairs))
    table, chairs = tables.table(p), []
    width, depth = table.size[:2]
    for side in (-1, 1):
        count = int(np.clip(width / 0.65, 1, 4)) - int(rng.random() < 0.25)
        for x in (np.arange(count) - (count - 1) / 2) * min(0.62, width / max(count, 1)):
            chairs.append(_chair_at(p, chair, x, side * (depth / 2 + 0.1), np.pi if side > 0 else 0.0))
        if rng.random() < 0.4:
            chairs.append(
                _chair_at(p, chair, side * (width / 2 + 0.14), 0.0, np.pi / 2 if side > 0 else -np.pi / 2)
            )
    return Group(table, rule, tuple(chairs))


def desk_group(p: Palette, rule: str = "wall") -> Group:
    """Return a desk with a chair, and a screen with a keyboard, or a laptop."""
    rng = p.rng
    desk = tables.desk(p)
    depth, top = desk.size[1], desk.surfaces[0].at[2]
    chair = seats.office_chair(p) if rng.random() < 0.7 else seats.chair(p)
    x = rng.uniform(-0.2, 0.2)
    attached = [_chair_at(p, chair, x, depth / 2 + rng.uniform(0.0, 0.35), np.pi)]
    if rng.random() < 0.65:
        places = [x] if rng.random() < 0.7 else [x - 0.32, x + 0.32]
        for at in places:
            attached.append(
                Attached(screens.monitor(p), (at, -depth / 2 + 0.17, top), rng.normal(0, 0.12), True)
            )
        attached.append(Attached(screens.keyboard(p), (x, depth / 2 - 0.2, top), rng.normal(0, 0.08), True))
    else:
        attached.append(Attached(screens.laptop(p), (x, 0.0, top), rng.normal(0, 0.15), True))
    if rng.random() < 0.5:
        side = float(rng.choice([-1, 1]))
        lamp = small.table_lamp(p)
        attached.append(Attached(lamp, (side * (desk.size[0] / 2 - 0.18), -depth / 2 + 0.16, top), 0.0, True))
    if rng.random() < 0.5:
        attached.append(Attached(small.waste_bin(p), (desk.size[0] / 2 + 0.25, 0.0, 0.0)))
    return Group(desk, rule, tuple(attached))


def bed_group(p: Palette) -> Group:
    """Return a bed with nightstands."""
    bed, rng = seats.bed(p), p.rng
    stand = storage.nightstand(p)
    attached = []
    for side in (-1, 1):
        if rng.random() < 0.75:
            x = side * (bed.size[0] / 2 + stand.size[0] / 2 + 0.06)
            y = -bed.size[1] / 2 + stand.size[1] / 2 + 0.02
            attached.append(Attached(stand, (x, y, 0.0)))
    return Group(bed, "wall", tuple(attached))


def sofa_group(p: Palette) -> Group:
    """Return a sofa, often with a low table before it and an armchair beside that."""
    sofa, rng = seats.sofa(p), p.rng
    depth, attached = sofa.size[1], []
    if rng.random() < 0.8:
        table = tables.coffee_table(p)
        y = depth / 2 + table.size[1] / 2 + rng.uniform(0.3, 0.45)
        attached.append(Attached(table, (rng.normal(0, 0.1), y, 0.0), rng.normal(0, 0.05)))
        if rng.random() < 0.5:
            side = float(rng.choice([-1, 1]))
            x = side * (table.size[0] / 2 + rng.uniform(0.7, 0.95))
            attached.append(
                Attached(seats.sofa(p), (x, y, 0.0), side * np.pi / 2 + rng.normal(0, 0.2), pull_m=0.12)
            )
    for _ in range(int(rng.integers(0, 3))):
        at = (rng.uniform(-0.3, 0.3) * sofa.size[0], 0.12, sofa.surfaces[0].at[2])
        attached.append(Attached(small.pillow(p), at, rng.uniform(0, 3), True))
    return Group(sofa, "wall" if rng.random() < 0.8 else "centre", tuple(attached))


def tv_group(p: Palette) -> Group:
    """Return a low cabinet with a television."""
    stand = storage.tv_stand(p)
    return Group(
        stand,
        "wall",
        (Attached(screens.television(p), (0.0, -0.05, stand.size[2]), p.rng.normal(0, 0.05), True),),
    )


def kitchen_group(p: Palette) -> Group:
    """Return a counter with its sink, cabinets above, a stove and a refrigerator beside."""
    rng = p.rng
    front, top = p.board(), (p.wood() if rng.random() < 0.4 else p.paint())
    modules = int(rng.integers(2, 5))
    run, sink = wet.counter(p, front, top, modules, rng.random() < 0.85)
    width, side = modules * 0.6, float(rng.choice([-1, 1]))
    attached = [Attached(sink, (0, 0, 0), 0.0, True)] if sink else []
    if rng.random() < 0.8:
        attached.append(Attached(wet.stove(p), (side * (width / 2 + 0.301), -0.01, 0.0)))
    fridge = wet.refrigerator(p)
    y = -wet.COUNTER_DEPTH / 2 + fridge.size[1] / 2
    attached.append(Attached(fridge, (-side * (width / 2 + fridge.size[0] / 2 + 0.02), y, 0.0)))
    if rng.random() < 0.75:
        above = wet.wall_cabinet(p, front, modules)
        attached.append(
            Attached(
                above,
                (0, -wet.COUNTER_DEPTH / 2 + above.size[1] / 2, rng.uniform(1.4, 1.55)),
                is_carried=True,
            )
        )
    return Group(run, "wall", tuple(attached))


def bath_group(p: Palette) -> Group:
    """Return a washbasin with a mirror above."""
    basin = wet.washbasin(p)
    mirror = Attached(walls.mirror(p), (0.0, -basin.size[1] / 2 + 0.015, 1.15), is_carried=True)
    return Group(basin, "wall", (mirror,))
