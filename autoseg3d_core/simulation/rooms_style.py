"""What rooms of one style are like: their size, walls and floors, what stands in them and lies on that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from autoseg3d_core.simulation.light import Light, draw_light
from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.rooms_clutter import Clutter, draw_clutter
from autoseg3d_core.simulation.rooms_groups import Group
from autoseg3d_core.simulation.rooms_plan import Room, draw_area
from autoseg3d_core.simulation.rooms_recipes import groups_for
from autoseg3d_core.simulation.rooms_walls import Fittings, Surfacing, floor_material, wall_material

Groups = Callable[[Palette, Room], Iterator[Group]]
"""Yields what a room may hold, most important first."""


def _home_groups(p: Palette, room: Room) -> Iterator[Group]:
    yield from groups_for(p, room.kind, room.area)


@dataclass(frozen=True)
class Style:
    """How houses are built, furnished and lit; the defaults are homes and offices."""

    groups: Groups = _home_groups
    clutter: Clutter = draw_clutter
    wall: Surfacing = wall_material
    floor: Surfacing = floor_material
    area: Callable[[np.random.Generator, int], float] = draw_area
    light: Callable[[np.random.Generator], Light] = draw_light
    palette: Callable[[np.random.Generator], Palette] = Palette.draw
    fittings: Fittings = Fittings()


HOME = Style()
