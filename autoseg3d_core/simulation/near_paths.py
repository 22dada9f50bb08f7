"""Views of one table or shelf from about half a metre, as of somebody who looks for something on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64

from autoseg3d_core.simulation.camera_poses import poses_of, shake
from autoseg3d_core.simulation.parts import Placed, Surface
from autoseg3d_core.simulation.rooms import House

TRIES = 60
NEAREST_M, FARTHEST_M = 0.45, 0.95
LOWEST_M, HIGHEST_M = 0.25, 1.7
"""Heights of surfaces that one bends or reaches to."""
LEAST_SIDE_M = 0.15
SWING_S = (5.0, 14.0)
CLEAR_M = 0.06
ROOM_MARGIN_M = 0.1
LOW_HEADROOM_M = 0.7
"""Below it a surface is looked into from its front, else down upon from any side."""
SAMPLED = 12
OPEN_SHARE = 0.9


@dataclass(frozen=True, eq=False)
class Spot:
    """A surface of a placed thing, and how many things stand on it."""

    index: int
    placed: Placed
    surface: Surface
    carried: int


def near_poses(
    house: House, rng: np.random.Generator, frames: int, rate_hz: float
) -> Float64[np.ndarray, "frames 4 4"] | None:
    """Return `house_from_camera` around a surface, preferably a full one; none where none is in the open."""
    spots = _spots(house)
    if not spots:
        return None
    weight = np.array([spot.carried + 0.2 for spot in spots])
    for _ in range(TRIES):
        spot = spots[int(rng.choice(len(spots), p=weight / weight.sum()))]
        eyes, aims = _swing(spot, rng, frames, rate_hz)
        if _is_open(house, spot, eyes, aims):
            to = aims - eyes
            yaw, pitch = np.arctan2(to[:, 1], to[:, 0]), np.arctan2(to[:, 2], np.hypot(to[:, 0], to[:, 1]))
            turn = shake(rng, frames, rate_hz)
            return poses_of(eyes, np.unwrap(yaw) + turn[0], pitch + turn[1], turn[2])
    return None


def _spots(house: House) -> list[Spot]:
    on = Counter((t.carrier, round(float(t.at[2]), 2)) for t in house.things if t.carrier >= 0)
    return [
        Spot(index, placed, surface, on[index, round(float(placed.at[2]) + surface.at[2], 2)])
        for index, placed in enumerate(house.things)
        for surface in placed.thing.surfaces
        if LOWEST_M < placed.at[2] + surface.at[2] < HIGHEST_M and min(surface.size) > LEAST_SIDE_M
    ]


def _swing(
    spot: Spot, rng: np.random.Generator, frames: int, rate_hz: float
) -> tuple[Float[np.ndarray, "frames 3"], Float[np.ndarray, "frames 3"]]:
    """Return eyes that swing around a surface, and the points on it that they look at."""
    time = np.arange(frames) / rate_hz
    wave = np.sin(2 * np.pi * (time / rng.uniform(*SWING_S, (5, 1)) + rng.random((5, 1))))  # (5, frames)
    is_low = spot.surface.headroom < LOW_HEADROOM_M and spot.carried > 0
    side = rng.normal(0, 0.3) if is_low else rng.uniform(-np.pi, np.pi)
    lift = rng.uniform(0.0, 0.35) if is_low else rng.uniform(0.3, 0.9)
    azimuth = spot.placed.yaw + np.pi / 2 + side + rng.uniform(0.2, 0.7) * wave[0]
    elevation = lift + rng.uniform(0.03, 0.15) * wave[1]
    far = rng.uniform(NEAREST_M, FARTHEST_M) + rng.uniform(0.02, 0.12) * wave[2]
    across = 0.35 * np.array(spot.surface.size)[:, None] * wave[3:]
    local = np.array(spot.surface.at)[:, None] + np.vstack([across, np.full(frames, 0.06)])
    aims = (spot.placed.pose[:3, :3] @ local).T + spot.placed.at
    level = np.cos(elevation)
    away = np.column_stack([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)])
    return aims + far[:, None] * away, aims


def _is_open(
    house: House, spot: Spot, eyes: Float[np.ndarray, "frames 3"], aims: Float[np.ndarray, "frames 3"]
) -> bool:
    """Tell whether the eyes stay in the room and in free space, and mostly see what they look at."""
    chosen = np.unique(np.linspace(0, len(eyes) - 1, SAMPLED).astype(int))
    eyes, aims = eyes[chosen], aims[chosen]
    room = house.rooms[spot.placed.room]
    low, high = (
        np.append(room.inner[0], 0.1) + ROOM_MARGIN_M,
        np.append(room.inner[1], room.height) - ROOM_MARGIN_M,
    )
    if (eyes < low).any() or (eyes > high).any() or _inside(list(house.things), eyes, CLEAR_M).any():
        return False
    others = [t for i, t in enumerate(house.things) if t.carrier != spot.index]
    share = np.array([0.2, 0.4, 0.6, 0.75])[:, None, None]
    between = eyes + share * (aims - eyes)
    blocked = _inside(others, between.reshape(-1, 3), 0.0).reshape(between.shape[:2]).any(axis=0)
    return bool(np.mean(~blocked) >= OPEN_SHARE)


def _inside(
    things: list[Placed], points: Float[np.ndarray, "points 3"], margin: float
) -> Bool[np.ndarray, " points"]:
    """Tell which points lie in a part's box of any thing, or nearer to it than the margin."""
    found = np.zeros(len(points), bool)
    for placed in things:
        local = (points - placed.at) @ placed.pose[:3, :3]
        low, high = placed.thing.bounds
        near = ((local > low - margin) & (local < high + margin)).all(axis=1)
        if near.any():
            centers, halves = placed.thing.part_boxes
            away = np.abs(local[near, None] - centers) < halves + margin
            found[near] |= away.all(axis=-1).any(axis=-1)
    return found
