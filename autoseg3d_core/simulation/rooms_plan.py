"""The plan of a house: rectangular rooms side by side, joined by doorways, with windows in outer walls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

HALF_WALL_M = 0.06
SMALLEST_SIDE_M = 2.4
DOOR_MARGIN_M = 0.22


@dataclass(frozen=True, eq=False)
class Room:
    """A rectangle of the plan, from wall centre to wall centre, and what it is used for."""

    index: int
    low: Float[np.ndarray, "2"]
    high: Float[np.ndarray, "2"]
    kind: str
    height: float

    @property
    def inner(self) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
        """The floor between the faces of the walls."""
        return self.low + HALF_WALL_M, self.high - HALF_WALL_M

    @property
    def area(self) -> float:
        """Floor area in square metres."""
        return float(np.prod(self.high - self.low))


@dataclass(frozen=True)
class Opening:
    """A hole in a wall: between two rooms (a doorway), or to the outside (a window, `rooms[1]` is -1).

    The wall lies across axis `axis` at `at`; the hole reaches from `start` to `end` along the other axis
    and from `foot` to `top`.
    """

    rooms: tuple[int, int]
    axis: int
    at: float
    start: float
    end: float
    foot: float
    top: float
    has_leaf: bool = False

    @property
    def center(self) -> Float[np.ndarray, "2"]:
        """Its middle, seen from above."""
        middle = (self.start + self.end) / 2
        return np.array([self.at, middle] if self.axis == 0 else [middle, self.at])


@dataclass(frozen=True)
class Side:
    """One wall of a room: its inner face, with the normal that points into the room."""

    room: int
    axis: int
    at: float
    sign: int
    start: float
    end: float

    @property
    def normal(self) -> Float[np.ndarray, "2"]:
        """Unit vector into the room."""
        return np.array([self.sign, 0.0] if self.axis == 0 else [0.0, self.sign])

    @property
    def yaw(self) -> float:
        """Turn of a thing whose back is at this wall."""
        return float(np.arctan2(self.normal[1], self.normal[0]) - np.pi / 2)

    def point(self, along: float, away: float = 0.0) -> Float[np.ndarray, "2"]:
        """Return the point this far along the wall and away from its face."""
        across = self.at + self.sign * away
        return np.array([across, along] if self.axis == 0 else [along, across])


def sides_of(room: Room) -> tuple[Side, ...]:
    """Return the four walls of a room."""
    low, high = room.inner
    return (
        Side(room.index, 0, float(low[0]), 1, float(low[1]), float(high[1])),
        Side(room.index, 0, float(high[0]), -1, float(low[1]), float(high[1])),
        Side(room.index, 1, float(low[1]), 1, float(low[0]), float(high[0])),
        Side(room.index, 1, float(high[1]), -1, float(low[0]), float(high[0])),
    )


def draw_area(rng: np.random.Generator, count: int) -> float:
    """Return the floor area of a usual home or office of so many rooms, in square metres."""
    return float(count * (rng.uniform(11, 22) if count > 1 else rng.uniform(10, 30)))


def draw_plan(
    rng: np.random.Generator, count: int, draw_area: Callable[[np.random.Generator, int], float] = draw_area
) -> tuple[tuple[Room, ...], tuple[Opening, ...]]:
    """Return rooms that fill a rectangle and the doorways and windows between and around them."""
    rectangles = _split(rng, count, draw_area(rng, count))
    height = float(rng.uniform(2.4, 3.0))
    kinds = _kinds(rng, rectangles)
    rooms = tuple(
        Room(i, low, high, kind, height)
        for i, ((low, high), kind) in enumerate(zip(rectangles, kinds, strict=True))
    )
    return rooms, (*_doorways(rng, rooms), *_windows(rng, rooms))


def _split(rng: np.random.Generator, count: int, area: float) -> list[tuple[np.ndarray, np.ndarray]]:
    aspect = rng.uniform(0.7, 1.4)
    whole = np.round(np.array([np.sqrt(area * aspect), np.sqrt(area / aspect)]), 2)
    rectangles = [(np.zeros(2), whole)]
    while len(rectangles) < count:
        largest = max(
            range(len(rectangles)), key=lambda i: float(np.prod(rectangles[i][1] - rectangles[i][0]))
        )
        low, high = rectangles.pop(largest)
        axis = int(np.argmax(high - low))
        margin = min(SMALLEST_SIDE_M, (high - low)[axis] / 2)
        share = rng.uniform(0.36, 0.64) * (high - low)[axis]
        cut = round(float(low[axis] + np.clip(share, margin, (high - low)[axis] - margin)), 2)
        first_high, second_low = high.copy(), low.copy()
        first_high[axis] = second_low[axis] = cut
        rectangles += [(low, first_high), (second_low, high)]
    return rectangles


def _kinds(rng: np.random.Generator, rectangles: list[tuple[np.ndarray, np.ndarray]]) -> list[str]:
    """Return what each room is for: what a home or an office has, small rooms as bathrooms or stores."""
    home = rng.random() < 0.75
    large = (
        ["living", "bedroom", "kitchen", "study", "dining"]
        if home
        else ["office", "meeting", "office", "lounge"]
    )
    order: list[str] = []
    kinds = []
    for low, high in rectangles:
        area = float(np.prod(high - low))
        if len(rectangles) > 1 and area < 9.5:
            kinds.append(str(rng.choice(["bathroom", "store", "kitchen", "study"])))
            continue
        if not order:
            order = [str(kind) for kind in rng.permutation(large)]
        kinds.append(order.pop())
    return kinds


def _doorways(rng: np.random.Generator, rooms: tuple[Room, ...]) -> list[Opening]:
    """Return doorways that connect all rooms, and some more."""
    walls = [(a.index, b.index, *shared) for a in rooms for b in rooms if (shared := _shared_wall(a, b))]
    group = list(range(len(rooms)))
    doorways = []
    for at in rng.permutation(len(walls)):
        first, second, axis, where, start, end = walls[at]
        joined = group[first] == group[second]
        if joined and rng.random() > 0.25:
            continue
        old, new = group[second], group[first]
        group = [new if g == old else g for g in group]
        doorways.append(_doorway(rng, (first, second), axis, where, start, end))
    return doorways


def _shared_wall(a: Room, b: Room) -> tuple[int, float, float, float] | None:
    """Return axis, place and reach of the wall where b follows a, if there is room for a door."""
    for axis in (0, 1):
        other = 1 - axis
        start, end = max(a.low[other], b.low[other]), min(a.high[other], b.high[other])
        if abs(a.high[axis] - b.low[axis]) < 1e-6 and end - start > 1.0 + 2 * DOOR_MARGIN_M:
            return axis, float(a.high[axis]), float(start), float(end)
    return None


def _doorway(
    rng: np.random.Generator, rooms: tuple[int, int], axis: int, at: float, start: float, end: float
) -> Opening:
    start, end = start + DOOR_MARGIN_M, end - DOOR_MARGIN_M
    is_wide = end - start > 1.5 and rng.random() < 0.25
    width = rng.uniform(1.3, min(2.4, end - start)) if is_wide else rng.uniform(0.9, 1.05)
    first = rng.uniform(start, end - width)
    top = rng.uniform(2.0, 2.12) if not is_wide else rng.uniform(2.1, 2.3)
    return Opening(rooms, axis, at, first, first + width, 0.0, top, bool(not is_wide and rng.random() < 0.65))


def _windows(rng: np.random.Generator, rooms: tuple[Room, ...]) -> list[Opening]:
    """Return windows in the walls at the outside of the plan."""
    low = np.min([room.low for room in rooms], axis=0)
    high = np.max([room.high for room in rooms], axis=0)
    windows = []
    for room in rooms:
        for axis, at in [(a, e[a]) for a in (0, 1) for e in (room.low, room.high)]:
            if min(abs(at - low[axis]), abs(at - high[axis])) > 1e-6 or rng.random() > 0.55:
                continue
            start, end = room.low[1 - axis] + 0.4, room.high[1 - axis] - 0.4
            width = min(rng.uniform(0.8, 2.2), end - start)
            first = start + rng.random() * (end - start - width)
            foot = rng.uniform(0.8, 1.05) if rng.random() < 0.85 else 0.15
            top = min(foot + rng.uniform(0.9, 1.4), room.height - 0.2) if foot > 0.5 else 2.1
            windows.append(Opening((room.index, -1), axis, float(at), first, first + width, foot, top))
    return windows
