"""The walk of a hand-held camera: it goes from room to room, looks at things, leaves and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from scipy.ndimage import gaussian_filter1d

from autoseg3d_core.simulation.camera_poses import poses_of, shake
from autoseg3d_core.simulation.near_paths import near_poses
from autoseg3d_core.simulation.rooms import House
from autoseg3d_core.simulation.walk_map import CELL_M, WalkMap

STEP_M = 0.02
STOP_S = 8.0
"""About the time from one stop to the next."""
ROUNDING_M = 0.28
LEAST_CLEARANCE_M = 0.14
EASING_S = 0.4
GAZE_EASING_S = 0.5
LOWEST_PITCH, HIGHEST_PITCH = np.radians(-50), np.radians(4)
AIM_LOWER_M = 0.15
LARGEST_TURN = np.radians(115)
NEAREST_TARGET_M, FARTHEST_TARGET_M = 1.0, 4.5
STEPS_PER_SECOND = 1.8
MAST_M, MAST_PITCH = (0.7, 1.15), (-0.3, -0.05)
MAST_SHAKE = 0.15
"""What a floor shakes a robot, against what a hand shakes."""
DULL = ("window", "curtain", "clock", "picture", "mirror", "door", "radiator")
"""They are seldom looked at for their own sake."""


@dataclass(frozen=True, eq=False)
class Walk:
    """Where the walker is, and how fast, at each frame."""

    places: Float[np.ndarray, "frames 2"]
    speed: Float[np.ndarray, " frames"]


def camera_path(
    house: House, rng: np.random.Generator, frames: int, rate_hz: float, kind: str = "walk"
) -> Float64[np.ndarray, "frames 4 4"]:
    """Return `house_from_camera` of each frame; optical axes: x right, y down, z forward.

    `kind` is walk (in a hand at eye height), robot (on a mast of fixed height and tilt) or near (in a hand
    close to one table or shelf).
    """
    floor = WalkMap(house)
    walk = _walk(house, floor, rng, frames, rate_hz)
    return PATHS[kind](house, floor, rng, walk, rate_hz)


def _in_hand(
    house: House, floor: WalkMap, rng: np.random.Generator, walk: Walk, rate_hz: float
) -> Float64[np.ndarray, "frames 4 4"]:
    """Return the poses of a camera that sways and shakes in a hand and looks at things."""
    frames = len(walk.places)
    time = np.arange(frames) / rate_hz
    sway = (
        gaussian_filter1d(rng.normal(0, 1, frames), 2.5 * rate_hz, mode="nearest")
        * np.sqrt(5 * rate_hz)
        * 0.04
    )
    bob = 0.012 * np.sin(2 * np.pi * STEPS_PER_SECOND * time) * np.clip(walk.speed / 0.5, 0, 1)
    height = np.clip(rng.uniform(1.28, 1.62) + sway + bob, 1.2, 1.7)
    eyes = np.column_stack([walk.places, height])
    yaw, pitch = _gaze(house, floor, rng, eyes, walk.speed, rate_hz)
    turn = shake(rng, frames, rate_hz)
    return poses_of(eyes, yaw + turn[0], pitch + turn[1], turn[2])


def _on_robot(
    house: House, floor: WalkMap, rng: np.random.Generator, walk: Walk, rate_hz: float
) -> Float64[np.ndarray, "frames 4 4"]:
    """Return the poses of a camera on a mast: its height and tilt stay, the robot turns towards things."""
    frames = len(walk.places)
    eyes = np.column_stack([walk.places, np.full(frames, rng.uniform(*MAST_M))])
    yaw, _ = _gaze(house, floor, rng, eyes, walk.speed, rate_hz)
    pitch, turn = rng.uniform(*MAST_PITCH), MAST_SHAKE * shake(rng, frames, rate_hz)
    return poses_of(eyes, yaw + turn[0], pitch + turn[1], turn[2])


def _near(
    house: House, floor: WalkMap, rng: np.random.Generator, walk: Walk, rate_hz: float
) -> Float64[np.ndarray, "frames 4 4"]:
    """Return the poses of a camera held close to a table or shelf; those of a walk where there is none."""
    found = near_poses(house, rng, len(walk.places), rate_hz)
    return _in_hand(house, floor, rng, walk, rate_hz) if found is None else found


PATHS = {"walk": _in_hand, "robot": _on_robot, "near": _near}
"""Makes poses of a walk, by the name of what carries the camera."""


def _walk(house: House, floor: WalkMap, rng: np.random.Generator, frames: int, rate_hz: float) -> Walk:
    """Return a walk with pauses that lasts for all frames."""
    duration, clock = frames / rate_hz, 0.0
    stops = _tour(house, floor, rng, duration)
    here = next(stops)
    line, times, reached = [here], [0.0], [0.0]
    while clock < duration + 2:
        pause = rng.uniform(0.6, 2.6)
        clock += pause
        times.append(clock)
        reached.append(reached[-1])
        there = next(stops)
        way = floor.way(here, there)
        length = float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum())
        line += list(way[1:])
        clock += max(length, 0.01) / rng.uniform(0.45, 0.85)
        times.append(clock)
        reached.append(reached[-1] + length)
        here = there
    smooth = _rounded(np.array(line), floor)
    moment = np.arange(frames) / rate_hz
    along = np.interp(moment, times, reached) / max(reached[-1], 1e-6)  # share of the way
    along = gaussian_filter1d(along, EASING_S * rate_hz, mode="nearest")
    travelled = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(smooth, axis=0), axis=1))])
    at = along * travelled[-1]
    places = np.column_stack([np.interp(at, travelled, smooth[:, axis]) for axis in (0, 1)])
    return Walk(places, np.abs(np.gradient(at)) * rate_hz if frames > 1 else np.zeros(frames))


def _tour(
    house: House, floor: WalkMap, rng: np.random.Generator, duration: float
) -> Iterator[Float[np.ndarray, "2"]]:
    """Yield places to stop at, without end: a few in each room, from room to room, and back again.

    There are as few in a room as it takes to come through all rooms in time.
    """
    cells = {room.index: floor.places_in(*room.inner) for room in house.rooms}
    open_rooms = [index for index, places in cells.items() if len(places)]
    known: dict[int, list[np.ndarray]] = {index: [] for index in open_rooms}
    order = _room_order(house, open_rooms, rng)
    most = int(np.clip(duration / STOP_S / len(order), 1, 4))
    while True:
        for index in order:
            is_new = not known[index]
            for _ in range(most if is_new or len(open_rooms) == 1 else 1):
                if len(known[index]) > 1 and rng.random() < 0.35:
                    yield known[index][int(rng.integers(len(known[index])))]
                    continue
                choice = cells[index][rng.integers(len(cells[index]), size=6)]
                last = known[index][-1] if known[index] else choice[0]
                distance = np.linalg.norm(choice - last, axis=1)
                distance += 0.5 * np.minimum(floor.clearance_at(choice), 0.6)
                known[index].append(choice[int(np.argmax(distance))])
                yield known[index][-1]


def _room_order(house: House, open_rooms: list[int], rng: np.random.Generator) -> list[int]:
    """Return a round trip along doorways that comes through every room it can, and back."""
    neighbours: dict[int, list[int]] = {index: [] for index in open_rooms}
    for opening in house.openings:
        a, b = opening.rooms
        if a in neighbours and b in neighbours:
            neighbours[a].append(b)
            neighbours[b].append(a)
    order: list[int] = []
    seen: set[int] = set()

    def visit(index: int) -> None:
        seen.add(index)
        order.append(index)
        for other in rng.permutation(neighbours[index]).astype(int).tolist():
            if other not in seen:
                visit(other)
                order.append(index)

    visit(open_rooms[0] if len(open_rooms) == 1 else max(open_rooms, key=lambda i: len(neighbours[i])))
    return order


def _rounded(line: Float[np.ndarray, "places 2"], floor: WalkMap) -> Float[np.ndarray, "steps 2"]:
    """Return a path in small steps with its corners rounded where there is room for it."""
    travelled = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.arange(0, max(travelled[-1], STEP_M), STEP_M)
    fine = np.column_stack([np.interp(at, travelled, line[:, axis]) for axis in (0, 1)])
    best = fine
    for share in (0.25, 0.5, 1.0):
        smooth = gaussian_filter1d(fine, share * ROUNDING_M / STEP_M, axis=0, mode="nearest")
        is_narrow = (floor.clearance_at(smooth) < LEAST_CLEARANCE_M + CELL_M / 2).astype(float)
        spread = np.clip(gaussian_filter1d(is_narrow, 0.3 / STEP_M, mode="nearest") * 40, 0, 1)[:, None]
        best = spread * best + (1 - spread) * smooth
    return best


def _gaze(
    house: House,
    floor: WalkMap,
    rng: np.random.Generator,
    eyes: np.ndarray,
    speed: np.ndarray,
    rate_hz: float,
) -> tuple[Float[np.ndarray, " frames"], Float[np.ndarray, " frames"]]:
    """Return yaw and pitch of the view, which moves from thing to thing."""
    centers, weight = _targets(house)
    frames = len(eyes)
    yaw, pitch = np.zeros(frames), np.zeros(frames)
    frame, heading = 0, rng.uniform(-np.pi, np.pi)
    while frame < frames:
        hold = max(2, round(rng.uniform(0.9, 2.4) * rate_hz))
        ahead = eyes[min(frame + round(1.2 * rate_hz), frames - 1)] - eyes[frame]
        course = (
            np.arctan2(ahead[1], ahead[0]) if speed[frame] > 0.25 and np.hypot(*ahead[:2]) > 0.3 else None
        )
        target = _choose(rng, floor, eyes[frame], centers, weight, heading, course)
        until = min(frame + hold, frames)
        to = target - eyes[frame:until]
        yaw[frame:until] = np.arctan2(to[:, 1], to[:, 0])
        pitch[frame:until] = np.arctan2(to[:, 2], np.hypot(to[:, 0], to[:, 1]))
        heading, frame = yaw[until - 1], until
    sigma = GAZE_EASING_S * rate_hz
    yaw = gaussian_filter1d(np.unwrap(yaw), sigma, mode="nearest")
    pitch = gaussian_filter1d(np.clip(pitch, LOWEST_PITCH, HIGHEST_PITCH), sigma, mode="nearest")
    return yaw, pitch


def _targets(house: House) -> tuple[Float[np.ndarray, "things 3"], Float[np.ndarray, " things"]]:
    """Return the middles of all things, and how much each draws the eye."""
    middle = np.array([(t.thing.bounds[0] + t.thing.bounds[1]) / 2 for t in house.things])
    centers = np.array([t.pose[:3, :3] @ m + t.at for t, m in zip(house.things, middle, strict=True)])
    size = np.array([np.linalg.norm(t.thing.size) for t in house.things])
    is_dull = np.array([t.thing.label in DULL or t.at[2] > 2 for t in house.things])
    centers[:, 2] -= AIM_LOWER_M
    return centers, np.where(is_dull, 0.1, 0.3 + np.minimum(size, 2.0))


def _choose(
    rng: np.random.Generator,
    floor: WalkMap,
    eye: np.ndarray,
    centers: np.ndarray,
    weight: np.ndarray,
    heading: float,
    course: float | None,
) -> Float[np.ndarray, "3"]:
    """Return what to look at next: a thing in sight, not too far round, ahead while walking."""
    to = centers - eye
    distance, bearing = np.hypot(to[:, 0], to[:, 1]), np.arctan2(to[:, 1], to[:, 0])
    chance = weight * ((distance > NEAREST_TARGET_M) & (distance < FARTHEST_TARGET_M))
    chance = chance * (np.abs(_turn(bearing - heading)) < LARGEST_TURN) * floor.sees(eye[:2], centers[:, :2])
    if course is not None:
        chance = chance * np.exp(-((_turn(bearing - course) / 0.9) ** 2))
    if chance.sum() > 1e-6:
        return centers[rng.choice(len(centers), p=chance / chance.sum())] + rng.normal(0, 0.1, 3)
    turn = course if course is not None else heading + rng.uniform(0.6, 1.6)
    return eye + 2.5 * np.array([np.cos(turn), np.sin(turn), -0.25])


def _turn(angle: np.ndarray) -> np.ndarray:
    """Return angles between -pi and pi."""
    return (angle + np.pi) % (2 * np.pi) - np.pi
