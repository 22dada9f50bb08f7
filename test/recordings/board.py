"""A board before a wall: the smallest scene with an object whose answer is known."""

import numpy as np

from autoseg3d_core.structures import CameraIntrinsics, Frame, FrameTruth, InputError

CAMERA = CameraIntrinsics(60.0, 60.0, 39.5, 29.5, 80, 60)
LEVEL = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


class Board:
    """A board a metre and a half before a wall, seen by a camera that stands still, with its truth."""

    name, skipped, skip_reasons = "board", {"no pose": 2}, {"no pose": "TF is late"}

    def __init__(self, frames=4, broken=(), truthless=()):
        self._frames, self._broken, self._truthless = frames, broken, truthless

    def __len__(self):
        return self._frames

    def __getitem__(self, index):
        if index in self._broken:
            raise InputError(f"{index}.png: cannot be read as an image")
        depth = np.where(self.truth(0).instance > 0, 1.5, 3.0).astype(np.float32)
        return Frame(np.full((60, 80, 3), 90, np.uint8), depth, CAMERA, LEVEL, index * 10**8 + 1)

    def truth(self, index):
        if index in self._truthless:
            raise InputError(f"truth of {index} cannot be read")
        instance = np.zeros((60, 80), np.int32)
        instance[15:45, 20:60] = 7
        part = np.where(np.arange(80) < 40, instance, instance * 2).astype(np.int32)
        return FrameTruth(instance, part, LEVEL)

    def scene_truth(self):
        return None
