"""What a user may say about a recording that its files do not tell, or tell wrongly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np
from jaxtyping import Float64

from autoseg3d_core.geometry.transforms import inverse_rigid
from autoseg3d_core.structures import CameraIntrinsics, InputError

OPTICAL = np.eye(4)
OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
BODY = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
"""Optical axes (x right, y down, z ahead) in those of a body (x ahead, y left, z up; REP 103)."""
POSE_CONVENTIONS = {
    "camera-to-world": (False, OPTICAL),
    "world-to-camera": (True, OPTICAL),
    "opengl": (False, OPENGL),
    "opengl-world-to-camera": (True, OPENGL),
    "ros-body": (False, BODY),
}
"""Whether the matrix has to be inverted, and the optical axes in those of its camera."""
UNITS_PER_METRE = {"m": 1.0, "dm": 10.0, "cm": 100.0, "mm": 1000.0, "0.2mm": 5000.0, "0.1mm": 10000.0}
STILL = "still"
"""Said of a camera that does not move, instead of a file with its poses."""
REGISTRATIONS = ("exact", "resize")
"""Depth drawn on the colour image's grid by both calibrations; or colour stretched onto depth's grid, as
published evaluations do."""


@dataclass(frozen=True)
class SourceOptions:
    """What was said about a recording; None is what its format or its files say.

    `depth_scale` and `pose_scale` are units per metre. `intrinsics` are of the colour image, of the size that
    they name (0x0: the image's own), `depth_intrinsics` of the depth image, which then is registered to
    colour; `depth_offset` is where the depth camera stands, in the colour camera's axes (metres).
    Of a live camera: `poses`, a trajectory file, or `STILL`. Of a bag: `topics` by their part (color, depth,
    info, depth_info, pose, masks), and the frames of the world and of the colour camera.
    """

    depth_scale: float | None = None
    pose_scale: float | None = None
    pose_convention: str | None = None
    intrinsics: CameraIntrinsics | None = None
    depth_intrinsics: CameraIntrinsics | None = None
    depth_offset: tuple[float, float, float] | None = None
    registration: str | None = None
    swap_colors: bool = False
    target_frame: str | None = None
    camera_frame: str | None = None
    topics: Mapping[str, str] = field(default_factory=dict)
    poses: str | None = None

    def given(self) -> list[str]:
        """Return the names of what was said."""
        return [f.name for f in fields(self) if getattr(self, f.name) not in (None, False, {})]

    def refuse(self, names: tuple[str, ...], source: str, why: str) -> None:
        """Raise `InputError` where one of these was said."""
        wrong = [name for name in self.given() if name in names]
        if wrong:
            options = ", ".join("--" + name.replace("_", "-") for name in wrong)
            raise InputError(f"{source}: {why}, so {options} has no effect here: leave it out")


def world_from_camera(
    pose: Float64[np.ndarray, "4 4"], convention: str, units_per_metre: float = 1.0
) -> Float64[np.ndarray, "4 4"]:
    """Return a pose of this convention as the camera's, optical axes in the world, metres.

    The result is a rigid transform where the pose is one.
    """
    inverted, camera_from_optical = POSE_CONVENTIONS[convention]
    scaled = np.array(pose, np.float64)
    scaled[:3, 3] /= units_per_metre
    return (inverse_rigid(scaled) if inverted else scaled) @ camera_from_optical
