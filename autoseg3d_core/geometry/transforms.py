"""Rigid transforms as 4x4 NumPy matrices, named `target_from_source`."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64
from scipy.spatial.transform import Rotation

from autoseg3d_core.structures import InputError

Pose = Float64[np.ndarray, "4 4"]


def pose_from_quaternion(translation: Float[np.ndarray, "3"], quaternion: Float[np.ndarray, "4"]) -> Pose:
    """Return the matrix of a translation in metres and a quaternion (x, y, z, w)."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_quat(quaternion).as_matrix()
    pose[:3, 3] = translation
    return pose


def quaternion_from_rotation(rotation: Float[np.ndarray, "3 3"]) -> Float64[np.ndarray, "4"]:
    """Return the unit quaternion (x, y, z, w) of a rotation matrix."""
    return Rotation.from_matrix(rotation).as_quat()


def inverse_rigid(pose: Pose) -> Pose:
    """Return the inverse of a rigid transform without a general matrix inversion."""
    inverse = np.eye(4)
    inverse[:3, :3] = pose[:3, :3].T
    inverse[:3, 3] = -pose[:3, :3].T @ pose[:3, 3]
    return inverse


def transform_points(matrix: Pose, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 3"]:
    """Return the points moved by a 4x4 transform."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def parts_of_screws(
    moves: Float[np.ndarray, "moves 4 4"], shares: Float[np.ndarray, " moves"]
) -> Float64[np.ndarray, "moves 4 4"]:
    """Return a share (0 nothing, 1 all) of each rigid move along its screw: `exp(share * log(move))`.

    So it does not matter in which frame a move is written. Murray, Li and Sastry (1994), propositions 2.9
    and 2.10.
    """
    turn = Rotation.from_matrix(moves[:, :3, :3]).as_rotvec()
    along = np.linalg.solve(_couplings(turn), moves[:, :3, 3:])
    parts = np.tile(np.eye(4), (len(moves), 1, 1))
    parts[:, :3, :3] = Rotation.from_rotvec(shares[:, None] * turn).as_matrix()
    parts[:, :3, 3:] = _couplings(shares[:, None] * turn) @ (shares[:, None, None] * along)
    return parts


def _couplings(turn: Float[np.ndarray, "moves 3"]) -> Float64[np.ndarray, "moves 3 3"]:
    """Return what turns the velocity of a screw into its translation, for rotation vectors."""
    angle = np.linalg.norm(turn, axis=1)[:, None, None]
    x, y, z = turn.T
    none = np.zeros_like(x)
    cross = np.stack([none, -z, y, z, none, -x, -y, x, none], axis=1).reshape(-1, 3, 3)
    small = angle < 1e-4  # there the series says it better than the quotients
    safe = np.where(small, 1.0, angle)
    first = np.where(small, 0.5 - angle**2 / 24, (1 - np.cos(safe)) / safe**2)
    second = np.where(small, 1 / 6 - angle**2 / 120, (safe - np.sin(safe)) / safe**3)
    return np.eye(3) + first * cross + second * (cross @ cross)


def is_rigid(pose: Float[np.ndarray, "..."], tolerance: float = 1e-3) -> bool:
    """Tell whether a matrix is finite and a rotation with a translation."""
    if pose.shape != (4, 4) or not np.isfinite(pose).all():
        return False
    rotation = pose[:3, :3]
    orthonormal = np.abs(rotation @ rotation.T - np.eye(3)).max() < tolerance
    return bool(orthonormal and np.linalg.det(rotation) > 0 and np.allclose(pose[3], (0, 0, 0, 1)))


def check_pose(pose: Float[np.ndarray, "..."], source: str) -> None:
    """Raise `InputError` naming the source when a pose is not a finite rigid transform."""
    if is_rigid(pose):
        return
    if not np.isfinite(pose).all():
        raise InputError(f"{source}: the pose has NaN or infinite values; drop the frame or fix localisation")
    raise InputError(
        f"{source}: the pose is not a rigid transform (rotation with determinant 1, last row 0 0 0 1)"
    )
