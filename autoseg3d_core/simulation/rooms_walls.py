"""Floors, walls and ceilings with their openings, and the doors and windows in these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from autoseg3d_core.simulation.furniture_walls import closed_door, curtain, door_leaf, window
from autoseg3d_core.simulation.palette import Palette, colour
from autoseg3d_core.simulation.parts import Material, Part, Placed, Thing, box
from autoseg3d_core.simulation.rooms_plan import HALF_WALL_M, Opening, Room, Side, sides_of

TRIM_M = 0.06
Surfacing = Callable[[Palette, Room], Material]
"""Draws what covers a room's walls or its floor."""


@dataclass(frozen=True)
class Fittings:
    """Draws what fills the openings of a house; the defaults are those of homes and offices."""

    window: Callable[[Palette, float, float], Thing] = window
    curtain: Callable[[Palette, float, float], Thing] = curtain
    entrance: Callable[[Palette, Material], Thing] = closed_door


def shell_of(
    p: Palette,
    room: Room,
    openings: tuple[Opening, ...],
    draw_wall: Surfacing,
    draw_floor: Surfacing,
) -> Iterator[Part]:
    """Yield floor, ceiling, walls, skirting boards and trims of a room; none of them is an instance."""
    wall, floor = draw_wall(p, room), draw_floor(p, room)
    width, depth = (float(v) for v in room.high - room.low)
    x, y = (float(v) for v in (room.high + room.low) / 2)
    ceiling = Material((0.93, 0.93, 0.92), "plaster0", 0.0, repeat=0.5)
    yield Part("floor", "box", (width, depth, 0.1), (x, y, -0.05), floor)
    yield Part("ceiling", "box", (width, depth, 0.1), (x, y, room.height + 0.05), ceiling, (np.pi, 0, 0))
    skirting = p.metals[2] if p.rng.random() < 0.6 else p.wood()
    has_skirting = room.kind not in ("bathroom",) and p.rng.random() < 0.8
    for side in sides_of(room):
        holes = holes_of(side, openings)
        for start, end, foot, top in _panels(side, holes, room.height):
            yield _panel("wall", side, start, end, foot, top, -HALF_WALL_M / 2, HALF_WALL_M, wall)
            if has_skirting and foot == 0 and end - start > 0.1:
                yield _panel("skirting", side, start, end, 0.0, 0.08, 0.006, 0.012, skirting)
        for hole in holes:
            if hole.foot == 0:
                yield from _trims(side, hole, skirting)


def holes_of(side: Side, openings: tuple[Opening, ...]) -> list[Opening]:
    """Return the openings in a wall, in their order along it."""
    mine = [
        hole
        for hole in openings
        if side.room in hole.rooms and hole.axis == side.axis and abs(hole.at - side.at) < 2 * HALF_WALL_M
    ]
    return sorted(mine, key=lambda hole: hole.start)


def _panels(side: Side, holes: list[Opening], height: float) -> Iterator[tuple[float, float, float, float]]:
    """Yield the rectangles (start, end, foot, top) of a wall around its holes."""
    here = side.start - HALF_WALL_M
    for hole in holes:
        yield here, hole.start, 0.0, height
        if hole.foot > 0:
            yield hole.start, hole.end, 0.0, hole.foot
        yield hole.start, hole.end, hole.top, height
        here = hole.end
    yield here, side.end + HALF_WALL_M, 0.0, height


def _panel(
    name: str,
    side: Side,
    start: float,
    end: float,
    foot: float,
    top: float,
    away: float,
    thick: float,
    skin: Material,
) -> Part:
    x, y = side.point((start + end) / 2, away)
    turn = (np.pi / 2, 0.0, np.pi + side.yaw)
    return Part(
        name, "box", (end - start, top - foot, thick), (float(x), float(y), (foot + top) / 2), skin, turn
    )


def _trims(side: Side, hole: Opening, skin: Material) -> Iterator[Part]:
    for start in (hole.start - TRIM_M, hole.end):
        yield _panel("trim", side, start, start + TRIM_M, 0.0, hole.top, 0.008, 0.016, skin)
    yield _panel(
        "trim", side, hole.start - TRIM_M, hole.end + TRIM_M, hole.top, hole.top + TRIM_M, 0.008, 0.016, skin
    )


