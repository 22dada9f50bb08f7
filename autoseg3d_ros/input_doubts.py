"""What looks wrong about the frames that arrive, and the parameter that mends it."""

from __future__ import annotations

import math

import numpy as np

from autoseg3d_core.lifting import LiftingConfig
from autoseg3d_core.plausibility.checks import SAMPLED, Suspicion, suspicions
from autoseg3d_core.plausibility.remedies import Remedies
from autoseg3d_core.plausibility.single_frame import doubt_of_depth
from autoseg3d_core.structures import CameraIntrinsics, Frame
from autoseg3d_ros.conversions import ALIGNMENT_ADVICE

MOVED_M, TURNED = 0.05, math.radians(5)
"""How far a camera moves or turns between two frames that are compared."""
UNITS = {"m": 1.0, "cm": 1e-2, "5 mm": 5e-3, "mm": 1e-3, "0.25 mm": 2.5e-4, "0.1 mm": 1e-4}
"""Units of the depth images of sensors, in metres."""
USUAL_DEPTH_M = 1.5


class ParameterRemedies(Remedies):
    """Advice in the words of the node's parameters; depth is read with `unit_m` metres per unit."""

    def __init__(self, unit_m: float) -> None:
        self._unit_m = unit_m

    def no_depth(self) -> str:
        """Say what to do if the depth image is empty."""
        return "check that topics.depth is the depth image, and the sensor's range"

    def depth_factor(self, factor: float) -> str:
        """Say how to make depth `factor` times as large."""
        return f"set input.depth_scale to {self._unit_m * factor:g}"

    def depth_unit(self, depth_m: float) -> str:
        """Say which unit would make a depth (metres, as read) a usual one."""
        raw = depth_m / self._unit_m
        others = {name: unit for name, unit in UNITS.items() if not math.isclose(unit, self._unit_m)}
        name = min(others, key=lambda name: abs(math.log(raw * others[name] / USUAL_DEPTH_M)))
        return f"set input.depth_scale to {others[name]:g} if the depth is in {name}"

    def pose_unit(self, unit: str) -> str:
        """Say what to do if positions are in another unit than metres."""
        return f"poses have to be in metres, not in {unit}: mend the node that publishes them"

    def long_steps(self) -> str:
        """Say what to do if the camera moves too far between frames."""
        return self.pose_unit("mm")

    def pose_convention(self, convention: str) -> str:
        """Say what to do if poses look like another convention."""
        return (
            "set camera_frame to the optical frame (z forward, x right), and check what publishes the poses"
        )

    def focal_length(self, camera: CameraIntrinsics, factor: float) -> str:
        """Say how to make the focal length `factor` times as long."""
        return (
            f"fx should be about {camera.fx * factor:.0f} and fy {camera.fy * factor:.0f}: "
            "calibrate the camera, or check topics.camera_info"
        )

    def colors(self) -> str:
        """Say what to do if red and blue look swapped."""
        return "check the encoding that the driver gives the colour image (rgb8, bgr8)"

    def registration(self) -> str:
        """Say what to do if depth is not registered to colour."""
        return ALIGNMENT_ADVICE


class InputDoubts:
    """Looks at frames as they come; the first ones from different places are also compared, once."""

    def __init__(self) -> None:
        self._kept: list[Frame] = []
        self._is_done = False

    def of_frame(self, frame: Frame, limits: LiftingConfig, unit_m: float) -> Suspicion | None:
        """Return what is wrong with the depth of one frame, of which that within limits is used."""
        remedies = ParameterRemedies(unit_m)
        return doubt_of_depth(frame.depth, limits.min_depth_m, limits.max_depth_m, remedies)

    def of_first(self, frame: Frame, unit_m: float) -> list[Suspicion]:
        """Take a frame; return what the first ones tell together, once there are enough."""
        if self._is_done or (self._kept and not _has_moved(self._kept[-1], frame)):
            return []
        self._kept.append(frame)
        if len(self._kept) < SAMPLED:
            return []
        kept, self._kept, self._is_done = self._kept, [], True
        return suspicions(kept, ParameterRemedies(unit_m))


def _has_moved(before: Frame, after: Frame) -> bool:
    a, b = before.world_from_camera, after.world_from_camera
    cosine = (np.trace(a[:3, :3].T @ b[:3, :3]) - 1) / 2
    return bool(np.linalg.norm(a[:3, 3] - b[:3, 3]) > MOVED_M or cosine < math.cos(TURNED))
