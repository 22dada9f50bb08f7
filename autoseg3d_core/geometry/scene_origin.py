"""The scene frame of a run: upright and near its start, whatever the world's axes and wherever its origin.

Networks were trained on rooms whose floor is level and whose coordinates are a few metres. A robot's map
may have its origin kilometres away, and another vertical.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64

from autoseg3d_core.config import setting
from autoseg3d_core.structures import SceneOrigin

AXES = {"x": 0, "y": 1, "z": 2}
UPS = ("auto", "x", "-x", "y", "-y", "z", "-z")
USUAL_PITCH = np.deg2rad(15.0)
"""Cameras look down more often than up: which axis is vertical is asked as if they looked so far down."""


@dataclass(frozen=True)
class OriginConfig:
    """Where the coordinates that a network sees begin."""

    at: str = setting(
        "first_camera",
        "origin of the network's coordinates: on the floor below the first camera, with x in its "
        "viewing direction (first_camera), or that of the world frame (world)",
        choices=("first_camera", "world"),
    )
    up: str = setting(
        "auto",
        "vertical axis of the world frame; auto takes the axis closest to the first camera's up "
        "direction, which needs a camera that looks up by at most 30 degrees or down by at most "
        "60",
        choices=UPS,
    )
    camera_height_m: float = setting(
        1.3, "assumed height of the first camera above the floor", unit="m", low=-10.0, high=10.0
    )


def scene_origin(
    world_from_camera: Float64[np.ndarray, "4 4"], config: OriginConfig, device: torch.device | str = "cpu"
) -> SceneOrigin:
    """Return the scene frame of a run that begins with this pose.

    z is the vertical, x the level direction in which the first camera looks; a camera that looks straight
    up or down gives the direction of its upper side. The floor is taken to be at z = 0.
    """
    rotation, position = np.eye(3), np.zeros(3)
    if config.at == "first_camera":
        up = _vertical(world_from_camera, config.up)
        ahead = _level(world_from_camera[:3, 2], up)
        if ahead is None:
            ahead = _level(-world_from_camera[:3, 1], up)
        assert ahead is not None, "two axes at a right angle cannot both be vertical"
        rotation = np.stack([ahead, np.cross(up, ahead), up])
        position = world_from_camera[:3, 3] - config.camera_height_m * up
    return SceneOrigin(torch.from_numpy(rotation).to(device), torch.from_numpy(position.copy()).to(device))


def _vertical(world_from_camera: np.ndarray, name: str) -> Float64[np.ndarray, "3"]:
    upper_side = (
        -np.cos(USUAL_PITCH) * world_from_camera[:3, 1] - np.sin(USUAL_PITCH) * world_from_camera[:3, 2]
    )
    axis = int(np.argmax(np.abs(upper_side))) if name == "auto" else AXES[name[-1]]
    sign = np.sign(upper_side[axis]) if name == "auto" else (-1.0 if name[0] == "-" else 1.0)
    up = np.zeros(3)
    up[axis] = sign
    return up


def _level(direction: np.ndarray, up: np.ndarray) -> Float64[np.ndarray, "3"] | None:
    """Return the level part of a direction as a unit vector, None where it is all but vertical."""
    level = direction - (direction @ up) * up
    length = float(np.linalg.norm(level))
    return level / length if length > 0.1 else None
