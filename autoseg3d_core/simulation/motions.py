"""Things that move: when, and to where, without meeting anything or anybody."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from autoseg3d_core.simulation.parts import Placed
from autoseg3d_core.simulation.rooms import House
from autoseg3d_core.simulation.rooms_layout import Layout, box_of
from autoseg3d_core.simulation.walk_map import WalkMap
from autoseg3d_core.structures import CameraIntrinsics

WALKER_M = 0.4
NEAREST_M, FARTHEST_M = 0.35, 1.6
SIGHT_M = 7.0
GUARD_FRAMES = 3
PLACES_TRIED = 40
STEPS_CHECKED = 6


@dataclass(frozen=True, eq=False)
class Motion:
    """A thing goes from one place to another between two frames; in no time where these are equal."""

    thing: int
    start: int
    end: int
    before: Placed
    after: Placed

    def pose_at(self, frame: int) -> Float[np.ndarray, "4 4"]:
        """Return `house_from_thing` in a frame."""
        return self.placed_at(frame).pose

    def placed_at(self, frame: int) -> Placed:
        """Return the thing where it is in a frame; it starts and stops gently."""
        share = (
            float(np.clip((frame - self.start) / max(self.end - self.start, 1), 0, 1))
            if frame > self.start
            else 0.0
        )
        return between(self.before, self.after, share * share * (3 - 2 * share))


def between(before: Placed, after: Placed, share: float) -> Placed:
    """Return a thing on the straight way from one place to another."""
    if share in (0.0, 1.0):
        return after if share else before
    turn = (after.yaw - before.yaw + math.pi) % (2 * math.pi) - math.pi
    at = (1 - share) * before.at + share * after.at
    return Placed(before.thing, at, before.yaw + share * turn, before.room)


def draw_motions(
    house: House,
    path: Float[np.ndarray, "frames 4 4"],
    camera: CameraIntrinsics,
    rng: np.random.Generator,
    share: float,
    rate_hz: float,
    may_be_seen: bool,
) -> tuple[Motion, ...]:
    """Return what moves during a walk: each movable thing with this probability, if it can.

    It moves after the camera has seen it: while it is out of sight, or, where that is allowed, also
    before the camera's eyes, within one or two seconds.
    """
    floor, motions = WalkMap(house), list[Motion]()
    carriers = {t.carrier for t in house.things}
    for index, placed in enumerate(house.things):
        if not placed.thing.is_movable or placed.carrier >= 0 or index in carriers or rng.random() > share:
            continue
        seen = in_sight(placed, path, camera, floor)
        slides = may_be_seen and rng.random() < 0.5
        span = _span(seen, rng, round(rng.uniform(1.0, 2.0) * rate_hz) if slides else 0)
        after = new_place(house, index, motions, path[:, :2, 3], rng, slides) if span else None
        if span and after:
            motions.append(Motion(index, *span, placed, after))
    return tuple(motions)


def in_sight(
    placed: Placed, path: Float[np.ndarray, "frames 4 4"], camera: CameraIntrinsics, floor: WalkMap
) -> Bool[np.ndarray, " frames"]:
    """Tell in which frames a thing may be seen: some of it is in view and no wall is before its middle."""
    low, high = box_of(placed)
    center, radius = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    local = np.einsum("nji,nj->ni", path[:, :3, :3], center - path[:, :3, 3])
    in_view = (local[:, 2] > -radius) & (np.linalg.norm(local, axis=1) < SIGHT_M)
    for axis, slope in ((0, camera.width / 2 / camera.fx), (1, camera.height / 2 / camera.fy)):
        in_view &= np.abs(local[:, axis]) - slope * local[:, 2] < radius * math.hypot(1, slope)
    return in_view & floor.sees(center[:2], path[:, :2, 3])


def _span(seen: np.ndarray, rng: np.random.Generator, length: int) -> tuple[int, int] | None:
    """Return the first and last frame of a motion, or none where there is no moment for it.

    Without a length the moment lies where the thing is not in sight, between two views of it if there are.
    """
    before = np.cumsum(seen) > 0
    if length:
        frames = np.flatnonzero(seen & before)
        frames = frames[frames + length < len(seen)]
        return (int(start := rng.choice(frames)), int(start) + length) if len(frames) else None
    near = np.convolve(seen, np.ones(2 * GUARD_FRAMES + 1), "same") > 0
    hidden = np.flatnonzero(before & ~near)
    again = hidden[hidden < np.flatnonzero(seen)[-1]] if seen.any() else hidden
    frames = again if len(again) else hidden
    return (int(moment := rng.choice(frames)), int(moment)) if len(frames) else None


def new_place(
    house: House,
    index: int,
    motions: Sequence[Motion],
    walked: np.ndarray,
    rng: np.random.Generator,
    slides: bool,
) -> Placed | None:
    """Return a free place in the same room that nobody walks through, or none."""
    placed = house.things[index]
    layout = Layout(house.rooms[placed.room], house.openings)
    for other, thing in enumerate(house.things):
        if thing.room == placed.room and other != index:
            layout.add(thing)
    for motion in motions:
        if motion.before.room == placed.room:
            layout.add(motion.after)
    reach = float(np.linalg.norm(placed.thing.size[:2])) / 2 + WALKER_M
    for _ in range(PLACES_TRIED):
        turn, far = rng.uniform(0, 2 * np.pi), rng.uniform(NEAREST_M, FARTHEST_M)
        at = placed.at + far * np.array([np.cos(turn), np.sin(turn), 0.0])
        after = Placed(placed.thing, at, placed.yaw + rng.normal(0, 0.6), placed.room)
        shares = np.linspace(0, 1, STEPS_CHECKED)[1:] if slides else [1.0]
        stations = [between(placed, after, float(share)) for share in shares]
        if all(_is_clear(layout, s, walked, reach) for s in stations):
            return after
    return None


def _is_clear(layout: Layout, placed: Placed, walked: np.ndarray, reach: float) -> bool:
    return bool((np.linalg.norm(walked - placed.at[:2], axis=1) > reach).all()) and layout.is_free(placed)
