"""An object as people ask for it: one at a time, with everything that is known of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from autoseg3d_core.structures.updates import Presence

UNNAMED = "object"
"""What every object is called where class names are not shown."""


@dataclass(frozen=True, eq=False)
class SceneObject:
    """One confirmed track of the scene.

    `score` in [0, 1) is how sure it is that there is such an object. `box` and `oriented_box` are in the
    world, in metres, laid out as in `autoseg3d_core.structures`. `points` are the centres of its voxels on
    the scene map, in metres, `rgb` their colours. `picture` shows it as it was seen best (RGB), None if views
    are not kept.
    """

    id: int
    label: str
    score: float
    box: Float32[np.ndarray, "6"]
    oriented_box: Float32[np.ndarray, "10"]
    points: Float32[np.ndarray, "points 3"]
    rgb: UInt8[np.ndarray, "points 3"]
    presence: Presence
    frames_seen: int
    first_seen_ns: int
    last_seen_ns: int
    picture: UInt8[np.ndarray, "height width 3"] | None = None
