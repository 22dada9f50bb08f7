"""Where a ray first meets the parts made so far: the place where the next part is fastened."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from autoseg3d_core.simulation.parts import Part, Triple, unit_mesh

FAR_M = 10.0
BOX_FACES = np.array(
    [
        0,
        1,
        3,
        0,
        3,
        2,
        4,
        6,
        7,
        4,
        7,
        5,
        0,
        4,
        5,
        0,
        5,
        1,
        2,
        3,
        7,
        2,
        7,
        6,
        0,
        2,
        6,
        0,
        6,
        4,
        1,
        5,
        7,
        1,
        7,
        3,
    ]
).reshape(-1, 3)
"""Triangles of the corners as `unit_mesh("box")` orders them; which way they face does not matter here."""


@dataclass(frozen=True)
class Spot:
    """A point of a surface and the direction away from it."""

    at: Triple
    normal: Triple

    def out(self, by: float) -> Triple:
        """Return the point this far before the surface, or behind it where negative."""
        x, y, z = (float(a + by * n) for a, n in zip(self.at, self.normal, strict=True))
        return x, y, z


def triangles(part: Part) -> Float[np.ndarray, "faces 3 3"]:
    """Return a part's surface in the thing's frame."""
    vertices, faces = unit_mesh(part.shape)
    if part.shape == "box":
        faces = BOX_FACES
    points = (vertices * np.array(part.size) / 2) @ part.rotation.T + np.array(part.at)
    return points[faces]


def meet(surface: Float[np.ndarray, "faces 3 3"], start: Triple, along: Triple) -> Spot | None:
    """Return where a ray first meets triangles (Moeller and Trumbore, 1997), or none."""
    origin, direction = np.array(start), np.array(along)
    corner, first, second = surface[:, 0], surface[:, 1] - surface[:, 0], surface[:, 2] - surface[:, 0]
    p = np.cross(direction, second)
    slope = (first * p).sum(axis=1)
    safe = np.where(np.abs(slope) < 1e-12, 1.0, slope)
    to = origin - corner
    u = (to * p).sum(axis=1) / safe
    q = np.cross(to, first)
    v, distance = q @ direction / safe, (second * q).sum(axis=1) / safe
    hits = (np.abs(slope) > 1e-12) & (u >= 0) & (v >= 0) & (u + v <= 1) & (distance > 0)
    if not hits.any():
        return None
    nearest = int(np.argmin(np.where(hits, distance, np.inf)))
    normal = np.cross(first[nearest], second[nearest])
    normal = normal / np.linalg.norm(normal)
    normal = normal if normal @ direction < 0 else -normal
    return Spot(_triple(origin + distance[nearest] * direction), _triple(normal))


class Touch:
    """Finds spots on the parts of a thing as they are at one moment."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)

    @functools.cached_property
    def _surface(self) -> Float[np.ndarray, "faces 3 3"]:
        return np.concatenate([triangles(part) for part in self._parts])

    def front(self, x: float, z: float) -> Spot | None:
        """Return the spot seen from before at a place."""
        return meet(self._surface, (x, FAR_M, z), (0.0, -1.0, 0.0))

    def side(self, sign: int, y: float, z: float) -> Spot | None:
        """Return the spot seen from a side, -1 or 1, at a place."""
        return meet(self._surface, (sign * FAR_M, y, z), (-float(sign), 0.0, 0.0))

    def top(self, x: float, y: float) -> Spot | None:
        """Return the spot seen from above at a place."""
        return meet(self._surface, (x, y, FAR_M), (0.0, 0.0, -1.0))

    def below(self, x: float, y: float) -> Spot | None:
        """Return the spot seen from below at a place."""
        return meet(self._surface, (x, y, -FAR_M), (0.0, 0.0, 1.0))


def _triple(values: np.ndarray) -> Triple:
    x, y, z = (float(v) for v in values)
    return x, y, z
