"""Poses at some stamps -> poses at other stamps between them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64
from scipy.spatial.transform import Rotation, Slerp


def poses_at(
    wanted_ns: Int64[np.ndarray, " wanted"],
    stamps_ns: Int64[np.ndarray, " known"],
    translations: Float[np.ndarray, "known 3"],
    quaternions: Float[np.ndarray, "known 4"],
    longest_gap_ns: int,
) -> tuple[Float64[np.ndarray, "wanted 4 4"], Bool[np.ndarray, " wanted"]]:
    """Return the pose at each stamp, and whether it is known: between two known ones not too far apart.

    Known stamps ascend; quaternions are (x, y, z, w). Translation is interpolated linearly, rotation
    spherically. A stamp up to half the gap before the first or after the last takes that one's pose.
    """
    poses = np.tile(np.eye(4), (len(wanted_ns), 1, 1))
    if len(stamps_ns) == 0:
        return poses, np.zeros(len(wanted_ns), bool)
    first, last = stamps_ns[0], stamps_ns[-1]
    at = np.clip(wanted_ns, first, last)
    after = np.clip(np.searchsorted(stamps_ns, at), 1, max(len(stamps_ns) - 1, 1))
    known = np.abs(wanted_ns - at) <= longest_gap_ns // 2
    if len(stamps_ns) == 1:
        poses[:, :3, :3] = Rotation.from_quat(quaternions[0]).as_matrix()
        poses[:, :3, 3] = translations[0]
        return poses, known
    gap = stamps_ns[after] - stamps_ns[after - 1]
    known &= (gap <= longest_gap_ns) | (at == stamps_ns[after]) | (at == stamps_ns[after - 1])
    seconds = (stamps_ns - first) / 1e9
    turns = Slerp(seconds, Rotation.from_quat(quaternions))((at - first) / 1e9)
    poses[:, :3, :3] = turns.as_matrix()
    for axis in range(3):
        poses[:, axis, 3] = np.interp((at - first) / 1e9, seconds, translations[:, axis])
    return poses, known
