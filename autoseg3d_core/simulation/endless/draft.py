"""A thing in the making: its parts so far, its materials, and the symmetries that repeat parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from autoseg3d_core.simulation.endless.skins import Skins
from autoseg3d_core.simulation.parts import Part, Surface, Thing, Triple
from autoseg3d_core.simulation.solids import Extruded, Solid, Tube

LABEL = "object"
"""The label of things that have no name."""
SINK_M = 0.002
"""Parts that touch reach this far into each other, so that no light falls between them."""


@dataclass
class Draft:
    """Collects the parts of one thing; lengths in metres, the floor at z = 0, the front towards y."""

    rng: np.random.Generator
    skins: Skins
    parts: list[Part] = field(default_factory=list)
    surfaces: list[Surface] = field(default_factory=list)

    def add(self, *parts: Part) -> None:
        """Take parts over as they are."""
        self.parts += parts

    def name(self, role: str) -> str:
        """Return a name for the next part of this role."""
        used = {part.name for part in self.parts}
        return next(name for i in range(10_000) if (name := f"{role}{i}") not in used)

    def chance(self, probability: float) -> bool:
        """Tell yes with this probability."""
        return bool(self.rng.random() < probability)

    def between(self, low: float, high: float) -> float:
        """Return a number between two."""
        return float(self.rng.uniform(low, high))

    def board(self, size: float) -> float:
        """Return how thick a board is in a thing this large."""
        return float(np.clip(size * self.rng.uniform(0.02, 0.05), 0.004, 0.06))

    def offer(self, at: Triple, size: tuple[float, float], headroom: float = 0.5) -> None:
        """Let small things stand on a rectangle, where it is large enough for any."""
        if min(size) > 0.06 and headroom > 0.05:
            self.surfaces.append(Surface(at, size, headroom))

    def thing(self, is_movable: bool = False) -> Thing:
        """Return what was made, standing on its lowest point amid its footprint."""
        low = np.min([part.vertices.min(axis=0) for part in self.parts], axis=0)
        high = np.max([part.vertices.max(axis=0) for part in self.parts], axis=0)
        middle = (low + high) / 2
        by = (-float(middle[0]), -float(middle[1]), -float(low[2]))
        surfaces = [replace(surface, at=_plus(surface.at, by)) for surface in self.surfaces]
        return Thing(LABEL, tuple(shifted(self.parts, by)), tuple(surfaces), is_movable)


def shifted(parts: Iterable[Part], by: Triple) -> list[Part]:
    """Return parts moved; they keep their names."""
    return [replace(part, at=_plus(part.at, by)) for part in parts]


def turned(parts: Iterable[Part], angle: float) -> list[Part]:
    """Return parts turned about z."""
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    return [
        replace(
            part,
            at=(cos * part.at[0] - sin * part.at[1], sin * part.at[0] + cos * part.at[1], part.at[2]),
            turn=(part.turn[0], part.turn[1], part.turn[2] + angle),
        )
        for part in parts
    ]


def mirrored(parts: Iterable[Part]) -> list[Part]:
    """Return parts as in a mirror across x."""
    return [
        replace(
            part,
            shape=_mirrored_shape(part.shape) if not isinstance(part.shape, str) else part.shape,
            at=(-part.at[0], part.at[1], part.at[2]),
            turn=(part.turn[0], -part.turn[1], -part.turn[2]),
        )
        for part in parts
    ]


def renamed(parts: Iterable[Part], suffix: str) -> list[Part]:
    """Return parts with a suffix to their names."""
    return [replace(part, name=part.name + suffix) for part in parts]


def _mirrored_shape(shape: Solid) -> Solid:
    if isinstance(shape, Tube):
        return replace(shape, path=tuple((-x, y, z) for x, y, z in shape.path))
    if isinstance(shape, Extruded):
        return replace(shape, outline=tuple((-x, y) for x, y in shape.outline[::-1]))
    return shape  # the others are alike on both sides


def _plus(a: Triple, b: Triple) -> Triple:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])
