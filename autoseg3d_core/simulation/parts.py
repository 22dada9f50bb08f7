"""What rooms are made of: parts with a shape, a size and a material, joined to things."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from autoseg3d_core.simulation.solids import Solid, extent, revolved, unit_solid

Triple = tuple[float, float, float]
STILL: Triple = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Material:
    """How a surface looks: a texture by name ("" plain), tinted; glass returns no depth."""

    rgb: Triple
    texture: str = ""
    shine: float = 0.1
    emission: float = 0.0
    is_glass: bool = False
    repeat: float = 0.0
    """Times that the texture repeats per metre; 0 stretches it over each face."""


@dataclass(frozen=True)
class Part:
    """A solid of a thing. Parts of one name are one part to the truth.

    `shape` is box, cylinder (along z), ellipsoid, cushion, cone (along z, narrower at the top), drape, or a
    solid, which is stretched to the size; `size` holds full extents in metres; `turn` are the angles about
    x, y and z, in this order, in radians.
    """

    name: str
    shape: str | Solid
    size: Triple
    at: Triple
    material: Material
    turn: Triple = STILL

    @functools.cached_property
    def rotation(self) -> Float[np.ndarray, "3 3"]:
        """Rotation from the part's axes to the thing's."""
        return Rotation.from_euler("xyz", self.turn).as_matrix()

    @functools.cached_property
    def vertices(self) -> Float[np.ndarray, "vertices 3"]:
        """Points whose hull is the part's (to a few parts in a thousand), in the thing's frame."""
        return (unit_mesh(self.shape)[0] * np.array(self.size) / 2) @ self.rotation.T + np.array(self.at)


@dataclass(frozen=True)
class Surface:
    """A level rectangle on which small things can stand, in the thing's frame, with the free height above."""

    at: Triple
    size: tuple[float, float]
    headroom: float = 0.5


@dataclass(frozen=True, eq=False)
class Thing:
    """An object made of parts. Its frame: z up from its foot, y to its front, origin amid its footprint."""

    label: str
    parts: tuple[Part, ...]
    surfaces: tuple[Surface, ...] = ()
    is_movable: bool = False

    @functools.cached_property
    def part_boxes(self) -> tuple[Float[np.ndarray, "parts 3"], Float[np.ndarray, "parts 3"]]:
        """Centre and half extents of each part's box in the thing's frame."""
        low = np.array([part.vertices.min(axis=0) for part in self.parts])
        high = np.array([part.vertices.max(axis=0) for part in self.parts])
        return (low + high) / 2, (high - low) / 2

    @functools.cached_property
    def bounds(self) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
        """Lowest and highest corner in the thing's frame."""
        centers, halves = self.part_boxes
        return (centers - halves).min(axis=0), (centers + halves).max(axis=0)

    @property
    def size(self) -> Float[np.ndarray, "3"]:
        """Extents in metres."""
        return self.bounds[1] - self.bounds[0]

    @functools.cached_property
    def part_names(self) -> tuple[str, ...]:
        """Names of the parts, each once, in order."""
        return tuple(dict.fromkeys(part.name for part in self.parts))


@dataclass(frozen=True, eq=False)
class Placed:
    """A thing at its place: where its origin is and how it is turned about z."""

    thing: Thing
    at: Float[np.ndarray, "3"]
    yaw: float
    room: int = -1
    carrier: int = field(default=-1)
    """Index of the placed thing on which it stands, -1 the floor or a wall."""

    @functools.cached_property
    def pose(self) -> Float[np.ndarray, "4 4"]:
        """The matrix `house_from_thing`."""
        return planar_pose(self.at, self.yaw)

    def vertices(self) -> Float[np.ndarray, "vertices 3"]:
        """Points whose hull is the thing's, in the house."""
        points = np.concatenate([part.vertices for part in self.thing.parts])
        return points @ self.pose[:3, :3].T + self.at

    def footprint(self) -> Float[np.ndarray, "4 2"]:
        """Corners of its bounds seen from above."""
        low, high = self.thing.bounds
        corners = np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
        return corners @ self.pose[:2, :2].T + self.at[:2]

    def highest(self) -> float:
        """Return the height of its top."""
        return float(self.at[2] + self.thing.bounds[1][2])


