"""Loop closure: which frames hold the map, when their poses prove to have been wrong, and by how much each.

Odometry drifts, and localisation makes up for it by moving odometry's frame in the world, in a jump where a
loop closes or a place is known again. What was mapped hangs on keyframes. Where the jump is what drift makes
of such a way, each keyframe since the last correction is given as much of it as the way up to it is of the
whole way (the least that a pose graph of one loop does); a larger one says that the whole map lay elsewhere.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64

from autoseg3d_core.config import setting
from autoseg3d_core.geometry.transforms import Pose, check_pose, inverse_rigid, parts_of_screws
from autoseg3d_core.structures import Frame, InputError, Keyframes, LastPose, Moves, PoseHistory

MOST_DRIFT = 0.2
"""Odometry errs by a smaller share of its way than this; a jump that is larger is no drift."""
SAME_NS = 1_000_000_000
"""Jumps that follow each other faster are one: poses between two that are sent are interpolated."""
THINNED = 0.1
"""So large a share of the keyframes goes at once when there are too many."""


@dataclass(frozen=True)
class ClosureConfig:
    """What happens to the map when the pose is corrected (loop closure, relocalisation)."""

    on_jump: str = setting(
        "correct",
        "when the odometry frame jumps in the world frame: move what was mapped with its keyframes "
        "(correct), forget tracks and map (reset), or leave everything where it is (keep)",
        choices=("correct", "reset", "keep"),
        live=True,
    )
    jump_m: float = setting(
        0.15,
        "a jump between two frames is a correction if it moves the camera by more than this",
        unit="m",
        low=0.001,
        high=10.0,
        live=True,
    )
    jump_deg: float = setting(
        3.0,
        "a jump between two frames is a correction if it turns the camera by more than this",
        unit="deg",
        low=0.01,
        high=90.0,
        live=True,
    )
    spread: str = setting(
        "auto",
        "how a jump moves the keyframes: since the last correction, in proportion to the distance travelled "
        "(drift), all of them alike (all), or as drift if it is less than a fifth of the distance (auto)",
        choices=("auto", "drift", "all"),
        live=True,
    )
    max_m: float = setting(
        50.0,
        "a frame with a larger jump than this is refused, and nothing is moved",
        unit="m",
        low=0.1,
        high=10_000.0,
        live=True,
    )
    keyframe_m: float = setting(
        0.5, "distance travelled between keyframes", unit="m", low=0.01, high=10.0, live=True
    )
    keyframe_deg: float = setting(
        30.0, "rotation between keyframes", unit="deg", low=1.0, high=180.0, live=True
    )
    max_keyframes: int = setting(
        1000,
        "maximum number of keyframes; when there are more, those closest together are merged",
        unit="keyframes",
        low=10,
        high=100_000,
        live=True,
    )
    blocks_per_frame: int = setting(
        256,
        "map blocks moved per frame; those nearest the camera are moved first",
        unit="blocks",
        low=1,
        high=1_000_000,
        live=True,
    )


def jump_of(history: PoseHistory, frame: Frame, config: ClosureConfig) -> Pose | None:
    """Return how the world of the last frame moved into that of this one, None where it did not jump.

    Raises `InputError` for a jump that no correction makes.
    """
    now, last = frame.world_from_odometry, history.last
    if now is None or not bool(last.knows_odometry.any()):
        return None
    jump = now @ inverse_rigid(last.world_from_odometry[0].numpy())
    place = frame.world_from_camera[:3, 3]
    off_m = float(np.linalg.norm(place - (inverse_rigid(jump) @ [*place, 1])[:3]))
    if off_m <= config.jump_m and np.rad2deg(_angle(jump)) <= config.jump_deg:
        return None
    _check_size(off_m, f"frame at {frame.stamp_ns} ns", config)
    return jump


def spread_out(
    history: PoseHistory, jump: Pose, frame: Frame, config: ClosureConfig
) -> tuple[PoseHistory, Moves]:
    """Return the history after a jump of the world at a frame, and how the world moves at each keyframe."""
    rows = history.keyframes
    numbers, travelled = rows.numbers.numpy(), rows.travelled_m.numpy()
    loose = numbers >= history.loose_from
    way = history.travelled_m - history.corrected_m
    place = frame.world_from_camera[:3, 3]
    off_m = float(np.linalg.norm(place - (inverse_rigid(jump) @ [*place, 1])[:3]))
    goes_on = history.loose_from > 0 and 0 <= frame.stamp_ns - history.corrected_ns <= SAME_NS
    if goes_on:
        shares = np.where(loose, 1.0, rows.shares.numpy())
    elif config.spread == "all" or (config.spread == "auto" and off_m > MOST_DRIFT * way):
        shares = np.ones(len(rows))
    else:
        part = np.clip((travelled - history.corrected_m) / max(way, 1e-9), 0.0, 1.0) if way > 0 else 1.0
        shares = np.where(loose, part, 0.0)
    moves = parts_of_screws(np.tile(jump, (len(rows), 1, 1)), shares)
    after = dataclasses.replace(
        history,
        keyframes=dataclasses.replace(rows, shares=torch.from_numpy(shares)),
        loose_from=history.next_number,
        corrected_ns=frame.stamp_ns,
        corrected_m=history.travelled_m,
    )
    return _moved(after, moves), Moves(rows.numbers, torch.from_numpy(moves))


def moves_at(
    history: PoseHistory,
    stamps_ns: Int64[np.ndarray, " stamps"],
    moves: Float64[np.ndarray, "stamps 4 4"],
    config: ClosureConfig,
) -> tuple[PoseHistory, Moves]:
    """Return the history after corrections at some stamps, and how the world moves at each keyframe.

    Between two stamps a keyframe is given so much of the way from one move to the next, before the first and
    after the last these. Raises `InputError` for stamps that do not ascend and for moves that are none.
    """
    if len(stamps_ns) == 0 or len(moves) != len(stamps_ns) or (np.diff(stamps_ns) <= 0).any():
        raise InputError("a correction needs one move for each stamp, and stamps that ascend")
    rows = history.keyframes
    for stamp_ns, move in zip(stamps_ns.tolist(), moves, strict=True):
        check_pose(move, f"correction at {stamp_ns} ns")
    at = np.clip(rows.stamps_ns.numpy(), stamps_ns[0], stamps_ns[-1])
    before = np.clip(np.searchsorted(stamps_ns, at, side="right") - 1, 0, max(len(stamps_ns) - 2, 0))
    after = np.minimum(before + 1, len(stamps_ns) - 1)
    gap = np.maximum(stamps_ns[after] - stamps_ns[before], 1)
    between = np.linalg.inv(moves[before]) @ moves[after]
    own = moves[before] @ parts_of_screws(between, (at - stamps_ns[before]) / gap)
    places = rows.poses.numpy()[:, :3, 3]
    off_m = np.linalg.norm((own[:, :3, :3] @ places[:, :, None])[:, :, 0] + own[:, :3, 3] - places, axis=1)
    for stamp_ns, far_m in zip(rows.stamps_ns.tolist(), off_m.tolist(), strict=True):
        _check_size(far_m, f"correction of the keyframe at {stamp_ns} ns", config)
    after = dataclasses.replace(history, loose_from=history.next_number, corrected_m=history.travelled_m)
    return _moved(after, own), Moves(rows.numbers, torch.from_numpy(own))


def follow(history: PoseHistory, frame: Frame, config: ClosureConfig) -> PoseHistory:
    """Return the history with one more frame, a keyframe where the camera has gone far enough."""
    pose, odometry, last = frame.world_from_camera, frame.world_from_odometry, history.last
    step_m = 0.0
    if len(last):
        step_m = float(np.linalg.norm(pose[:3, 3] - last.world_from_camera[0, :3, 3].numpy()))
        odometry = last.world_from_odometry[0].numpy() if odometry is None else odometry
    is_known = frame.world_from_odometry is not None or bool(last.knows_odometry.any())
    now = LastPose(
        torch.from_numpy(pose.copy())[None],
        torch.from_numpy(np.eye(4) if odometry is None else odometry.copy())[None],
        torch.tensor([is_known]),
    )
    history = dataclasses.replace(history, last=now, travelled_m=history.travelled_m + step_m)
    return _with_keyframe(history, frame, config) if _is_due(history, pose, config) else history


def restarted(history: PoseHistory) -> PoseHistory:
    """Return the history as it goes on after a restart, when odometry has begun anew."""
    if not bool(history.last.knows_odometry.any()):
        return history
    last = dataclasses.replace(history.last, knows_odometry=~history.last.knows_odometry)
    return dataclasses.replace(
        history, last=last, loose_from=history.next_number, corrected_m=history.travelled_m
    )


def _is_due(history: PoseHistory, pose: Pose, config: ClosureConfig) -> bool:
    """Tell whether a frame is the first one, the first after a correction, or far from the last keyframe."""
    rows = history.keyframes
    if len(rows) == 0 or history.current < history.loose_from:
        return True
    moved = inverse_rigid(rows.poses[-1].numpy()) @ pose
    far = float(np.linalg.norm(moved[:3, 3])) > config.keyframe_m
    return far or float(np.rad2deg(_angle(moved))) > config.keyframe_deg


def _with_keyframe(history: PoseHistory, frame: Frame, config: ClosureConfig) -> PoseHistory:
    row = Keyframes(
        torch.tensor([history.next_number]),
        torch.from_numpy(frame.world_from_camera.copy())[None],
        torch.tensor([frame.stamp_ns]),
        torch.tensor([history.travelled_m], dtype=torch.float64),
        torch.ones(1, dtype=torch.float64),
    )
    rows = history.keyframes.append(row)
    if len(rows) > config.max_keyframes:
        rows = _thinned(rows, config.max_keyframes)
    return dataclasses.replace(history, keyframes=rows, next_number=history.next_number + 1)


def _thinned(rows: Keyframes, most: int) -> Keyframes:
    """Return fewer keyframes: those go whose neighbours are closest, but for the first and the last."""
    gap = rows.travelled_m[2:] - rows.travelled_m[:-2]
    excess = len(rows) - most + int(THINNED * most)
    goes = 1 + torch.topk(gap, min(excess, len(gap)), largest=False).indices
    kept = torch.ones(len(rows), dtype=torch.bool)
    kept[goes] = False
    return rows[kept]


def _moved(history: PoseHistory, moves: Float64[np.ndarray, "keyframes 4 4"]) -> PoseHistory:
    """Return the history with its keyframes moved, and the last frame with the last of them."""
    if len(moves) == 0:
        return history
    each = torch.from_numpy(moves)
    rows = dataclasses.replace(history.keyframes, poses=each @ history.keyframes.poses)
    last = dataclasses.replace(
        history.last,
        world_from_camera=each[-1] @ history.last.world_from_camera,
        world_from_odometry=each[-1] @ history.last.world_from_odometry,
    )
    return dataclasses.replace(history, keyframes=rows, last=last)


def _check_size(off_m: float, what: str, config: ClosureConfig) -> None:
    if off_m > config.max_m:
        raise InputError(
            f"{what}: the pose jumped by {off_m:.0f} m, more than closure.max_m = {config.max_m:g} m: "
            "nothing was moved; mend localisation, or reset"
        )


def _angle(pose: Pose) -> float:
    """Return by how much a rigid transform turns, in radians."""
    return float(np.arccos(np.clip((np.trace(pose[:3, :3]) - 1) / 2, -1.0, 1.0)))