def wall_material(p: Palette, room: Room) -> Material:
    """Return paint, paper, tiles or bricks."""
    rng = p.rng
    if room.kind == "bathroom" or (room.kind == "kitchen" and rng.random() < 0.4):
        return Material(
            colour(rng, (0.0, 0.25), (0.8, 1.0)), f"tiles{rng.integers(2)}", 0.5, repeat=rng.uniform(1.0, 2.5)
        )
    kind = str(rng.choice(["plaster0", "", "paper1", "stripes1", "brick0"], p=[0.5, 0.3, 0.09, 0.05, 0.06]))
    saturated = (0.12, 0.35) if rng.random() < 0.25 else (0.0, 0.1)
    tint = (0.72, 0.4, 0.3) if kind == "brick0" else colour(rng, saturated, (0.78, 1.0))
    return Material(tint, kind, 0.0, repeat=rng.uniform(0.7, 1.5))


def floor_material(p: Palette, room: Room) -> Material:
    """Return planks, tiles or carpet."""
    rng = p.rng
    if room.kind in ("bathroom", "kitchen", "store") and rng.random() < 0.75:
        kind = str(rng.choice(["tiles2", "checker1", "marble0"], p=[0.6, 0.15, 0.25]))
        return Material(colour(rng, (0.0, 0.25), (0.4, 0.95)), kind, 0.4, repeat=rng.uniform(0.7, 1.6))
    if rng.random() < 0.65:
        wood = p.wood()
        return replace(wood, texture=f"planks{rng.integers(2)}", repeat=rng.uniform(0.8, 1.3))
    return Material(colour(rng, (0.0, 0.4), (0.25, 0.75)), "carpet0", 0.0, repeat=rng.uniform(0.8, 2.0))


def rug(p: Palette, room: Room) -> Part | None:
    """Return a rug on the floor, which belongs to the floor, or none."""
    rng = p.rng
    if rng.random() > 0.45 or room.kind in ("bathroom", "kitchen", "store", "meeting"):
        return None
    low, high = room.inner
    size = np.minimum(rng.uniform([1.2, 1.0], [2.6, 2.0]), (high - low) * 0.75)
    x, y = rng.uniform(low + size / 2 + 0.05, high - size / 2 - 0.05)
    kind = str(rng.choice(["stripes2", "checker2", "carpet0", "paper2"]))
    skin = Material(colour(rng, (0.1, 0.7), (0.3, 0.9)), kind, 0.0, repeat=rng.uniform(0.6, 1.5))
    return box("rug", (float(size[0]), float(size[1]), 0.012), (float(x), float(y), 0.006), skin)


def doors_and_windows(
    p: Palette, room: Room, openings: tuple[Opening, ...], skin: Material, fittings: Fittings
) -> Iterator[Placed]:
    """Yield the windows and their curtains, and the leaves of open doors, each in the first of its rooms."""
    for side in sides_of(room):
        for hole in holes_of(side, openings):
            if hole.foot == 0 and hole.rooms[1] >= 0:
                if hole.has_leaf and hole.rooms[0] == room.index:
                    yield _open_leaf(p, room, side, hole, skin)
                continue
            width, height = hole.end - hole.start, hole.top - hole.foot
            at = np.append(side.point((hole.start + hole.end) / 2), hole.foot)
            yield Placed(fittings.window(p, width, height), at, side.yaw, room.index)
            if p.rng.random() < 0.45:
                yield from _curtains(p, room, side, hole, fittings)


def _open_leaf(p: Palette, room: Room, side: Side, hole: Opening, skin: Material) -> Placed:
    """Return a leaf that stands open into the room, its hinge at one jamb."""
    leaf = door_leaf(p, skin, hole.end - hole.start - 0.04, hole.top - 0.02)
    angle = p.rng.uniform(np.radians(88), np.radians(112))
    along = np.array([0.0, 1.0] if side.axis == 0 else [1.0, 0.0])
    at_start = p.rng.random() < 0.5
    place, inward = (hole.start - 0.05, along) if at_start else (hole.end + 0.05, -along)
    direction = np.cos(angle) * inward + np.sin(angle) * side.normal
    at = np.append(side.point(place, 0.03), 0.005)
    return Placed(leaf, at, float(np.arctan2(direction[1], direction[0])), room.index)


def _curtains(p: Palette, room: Room, side: Side, hole: Opening, fittings: Fittings) -> Iterator[Placed]:
    rng, top = p.rng, min(hole.top + 0.12, room.height - 0.06)
    foot = 0.03 if rng.random() < 0.6 or hole.foot < 0.5 else hole.foot - 0.15
    width = rng.uniform(0.3, 0.5)
    cloth = fittings.curtain(p, width, top - foot)
    for along in (hole.start - 0.02, hole.end + 0.02):
        along = float(np.clip(along, side.start + width / 2 + 0.06, side.end - width / 2 - 0.06))
        yield Placed(cloth, np.append(side.point(along, 0.19), foot), side.yaw, room.index)
