"""Straight and bent bars between points."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.simulation.parts import Material, Part, Triple, box, cylinder, solid
from autoseg3d_core.simulation.solids import Lathed, Tube


def bar(
    name: str,
    start: Triple,
    end: Triple,
    thick: float,
    material: Material,
    shape: str = "round",
    taper: float = 1.0,
) -> Part:
    """Return a bar from one point to another: round, square or flat, narrower at its start by `taper`."""
    a, b = np.array(start), np.array(end)
    length = float(np.linalg.norm(b - a))
    along = (b - a) / length
    turn = turn_to(along)
    middle = _triple((a + b) / 2)
    if shape == "round" and taper == 1.0:
        return cylinder(name, thick, length, middle, material, turn)
    if shape == "flat":
        return box(name, (thick * 2.2, thick * 0.6, length), middle, material, turn)
    if taper == 1.0:
        return box(name, (thick, thick, length), middle, material, turn)
    half = thick / 2 * (1.0 if shape == "round" else 2**0.5)
    sides = 16 if shape == "round" else 4
    profile = ((half * taper, 0.0), (half, length))
    return solid(name, Lathed(profile, sides), _triple(a), material, turn)


def bent_bar(name: str, path: list[Triple], thick: float, material: Material, rounding: float) -> Part:
    """Return a tube along a line whose corners are rounded by this radius, where there is room."""
    return solid(name, Tube(_rounded(path, rounding), thick), (0.0, 0.0, 0.0), material)


def _rounded(path: list[Triple], radius: float, steps: int = 6) -> tuple[Triple, ...]:
    points = [np.array(point, float) for point in path]
    line = [points[0]]
    for before, corner, after in zip(points[:-2], points[1:-1], points[2:], strict=True):
        to, on = before - corner, after - corner
        reach = min(radius, 0.49 * float(np.linalg.norm(to)), 0.49 * float(np.linalg.norm(on)))
        first = corner + to / np.linalg.norm(to) * reach
        last = corner + on / np.linalg.norm(on) * reach
        for share in np.linspace(0, 1, steps):  # a quadratic curve with the corner as its handle
            line.append((1 - share) ** 2 * first + 2 * share * (1 - share) * corner + share**2 * last)
    return tuple(_triple(point) for point in [*line, points[-1]])


def turn_to(along: np.ndarray) -> Triple:
    """Return the angles that turn z into a direction; y stays level."""
    x, y, z = (float(v) for v in along)
    return 0.0, float(np.arctan2(np.hypot(x, y), z)), float(np.arctan2(y, x))


def _triple(values: np.ndarray) -> Triple:
    x, y, z = (float(v) for v in values)
    return x, y, z
