"""Recordings that put a map to the test: the camera goes there and back, and in between something changes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from autoseg3d_core.geometry.transforms import Pose, inverse_rigid, parts_of_screws, pose_from_quaternion
from autoseg3d_core.simulation.motions import Motion, in_sight, new_place
from autoseg3d_core.simulation.parts import Placed
from autoseg3d_core.simulation.sequence import SimulatedSequence
from autoseg3d_core.simulation.settings import SimulationConfig
from autoseg3d_core.simulation.streams import DRIFT, MOTION
from autoseg3d_core.simulation.walk_map import WalkMap
from autoseg3d_core.structures import Frame

KINDS = ("static", "removal", "move", "closure", "restart")
"""What a recording tries: nothing changes; things are taken away; things are put elsewhere; odometry drifts
and the loop is closed; the program starts anew at half-way."""
SEEN_FRAMES = 4
"""What changes was in view in so many frames of the way there."""
AWAY = np.array([0.0, 0.0, -100.0])
"""Where things go that are taken away: no camera looks there."""
CLOSED_AT = 0.75
"""The share of the recording after which the loop is closed."""
DRIFT_M, DRIFT_DEG = 0.4, 4.0
"""How far odometry has drifted by then."""
FRACTION = 0.5
"""The share of the things that are taken away, of those that can be."""
LEAST_M = 0.15
"""Things thinner than this stay: carving leaves what lies flat on something."""


@dataclass(frozen=True, eq=False)
class MapTrial:
    """A simulated recording of one kind; its second half begins at `turn`.

    `removed` and `moved` are the instances that change there.
    """

    kind: str
    sequence: SimulatedSequence
    turn: int
    removed: tuple[int, ...] = ()
    moved: tuple[int, ...] = ()

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.sequence)

    def __getitem__(self, index: int) -> Frame:
        """Return a frame with its true masks, and odometry's frame where the trial has one."""
        frame = self.sequence[index]
        told, odometry = frame.world_from_camera, None
        if self.kind == "closure":
            told, odometry = self._drifted(index, told)
        label_image = self.sequence.truth(index).instance
        return dataclasses.replace(
            frame, world_from_camera=told, world_from_odometry=odometry, label_image=label_image
        )

    def _drifted(self, index: int, pose: Pose) -> tuple[Pose, Pose]:
        """Return where a camera believes to be, and where odometry's frame is believed to lie."""
        rng = np.random.default_rng((self.sequence.seed, DRIFT))
        level, turn = rng.normal(size=2), np.deg2rad(DRIFT_DEG) * rng.choice([-1, 1])
        shift = DRIFT_M * np.append(level / np.linalg.norm(level), 0.0)
        around = pose_from_quaternion(shift, np.array([0, 0, np.sin(turn / 2), np.cos(turn / 2)]))
        start = self.sequence.world_from_house @ self.sequence.path[0]
        here = np.eye(4)
        here[:3, 3] = start[:3, 3]
        whole = here @ around @ inverse_rigid(here)
        closes = CLOSED_AT * len(self)
        error = parts_of_screws(whole[None], np.array([min(index / closes, 1.0)]))[0]
        correction = np.eye(4) if index < closes else inverse_rigid(whole)
        return correction @ error @ pose, correction


def draw_trial(kind: str, seed: int, config: SimulationConfig) -> MapTrial:
    """Return a trial of a kind; raises `InputError` for a seed of no split."""
    sequence = SimulatedSequence(seed, config)
    turn = config.frames // 2
    sequence.path = _there_and_back(sequence.path, config.frames)
    if kind not in ("removal", "move"):
        return MapTrial(kind, sequence, turn)
    motions = _changes(sequence, turn, is_removal=kind == "removal")
    sequence.motions = motions
    names = tuple(motion.thing + 1 for motion in motions)
    return MapTrial(kind, sequence, turn, **{"removed" if kind == "removal" else "moved": names})


def _there_and_back(path: Float64[np.ndarray, "poses 4 4"], frames: int) -> Float64[np.ndarray, "frames 4 4"]:
    there = path[: frames - frames // 2]
    return np.concatenate([there, there[::-1]])[:frames]


def _changes(sequence: SimulatedSequence, turn: int, is_removal: bool) -> tuple[Motion, ...]:
    """Return what changes between two frames at half-way, of what could be seen before and after.

    To the map it is as if the camera had been covered for a while.
    """
    house, path, rng = sequence.house, sequence.path, np.random.default_rng((sequence.seed, MOTION))
    floor, motions = WalkMap(house), list[Motion]()
    carriers = {thing.carrier for thing in house.things}
    for index, placed in enumerate(house.things):
        seen = in_sight(placed, path, sequence.camera, floor)
        hangs = placed.carrier < 0 and placed.at[2] > LEAST_M
        may_go = index not in carriers and not hangs and placed.thing.size.min() >= LEAST_M
        may_move = placed.thing.is_movable and placed.carrier < 0
        if not may_go or not (is_removal or may_move):
            continue
        if seen[:turn].sum() < SEEN_FRAMES or rng.random() > (FRACTION if is_removal else 1.0):
            continue
        after = Placed(placed.thing, placed.at + AWAY, placed.yaw, placed.room)
        if not is_removal:
            place = new_place(house, index, motions, path[:, :2, 3], rng, slides=False)
            if place is None or in_sight(place, path, sequence.camera, floor)[turn:].sum() < SEEN_FRAMES:
                continue
            after = place
        motions.append(Motion(index, turn - 1, turn - 1, placed, after))
    return tuple(motions)
