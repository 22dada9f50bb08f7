"""Poses of a camera from where its eye is and where it looks, and the shake of a hand."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64
from scipy.ndimage import gaussian_filter1d


def shake(rng: np.random.Generator, frames: int, rate_hz: float) -> Float[np.ndarray, "3 frames"]:
    """Return what a hand adds to yaw, pitch and roll, in radians."""
    noise = gaussian_filter1d(rng.normal(0, 1, (3, frames)), 0.25 * rate_hz, axis=1, mode="nearest")
    return noise * np.sqrt(0.5 * rate_hz + 1) * np.radians([[0.5], [0.5], [1.0]])


def poses_of(
    eyes: np.ndarray, yaw: np.ndarray, pitch: np.ndarray, roll: np.ndarray
) -> Float64[np.ndarray, "frames 4 4"]:
    """Return `house_from_camera` of eyes that look along yaw and pitch (radians), turned by roll."""
    forward = np.column_stack([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)])
    right = np.column_stack([np.sin(yaw), -np.cos(yaw), np.zeros_like(yaw)])
    down = np.cross(forward, right)
    cos, sin = np.cos(roll)[:, None], np.sin(roll)[:, None]
    poses = np.tile(np.eye(4), (len(eyes), 1, 1))
    poses[:, :3, 0], poses[:, :3, 1] = cos * right + sin * down, cos * down - sin * right
    poses[:, :3, 2], poses[:, :3, 3] = forward, eyes
    return poses
