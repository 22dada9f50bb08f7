"""Finding places: no two parts meet, nothing stands in a doorway, and one can still walk through."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float

from autoseg3d_core.simulation.parts import Placed
from autoseg3d_core.simulation.rooms_plan import Opening, Room

CELL_M = 0.1
WALK_CLEARANCE_M = 0.27
HEAD_M = 1.95
"""Whatever begins below this height is in the way of who walks."""
DOOR_ZONE_M = 0.75
WINDOW_ZONE_M = 0.3
LEAST_FREE_SHARE = 0.13
TOUCH_M = 1e-3


def interpenetrate(a: Placed, b: Placed, tolerance_m: float = TOUCH_M) -> bool:
    """Tell whether any part of one thing reaches deeper than this into a part of the other.

    Parts count as their boxes in their thing's frame.
    """
    (center_a, half_a), (center_b, half_b) = a.thing.part_boxes, b.thing.part_boxes
    turn = b.pose[:3, :3].T @ a.pose[:3, :3]  # b from a
    between = (center_a @ a.pose[:3, :3].T + a.at)[:, None] - (center_b @ b.pose[:3, :3].T + b.at)[None]
    in_b = np.abs(between @ b.pose[:3, :3])  # (parts of a, parts of b, 3)
    in_a = np.abs(between @ a.pose[:3, :3])
    reach_b = half_a @ np.abs(turn).T
    reach_a = half_b @ np.abs(turn)
    apart = (in_b > reach_b[:, None] + half_b[None] - tolerance_m).any(axis=-1)
    apart |= (in_a > half_a[:, None] + reach_a[None] - tolerance_m).any(axis=-1)
    return bool((~apart).any())


class Layout:
    """The things of one room while they are being placed."""

    def __init__(self, room: Room, openings: tuple[Opening, ...]) -> None:
        self.room = room
        self.placed: list[Placed] = []
        self._doorways = [d for d in openings if room.index in d.rooms and d.rooms[1] >= 0]
        self._low, self._high = np.zeros((0, 3)), np.zeros((0, 3))
        self._zones = [_door_zone(room, doorway) for doorway in self._doorways]
        windows = [w for w in openings if w.rooms[0] == room.index and w.rooms[1] < 0]
        self._window_zones = [_window_zone(room, window) for window in windows]

    def add(self, thing: Placed) -> int:
        """Put a thing down without asking; returns its index."""
        low, high = box_of(thing)
        self._low, self._high = np.vstack([self._low, low]), np.vstack([self._high, high])
        self.placed.append(thing)
        return len(self.placed) - 1

    def is_free(self, thing: Placed) -> bool:
        """Tell whether a thing meets no wall and no other thing, and stands in no doorway."""
        low, high = box_of(thing)
        floor_low, floor_high = self.room.inner
        if (low[:2] < floor_low - TOUCH_M).any() or (high[:2] > floor_high + TOUCH_M).any():
            return False
        if high[2] > self.room.height or (low[2] < HEAD_M and any(_meets(low, high, z) for z in self._zones)):
            return False
        if any((low < z[1]).all() and (high > z[0]).all() for z in self._window_zones):
            return False
        return self.meets_nothing(thing)

    def meets_nothing(self, thing: Placed) -> bool:
        """Tell whether a thing interpenetrates no other."""
        low, high = box_of(thing)
        near = ((self._low < high) & (self._high > low)).all(axis=1)
        return not any(interpenetrate(thing, self.placed[i]) for i in np.flatnonzero(near))

    def leaves_a_way(self, thing: Placed) -> bool:
        """Tell whether one could still walk between all doorways, and about, with this thing placed."""
        if box_of(thing)[0][2] > HEAD_M:
            return True
        free = walkable([*self.placed, thing], *self.room.inner)
        count, label = cv2.connectedComponents(free.astype(np.uint8), connectivity=4)
        if count < 2:
            return False
        size = np.bincount(label.ravel())[1:].max() * CELL_M**2
        if size < max(0.7, LEAST_FREE_SHARE * self.room.area):
            return False
        largest = 1 + int(np.argmax(np.bincount(label.ravel())[1:]))
        return all(
            (label[_cells_before(self.room, doorway, free.shape)] == largest).any()
            for doorway in self._doorways
        )

    def try_add(self, thing: Placed) -> int:
        """Put a thing down if it fits; returns its index, or -1."""
        return self.add(thing) if self.is_free(thing) and self.leaves_a_way(thing) else -1


def box_of(thing: Placed) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Return the lowest and highest corner of a placed thing's bounds."""
    corners = thing.footprint()
    low, high = thing.thing.bounds
    return np.append(corners.min(axis=0), thing.at[2] + low[2]), np.append(
        corners.max(axis=0), thing.at[2] + high[2]
    )


def blocked_cells(
    things: list[Placed], low: Float[np.ndarray, "2"], high: Float[np.ndarray, "2"], cell_m: float = CELL_M
) -> Bool[np.ndarray, "rows columns"]:
    """Return which cells of a floor lie under things that are in the way; rows go along y."""
    columns, rows = (max(1, int(np.ceil(v / cell_m))) for v in high - low)
    blocked = np.zeros((rows, columns), np.uint8)
    for thing in things:
        if thing.carrier < 0 and box_of(thing)[0][2] < HEAD_M:
            corners = np.round((thing.footprint() - low) / cell_m * 16 - 8).astype(np.int32)
            cv2.fillConvexPoly(blocked, corners, 1, shift=4)
    return blocked.astype(bool)


def walkable(
    things: list[Placed], low: Float[np.ndarray, "2"], high: Float[np.ndarray, "2"]
) -> Bool[np.ndarray, "rows columns"]:
    """Return the cells of a room's floor where a person can be."""
    blocked = np.pad(blocked_cells(things, low, high), 1, constant_values=True)
    distance = cv2.distanceTransform((~blocked).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1] * CELL_M
    return distance > WALK_CLEARANCE_M


def _door_zone(room: Room, doorway: Opening, deep_m: float = DOOR_ZONE_M) -> tuple[np.ndarray, np.ndarray]:
    """Return the rectangle before a doorway that stays clear."""
    sign = 1 if doorway.center[doorway.axis] < (room.low + room.high)[doorway.axis] / 2 else -1
    near, far = doorway.at, doorway.at + sign * deep_m
    low, high = np.zeros(2), np.zeros(2)
    low[doorway.axis], high[doorway.axis] = min(near, far), max(near, far)
    low[1 - doorway.axis], high[1 - doorway.axis] = doorway.start + 0.03, doorway.end - 0.03
    return low, high


def _window_zone(room: Room, window: Opening) -> tuple[np.ndarray, np.ndarray]:
    """Return the space before a window that things do not cover."""
    low, high = _door_zone(room, window, WINDOW_ZONE_M)
    return np.append(low, window.foot + 0.12), np.append(high, window.top)


def _meets(low: np.ndarray, high: np.ndarray, zone: tuple[np.ndarray, np.ndarray]) -> bool:
    return bool((low[:2] < zone[1]).all() and (high[:2] > zone[0]).all())


def _cells_before(room: Room, doorway: Opening, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the cells of a doorway's clear zone."""
    low, high = _door_zone(room, doorway)
    first = np.clip(np.floor((low - room.inner[0]) / CELL_M), 0, np.array(shape[::-1]) - 1).astype(int)
    last = np.clip(np.ceil((high - room.inner[0]) / CELL_M), 1, np.array(shape[::-1])).astype(int)
    return slice(first[1], last[1]), slice(first[0], last[0])
