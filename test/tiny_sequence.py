"""A tiny sequence with a known answer."""

import numpy as np

from autoseg3d_core.geometry.transforms import pose_from_quaternion
from autoseg3d_core.structures import CameraIntrinsics, Frame, FrameTruth, LabelledCloud, SceneTruth

CAMERA = CameraIntrinsics(50.0, 52.0, 19.5, 14.5, 40, 30)


class Tiny:
    """Six frames of a gradient, on a camera that moves and turns."""

    name = "tiny"

    def __len__(self):
        return 6

    def pose(self, index):
        half = 0.1 * index
        turn = np.array([0, 0, np.sin(half), np.cos(half)])
        return pose_from_quaternion(np.array([0.1 * index, 0.2, 1.0]), turn)

    def __getitem__(self, index):
        rows, columns = np.mgrid[:30, :40]
        rgb = np.stack([rows * 8, columns * 6, np.full_like(rows, 10 * index)], axis=2).astype(np.uint8)
        depth = ((1000 + rows * 10 + index) / 1000).astype(np.float32)
        depth[:3] = 0
        return Frame(rgb, depth, CAMERA, self.pose(index), index * 100_000_000)

    def truth(self, index):
        ids = np.arange(1200, dtype=np.int32).reshape(30, 40)
        return FrameTruth(ids % 7, ids % 11, self.pose(index))

    def scene_truth(self):
        cloud = LabelledCloud(
            np.array([[1, 2, 3], [-4, 5, 6]], np.float32),
            np.zeros((2, 3), np.uint8),
            np.array([1, 0]),
            np.array([2, -1]),
        )
        box = np.array([[0, 0, 0, 1, 1, 1]], np.float32)
        return SceneTruth(cloud, np.array([1]), np.array([2]), box, ("chair", "table", "bed"))
