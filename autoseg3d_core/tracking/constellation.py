"""Where a map lies in another world: found by objects that stand to each other as those that are seen now.

Gravity is known in both worlds, so what is looked for is a turn about the vertical and a shift. Each two
pairs of alike objects that are as far apart in both worlds propose one; what most objects agree with, and no
other place comes near, is taken (the constellation model of geometric verification, cf. Fischler and Bolles,
1981, here by all pairs and not by chance).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from autoseg3d_core.structures import Tracks

AXES = 3
AT_ONCE = 2000
"""So many proposals are counted at once, which bounds memory."""


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Objects of a constellation: middles in the world (m), sizes (m), means and spreads of colour."""

    middles: Float64[np.ndarray, "objects 3"]
    sizes: Float64[np.ndarray, "objects 3"]
    looks: Float64[np.ndarray, "objects 6"]

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.middles)

    @staticmethod
    def of(tracks: Tracks) -> Landmarks:
        """Return the landmarks among tracks: those that are confirmed."""
        chosen = tracks[tracks.mature]
        boxes = chosen.oriented_boxes.double().cpu().numpy()
        return Landmarks(boxes[:, :3], boxes[:, 3:6], chosen.looks.double().cpu().numpy())


@dataclass(frozen=True)
class ConstellationLimits:
    """How alike objects have to be, how exactly they have to lie, and how many have to agree."""

    size_share: float = 0.25
    size_m: float = 0.1
    looks: float = 0.15
    off_m: float = 0.25
    least_apart_m: float = 0.5
    least_objects: int = 4
    least_share: float = 0.5
    """So many of the objects seen now have to be found on the map."""
    least_lead: int = 2
    """So many objects fewer may agree with any other place."""
    most_candidates: int = 400


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where a loaded map lies: `world_from_map` moves it there; `pairs` are objects (map, seen) that agree.

    `off_m` is by how much they miss each other (root mean square), `rival` how many agree with the best other
    place.
    """

    world_from_map: Float64[np.ndarray, "4 4"]
    pairs: Int64[np.ndarray, "pairs 2"]
    off_m: float
    rival: int


def find_alignment(
    on_map: Landmarks, seen: Landmarks, vertical: int = 2, limits: ConstellationLimits | None = None
) -> Alignment | None:
    """Return where a map lies in the world of what is seen, or None where that is not sure.

    `vertical` is the axis of both worlds that points up or down (0, 1 or 2).
    """
    limits = limits or ConstellationLimits()
    pair = _candidates(on_map, seen, vertical, limits)
    if len(pair) < limits.least_objects:
        return None
    axes = [(vertical + 1) % AXES, (vertical + 2) % AXES, vertical]
    ours, theirs = on_map.middles[:, axes][pair[:, 0]], seen.middles[:, axes][pair[:, 1]]
    yaws, shifts = _proposals(ours, theirs, pair, limits)
    if len(yaws) == 0:
        return None
    parts = (slice(begin, begin + AT_ONCE) for begin in range(0, len(yaws), AT_ONCE))
    counts = np.concatenate(
        [_distinct(_agreements(yaws[p], shifts[p], ours, theirs, limits.off_m), pair) for p in parts]
    )
    best = int(np.argmax(counts))
    agrees = _agreements(yaws[best : best + 1], shifts[best : best + 1], ours, theirs, limits.off_m)[0]
    chosen = _one_to_one(agrees, yaws[best], shifts[best], ours, theirs, pair)
    if len(chosen) < max(limits.least_objects, limits.least_share * len(seen)):
        return None
    yaw, shift = _fit(ours[chosen], theirs[chosen])
    rival = _best_elsewhere(counts, yaws, shifts, ours.mean(axis=0), (yaw, shift), limits)
    if rival > len(chosen) - limits.least_lead:
        return None
    off = _moved(ours[chosen], yaw, shift) - theirs[chosen]
    off_m = float(np.sqrt((off**2).sum(axis=1).mean()))
    return Alignment(_matrix(yaw, shift, axes), pair[chosen], off_m, rival)


def _candidates(
    on_map: Landmarks, seen: Landmarks, vertical: int, limits: ConstellationLimits
) -> Int64[np.ndarray, "pairs 2"]:
    """Return the pairs of alike objects, the most alike first where they are too many."""
    if len(on_map) == 0 or len(seen) == 0:
        return np.zeros((0, 2), np.int64)
    a, b = _upright(on_map.sizes, vertical)[:, None], _upright(seen.sizes, vertical)[None]
    size = (np.abs(a - b) / np.maximum(limits.size_share * np.maximum(a, b), limits.size_m)).max(axis=2)
    looks = np.abs(on_map.looks[:, None] - seen.looks[None]).max(axis=2) / limits.looks
    off = np.maximum(size, looks)
    pairs = np.argwhere(off <= 1)
    order = np.argsort(off[tuple(pairs.T)], kind="stable")[: limits.most_candidates]
    return pairs[np.sort(order)]


def _upright(sizes: Float64[np.ndarray, "objects 3"], vertical: int) -> Float64[np.ndarray, "objects 3"]:
    """Return the shorter and the longer level side, then the height: a box may be turned by a right angle."""
    level = np.sort(np.delete(sizes, vertical, axis=1), axis=1)
    return np.column_stack([level, sizes[:, vertical]])


def _proposals(
    ours: Float64[np.ndarray, "pairs 3"],
    theirs: Float64[np.ndarray, "pairs 3"],
    pair: Int64[np.ndarray, "pairs 2"],
    limits: ConstellationLimits,
) -> tuple[Float64[np.ndarray, " proposals"], Float64[np.ndarray, "proposals 3"]]:
    """Return the turn and the shift by each two pairs of different objects that stand to each other alike."""
    i, k = np.triu_indices(len(pair), 1)
    other = (pair[i] != pair[k]).all(axis=1)
    i, k = i[other], k[other]
    a, b = ours[k] - ours[i], theirs[k] - theirs[i]
    long_a, long_b = np.hypot(a[:, 0], a[:, 1]), np.hypot(b[:, 0], b[:, 1])
    fits = (np.abs(long_a - long_b) < limits.off_m) & (np.abs(a[:, 2] - b[:, 2]) < limits.off_m)
    fits &= np.minimum(long_a, long_b) > limits.least_apart_m
    i, k, a, b = i[fits], k[fits], a[fits], b[fits]
    yaws = np.arctan2(b[:, 1], b[:, 0]) - np.arctan2(a[:, 1], a[:, 0])
    shifts = (theirs[i] + theirs[k]) / 2 - _moved((ours[i] + ours[k]) / 2, yaws, np.zeros(3))
    return yaws, shifts


def _moved(points: Float64[np.ndarray, "... 3"], yaw: float | np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return points (level axes first) turned about the vertical and shifted."""
    x, y, z = np.moveaxis(points, -1, 0)
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.stack(np.broadcast_arrays(cos * x - sin * y, sin * x + cos * y, z), axis=-1) + shift


