"""A live camera with poses from elsewhere, as a sequence that is read once, front to back."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from autoseg3d_core.datasets.live_cameras import LiveCamera
from autoseg3d_core.datasets.readers.tum import read_trajectory
from autoseg3d_core.geometry.trajectory import poses_at
from autoseg3d_core.structures import Frame, FrameTruth, InputError, SceneTruth

STANDING = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
"""The pose of a camera that stands still and level, z of its world up."""
LONGEST_GAP_NS = 200_000_000
LONGEST_WAIT_S = 0.5
"""How long a frame waits for its pose to be written."""
MANY = 1_000_000_000
"""More frames than anybody waits for: a camera has no end."""


class LiveSequence:
    """Frames of a live camera, with poses from a file that another program appends to, or one pose for all.

    When the camera is gone, the next frame raises `KeyboardInterrupt`, so that a run ends as by Ctrl-C and
    keeps what it has.
    """

    def __init__(self, name: str, camera: LiveCamera, poses: Path | None) -> None:
        self.name, self._camera, self._poses = name, camera, poses

    def __len__(self) -> int:
        """Return more than anybody waits for."""
        return MANY

    def __getitem__(self, index: int) -> Frame:
        """Return what the camera shows now; raises `InputError` if its pose is not known in time."""
        images = self._camera.read()
        if images is None:
            raise KeyboardInterrupt(f"{self.name}: the camera is gone")
        pose = STANDING if self._poses is None else self._pose_at(self._poses, images.stamp_ns)
        return Frame(images.rgb, images.depth, images.camera, pose, images.stamp_ns, number=index)

    def truth(self, index: int) -> FrameTruth | None:
        """Return None: there is no ground truth."""
        return None

    def scene_truth(self) -> SceneTruth | None:
        """Return None: there is no ground truth."""
        return None

    def close(self) -> None:
        """Give the camera back."""
        self._camera.close()

    def _pose_at(self, file: Path, stamp_ns: int) -> Float64[np.ndarray, "4 4"]:
        deadline = time.monotonic() + LONGEST_WAIT_S
        while True:
            stamps, places, turns = read_trajectory(file)
            matrices, known = poses_at(np.array([stamp_ns]), stamps, places, turns, LONGEST_GAP_NS)
            if known[0] and (stamps[-1] >= stamp_ns or time.monotonic() > deadline):
                return matrices[0]
            if time.monotonic() > deadline:
                raise InputError(f"{file}: no pose within {LONGEST_GAP_NS // 2_000_000} ms of the image")
            time.sleep(0.01)
