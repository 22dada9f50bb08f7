"""A furnished house, drawn from a random generator."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import Part, Placed, Thing
from autoseg3d_core.simulation.rooms_clutter import add_clutter
from autoseg3d_core.simulation.rooms_groups import Attached, Group
from autoseg3d_core.simulation.rooms_layout import Layout
from autoseg3d_core.simulation.rooms_plan import Opening, Room, Side, draw_plan, sides_of
from autoseg3d_core.simulation.rooms_style import HOME, Style
from autoseg3d_core.simulation.rooms_walls import doors_and_windows, rug, shell_of

TRIES = 28
PULLS = 6


@dataclass(frozen=True, eq=False)
class House:
    """Rooms with their shell and their things. Instance ids are the positions in `things` plus one."""

    rooms: tuple[Room, ...]
    openings: tuple[Opening, ...]
    shell: tuple[Part, ...]
    things: tuple[Placed, ...]


def draw_house(
    rng: np.random.Generator, rooms: int, furniture: float = 1.0, clutter: float = 1.0, style: Style = HOME
) -> House:
    """Return a house of so many rooms; `furniture` and `clutter` scale how much stands in it."""
    plan, openings = draw_plan(rng, rooms, style.area)
    shell: list[Part] = []
    things: list[Placed] = []
    shared = style.palette(rng)
    for room in plan:
        palette = shared if rng.random() < 0.5 else style.palette(rng)
        shell += shell_of(palette, room, openings, style.wall, style.floor)
        mat = rug(palette, room)
        shell += [mat] if mat else []
        layout = furnish(palette, shared, room, openings, furniture, clutter, style)
        first = len(things)
        things += [replace(t, carrier=t.carrier + first if t.carrier >= 0 else -1) for t in layout.placed]
    return House(plan, openings, tuple(shell), tuple(things))


def furnish(
    p: Palette,
    shared: Palette,
    room: Room,
    openings: tuple[Opening, ...],
    furniture: float,
    clutter: float,
    style: Style,
) -> Layout:
    """Return a room's things: doors and windows, then furniture where it fits, then what stands on it."""
    layout = Layout(room, openings)
    skin = shared.metals[2] if shared.rng.random() < 0.5 else shared.woods[0]
    for fixed in doors_and_windows(p, room, openings, skin, style.fittings):
        if fixed.thing.label != "door" or (layout.meets_nothing(fixed) and layout.leaves_a_way(fixed)):
            layout.add(fixed)
    if room.index == 0:
        _place(p, layout, Group(style.fittings.entrance(p, skin), "wall"))
    for group in style.groups(p, room):
        if p.rng.random() < furniture:
            _place(p, layout, group)
    add_clutter(p, layout, clutter, style.clutter)
    return layout


def _place(p: Palette, layout: Layout, group: Group) -> None:
    """Try some places for a group's anchor, then add what belongs to it."""
    for _ in range(TRIES):
        anchor = _candidate(p, layout.room, group)
        if anchor is None:
            return
        index = layout.try_add(anchor)
        if index >= 0:
            for extra in group.attached:
                _attach(layout, index, extra)
            return


def _candidate(p: Palette, room: Room, group: Group) -> Placed | None:
    """Return a place by the group's rule, or none where the room is too small for it."""
    rng, thing = p.rng, group.anchor
    low, high = thing.bounds
    if group.rule in ("centre", "ceiling"):
        yaw = float(rng.integers(4)) * np.pi / 2 + rng.normal(0, 0.06)
        margin = np.full(2, np.abs(thing.size[:2]).min() / 2 + (0.45 if group.rule == "centre" else 0.3))
        floor_low, floor_high = room.inner
        middle = (floor_low + floor_high) / 2
        x, y = rng.uniform(np.minimum(floor_low + margin, middle), np.maximum(floor_high - margin, middle))
        foot = room.height if group.rule == "ceiling" else group.foot
        return Placed(thing, np.array([x, y, foot]), yaw, room.index)
    side = sides_of(room)[int(rng.integers(4))]
    first, last = side.start + thing.size[0] / 2 + 0.01, side.end - thing.size[0] / 2 - 0.01
    if last < first:
        return (
            _candidate(p, room, replace(group, rule="centre"))
            if min(room.high - room.low) > thing.size[0]
            else None
        )
    along = _along(rng, group.rule, first, last) - _middle(side, low, high)
    away = rng.uniform(0.004, 0.03) - low[1]
    at = np.append(side.point(along, float(away)), group.foot)
    turn = rng.normal(0, 0.03) if thing.is_movable else 0.0
    return Placed(thing, at, side.yaw + turn, room.index)


def _along(rng: np.random.Generator, rule: str, first: float, last: float) -> float:
    if rule == "wall":
        return float(rng.uniform(first, last))
    gap = min(float(rng.uniform(0.0, 0.12)), last - first)
    return first + gap if rng.random() < 0.5 else last - gap


def _middle(side: Side, low: np.ndarray, high: np.ndarray) -> float:
    """Return how far along its wall the middle of a thing's bounds lies from its origin."""
    tangent = np.array([np.cos(side.yaw), np.sin(side.yaw)])
    return float((low[0] + high[0]) / 2 * tangent[1 - side.axis])


def _attach(layout: Layout, index: int, extra: Attached) -> None:
    """Add a thing relative to its anchor, pulled back until it fits."""
    anchor = layout.placed[index]
    carrier = index if extra.is_carried else -1
    for pull in range(PULLS if extra.pull_m else 1):
        back = np.array([np.sin(extra.yaw), -np.cos(extra.yaw)]) * extra.pull_m * pull
        local = np.array([extra.at[0] + back[0], extra.at[1] + back[1], extra.at[2], 1.0])
        lift = 0.0005 if extra.is_carried else 0.0
        at = (anchor.pose @ local)[:3] + np.array([0, 0, lift])
        if layout.try_add(_same(extra.thing, at, anchor.yaw + extra.yaw, layout, carrier)) >= 0:
            return


def _same(thing: Thing, at: np.ndarray, yaw: float, layout: Layout, carrier: int) -> Placed:
    return Placed(thing, at, yaw, layout.room.index, carrier)