def _agreements(
    yaws: np.ndarray, shifts: np.ndarray, ours: np.ndarray, theirs: np.ndarray, off_m: float
) -> Bool[np.ndarray, "proposals pairs"]:
    """Tell which pairs lie in one place by which proposal."""
    moved = _moved(ours[None], yaws[:, None], shifts[:, None])
    return ((moved - theirs[None]) ** 2).sum(axis=2) < off_m**2


def _distinct(
    agrees: Bool[np.ndarray, "proposals pairs"], pair: Int64[np.ndarray, "pairs 2"]
) -> Int64[np.ndarray, " proposals"]:
    """Return how many objects agree with each proposal: of the map or of those seen, what is less."""
    sides = []
    for names in pair.T:
        member = np.zeros((len(pair), int(names.max()) + 1), np.float32)
        member[np.arange(len(pair)), names] = 1
        sides.append((agrees.astype(np.float32) @ member > 0).sum(axis=1))
    return np.minimum(*sides)


def _one_to_one(
    agrees: np.ndarray, yaw: float, shift: np.ndarray, ours: np.ndarray, theirs: np.ndarray, pair: np.ndarray
) -> Int64[np.ndarray, " chosen"]:
    """Return the places of the pairs that agree, the nearest first, no object twice."""
    off = np.linalg.norm(_moved(ours, yaw, shift) - theirs, axis=1)
    taken: tuple[set[int], set[int]] = (set(), set())
    chosen = []
    for place in sorted(np.flatnonzero(agrees).tolist(), key=lambda place: float(off[place])):
        mine, yours = pair[place].tolist()
        if mine not in taken[0] and yours not in taken[1]:
            taken[0].add(mine)
            taken[1].add(yours)
            chosen.append(place)
    return np.array(sorted(chosen), np.int64)


def _fit(
    ours: Float64[np.ndarray, "pairs 3"], theirs: Float64[np.ndarray, "pairs 3"]
) -> tuple[float, np.ndarray]:
    """Return the turn and the shift of least squares."""
    a, b = ours - ours.mean(axis=0), theirs - theirs.mean(axis=0)
    yaw = math.atan2(float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()), float((a[:, :2] * b[:, :2]).sum()))
    return yaw, theirs.mean(axis=0) - _moved(ours.mean(axis=0), yaw, np.zeros(3))


def _best_elsewhere(
    counts: np.ndarray,
    yaws: np.ndarray,
    shifts: np.ndarray,
    middle: np.ndarray,
    taken: tuple[float, np.ndarray],
    limits: ConstellationLimits,
) -> int:
    """Return how many objects agree with the best proposal that puts the map elsewhere or turns it."""
    here = _moved(middle, taken[0], taken[1])
    far = np.linalg.norm(_moved(middle[None], yaws, shifts) - here, axis=1) > 2 * limits.off_m
    turn = np.abs((yaws - taken[0] + np.pi) % (2 * np.pi) - np.pi)
    return int(counts[far | (turn > math.radians(20))].max(initial=0))


def _matrix(yaw: float, shift: np.ndarray, axes: list[int]) -> Float64[np.ndarray, "4 4"]:
    """Return a turn and a shift, given with the level axes first, as a matrix of the world's own axes."""
    own = np.eye(4)
    own[:2, :2] = [[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]]
    own[:3, 3] = shift
    order = np.eye(4)[[*axes, 3]]
    return order.T @ own @ order