def planar_pose(at: Iterable[float], yaw: float) -> Float[np.ndarray, "4 4"]:
    """Return the matrix of a turn about z and a shift."""
    pose = np.eye(4)
    pose[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    pose[:3, 3] = list(at)
    return pose


def box(name: str, size: Triple, at: Triple, material: Material, turn: Triple = STILL) -> Part:
    """Return a box."""
    return Part(name, "box", size, at, material, turn)


def cylinder(
    name: str, diameter: float, length: float, at: Triple, material: Material, turn: Triple = STILL
) -> Part:
    """Return a cylinder along z before its turn."""
    return Part(name, "cylinder", (diameter, diameter, length), at, material, turn)


def ellipsoid(name: str, size: Triple, at: Triple, material: Material, turn: Triple = STILL) -> Part:
    """Return an ellipsoid."""
    return Part(name, "ellipsoid", size, at, material, turn)


def cushion(name: str, size: Triple, at: Triple, material: Material, turn: Triple = STILL) -> Part:
    """Return a box with round edges."""
    return Part(name, "cushion", size, at, material, turn)


def cone(name: str, size: Triple, at: Triple, material: Material, turn: Triple = STILL) -> Part:
    """Return a body that is round about z and narrower at its top."""
    return Part(name, "cone", size, at, material, turn)


def solid(name: str, shape: Solid, at: Triple, material: Material, turn: Triple = STILL) -> Part:
    """Return a solid in its own size; `at` is where the origin of its outline comes to lie."""
    middle, size = extent(shape)
    x, y, z = np.array(at) + Rotation.from_euler("xyz", turn).as_matrix() @ middle
    width, depth, height = size
    return Part(
        name,
        shape,
        (float(width), float(depth), float(height)),
        (float(x), float(y), float(z)),
        material,
        turn,
    )


def moved(parts: Iterable[Part], by: Triple, suffix: str = "") -> tuple[Part, ...]:
    """Return the parts shifted, with names that end in the suffix."""
    return tuple(
        Part(
            p.name + suffix,
            p.shape,
            p.size,
            (p.at[0] + by[0], p.at[1] + by[1], p.at[2] + by[2]),
            p.material,
            p.turn,
        )
        for p in parts
    )


def unit_mesh(shape: str | Solid) -> tuple[Float[np.ndarray, "vertices 3"], np.ndarray]:
    """Return vertices in [-1, 1] and triangles (counter-clockwise from outside) of a shape of size 2."""
    return _named_mesh(shape) if isinstance(shape, str) else unit_solid(shape)


@functools.cache
def _named_mesh(shape: str) -> tuple[Float[np.ndarray, "vertices 3"], np.ndarray]:
    if shape == "box":
        grid = np.array([-1.0, 1.0])
        return np.stack(np.meshgrid(grid, grid, grid), axis=-1).reshape(-1, 3), np.zeros((0, 3), int)
    rings, around = {"cylinder": (2, 48), "ellipsoid": (17, 32), "cushion": (13, 28)}.get(shape, (2, 24))
    angle = np.arange(around) * 2 * np.pi / around
    if shape == "drape":
        return _drape()
    if shape in ("cylinder", "cone"):
        radius = np.array([1.0, 1.0 if shape == "cylinder" else 0.68])
        return revolved(radius, np.array([-1.0, 1.0]), np.cos(angle), np.sin(angle))
    lift = np.linspace(-np.pi / 2, np.pi / 2, rings)
    power = 1.0 if shape == "ellipsoid" else 0.35
    across, up = _power(np.cos(lift), power), _power(np.sin(lift), power)
    return revolved(across, up, _power(np.cos(angle), power), _power(np.sin(angle), power))


def _power(value: np.ndarray, power: float) -> np.ndarray:
    """Return the signed power that makes a superellipsoid of an ellipsoid."""
    value = np.where(np.abs(value) < 1e-9, 0.0, value)
    return np.sign(value) * np.abs(value) ** power


def _drape(folds: int = 9, columns: int = 73) -> tuple[np.ndarray, np.ndarray]:
    """Return a hanging cloth: a sheet across x that waves in y."""
    x = np.linspace(-1, 1, columns)
    wave = 0.6 * np.sin(folds * np.pi * x)
    outline_x, outline_y = np.concatenate([x, x[::-1]]), np.concatenate([wave - 0.4, wave[::-1] + 0.4])
    return revolved(np.ones(2), np.array([-1.0, 1.0]), outline_x, outline_y)
