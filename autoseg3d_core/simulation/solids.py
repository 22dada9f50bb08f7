"""Solids beyond boxes and ellipsoids: lathed and extruded outlines, bent sheets, tubes, as closed meshes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int

Vertices = Float[np.ndarray, "vertices 3"]
Faces = Int[np.ndarray, "faces 3"]
Outline = tuple[tuple[float, float], ...]
Path = tuple[tuple[float, float, float], ...]
CREASE = 0.9
"""Turns of an outline sharper than this, in radians, stay edges when light falls on them."""


class Solid(Protocol):
    """A shape in metres. Equal solids have equal meshes."""

    def mesh(self) -> tuple[Vertices, Faces]:
        """Return vertices and triangles, counter-clockwise from outside."""
        ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class Lathed:
    """An outline of (radius, height), from its foot up, turned about z; few `sides` make a prism."""

    profile: Outline
    sides: int = 28

    def mesh(self) -> tuple[Vertices, Faces]:
        """Return the closed surface; an outline that comes down again inside makes a hollow body."""
        half_step = 0.5 if self.sides < 8 else 0.0
        angle = (np.arange(self.sides) + half_step) * 2 * np.pi / self.sides
        radius, height = np.array(self.profile, float).T
        return revolved(radius, height, np.cos(angle), np.sin(angle))


@dataclass(frozen=True)
class Extruded:
    """A plate: an outline of (x, y), counter-clockwise, all of it in sight of its middle, and a height.

    `top` scales the outline at the upper end.
    """

    outline: Outline
    height: float
    top: float = 1.0

    def mesh(self) -> tuple[Vertices, Faces]:
        """Return the closed surface, from z = 0 up."""
        x, y = np.array(self.outline, float).T
        return revolved(np.array([1.0, self.top]), np.array([0.0, self.height]), x, y)


@dataclass(frozen=True)
class Sheet:
    """A sheet bent along a line of (y, z), straight across x."""

    line: Outline
    thick: float
    width: float

    def mesh(self) -> tuple[Vertices, Faces]:
        """Return the closed surface, half its thickness on each side of the line."""
        line = np.array(self.line, float)
        side = _mitred(line) * self.thick / 2
        left, right = line + side, line - side
        count = len(line)
        ring = np.concatenate([right, left[::-1]])
        x = np.array([-self.width / 2, self.width / 2])
        points = np.concatenate([np.insert(ring, 0, across, axis=1) for across in x])
        here = np.arange(2 * count)
        beside = (here + 1) % (2 * count)
        around = _quads(here, beside, beside + 2 * count, here + 2 * count)
        first = np.arange(count - 1)
        strip = (first, first + 1, 2 * count - 2 - first, 2 * count - 1 - first)
        low = _quads(*strip[::-1])
        high = _quads(*(corner + 2 * count for corner in strip))
        return points, np.concatenate([around, low, high])


@dataclass(frozen=True)
class Tube:
    """A round bar along a line through space."""

    path: Path
    diameter: float
    sides: int = 12

    def mesh(self) -> tuple[Vertices, Faces]:
        """Return the closed surface; its rings stand across the line and turn with it as little as may be."""
        path = np.array(self.path, float)
        step = np.diff(path, axis=0)
        step /= np.linalg.norm(step, axis=1, keepdims=True)
        ahead = np.concatenate([step[:1], step[:-1] + step[1:], step[-1:]])
        ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
        across = np.cross(ahead[0], np.eye(3)[np.argmin(np.abs(ahead[0]))])
        angle = np.arange(self.sides) * 2 * np.pi / self.sides
        rings = []
        for point, along in zip(path, ahead, strict=True):
            across = across - (across @ along) * along
            across /= np.linalg.norm(across)
            up = np.cross(along, across)
            rings.append(
                point + self.diameter / 2 * (np.cos(angle)[:, None] * across + np.sin(angle)[:, None] * up)
            )
        return closed(np.stack(rings), path[0], path[-1])


def revolved(
    radius: Float[np.ndarray, " rings"],
    height: Float[np.ndarray, " rings"],
    x: Float[np.ndarray, " around"],
    y: Float[np.ndarray, " around"],
) -> tuple[Vertices, Faces]:
    """Return the closed surface of rings of one outline, scaled by radius, one above the other."""
    rings = np.stack(
        [radius[:, None] * x, radius[:, None] * y, np.repeat(height[:, None], len(x), axis=1)], axis=-1
    )
    return closed(rings, np.array([0, 0, height[0]]), np.array([0, 0, height[-1]]))


def closed(
    rings: Float[np.ndarray, "rings around 3"], foot: Float[np.ndarray, "3"], top: Float[np.ndarray, "3"]
) -> tuple[Vertices, Faces]:
    """Return the surface through rings, closed by fans at its foot and top."""
    count, around = rings.shape[:2]
    ring, column = np.mgrid[0 : count - 1, 0:around]
    here, beside = ring * around + column, ring * around + (column + 1) % around
    sides = np.concatenate(
        [
            np.stack([here, beside, beside + around], -1).reshape(-1, 3),
            np.stack([here, beside + around, here + around], -1).reshape(-1, 3),
        ]
    )
    column, beside = np.arange(around), (np.arange(around) + 1) % around
    last = (count - 1) * around
    caps = [
        np.stack([np.full(around, count * around), beside, column], -1),
        np.stack([np.full(around, count * around + 1), last + column, last + beside], -1),
    ]
    return np.concatenate([rings.reshape(-1, 3), [foot, top]]), np.concatenate([sides, *caps])


@functools.lru_cache(maxsize=4096)
def unit_solid(solid: Solid) -> tuple[Vertices, Faces]:
    """Return a solid's mesh moved and stretched to fill -1 to 1 on each axis."""
    vertices, faces = solid.mesh()
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    return (vertices - (low + high) / 2) / np.maximum((high - low) / 2, 1e-9), faces


def extent(solid: Solid) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Return middle and size of a solid's box."""
    vertices = solid.mesh()[0]
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    return (low + high) / 2, high - low


def creased(outline: Sequence[tuple[float, float]]) -> Outline:
    """Return an outline with its sharp corners doubled, so that light keeps them apart."""
    points = np.array(outline, float)
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    turn = np.angle(
        np.exp(1j * (np.arctan2(after[:, 1], after[:, 0]) - np.arctan2(before[:, 1], before[:, 0])))
    )
    kept = []
    for (x, y), bend in zip(points.tolist(), turn.tolist(), strict=True):
        kept += [(x, y)] * (2 if abs(bend) > CREASE else 1)
    return tuple(kept)


def _mitred(line: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "points 2"]:
    """Return at each point of a line the step to its left that keeps a sheet equally thick around bends."""
    step = np.diff(line, axis=0)
    step /= np.linalg.norm(step, axis=1, keepdims=True)
    normal = np.column_stack([-step[:, 1], step[:, 0]])
    both = np.concatenate([normal[:1], normal[:-1] + normal[1:], normal[-1:]])
    both /= np.linalg.norm(both, axis=1, keepdims=True)
    cosine = np.concatenate([np.ones(1), (both[1:-1] * normal[1:]).sum(axis=1), np.ones(1)])
    return both / np.maximum(cosine, 0.4)[:, None]


def _quads(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> Faces:
    """Return two triangles for each row of four corners."""
    return np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)])
