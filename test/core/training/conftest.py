"""A small prepared scene: a camera slides along a wall with two boxes before it."""

import numpy as np
import pytest

from autoseg3d_core.structures import (
    CameraIntrinsics,
    Frame,
    FrameTruth,
    LabelledCloud,
    MaskImage,
    SceneTruth,
)
from autoseg3d_core.training.prepare import prepare_images, prepare_masks

CAMERA = CameraIntrinsics(60.0, 60.0, 39.5, 29.5, 80, 60)
LEVEL = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
"""A level camera that looks along y, z up."""
IDS = np.array([4, 9])
CENTERS = np.array([[-0.5, 1.6, 0.0], [0.5, 1.4, 0.1]])


class TwoBoxes:
    """A made-up sequence: square fronts of two boxes, and the wall behind."""

    def __init__(self, name="two_boxes", frames=6):
        self.name, self._frames = name, frames

    def __len__(self):
        return self._frames

    def _pose(self, index):
        pose = LEVEL.copy()
        pose[0, 3] = 0.1 * index - 0.2
        return pose

    def _shown(self, index):
        depth = np.full((60, 80), 2.0, np.float32)
        instance = np.zeros((60, 80), np.int32)
        for name, center in zip(IDS, CENTERS, strict=True):
            x, z = center[0] - self._pose(index)[0, 3], center[1]
            u, v, half = 60 * x / z + 39.5, 29.5 - 60 * center[2] / z, 60 * 0.25 / z
            rows = slice(max(0, round(v - half)), max(0, round(v + half)))
            columns = slice(max(0, round(u - half)), max(0, round(u + half)))
            depth[rows, columns], instance[rows, columns] = z, name
        return depth, instance

    def __getitem__(self, index):
        depth, instance = self._shown(index)
        rgb = np.full((60, 80, 3), 128, np.uint8)
        rgb[instance == 4], rgb[instance == 9] = (200, 40, 40), (40, 40, 200)
        return Frame(rgb, depth, CAMERA, self._pose(index), 1 + index * 10**8)

    def truth(self, index):
        _, instance = self._shown(index)
        upper = np.arange(60)[:, None] < 30
        part = np.where(instance > 0, 2 * instance + upper, 0).astype(np.int32)
        return FrameTruth(instance, part, self._pose(index))

    def scene_truth(self):
        rng = np.random.default_rng(0)
        xyz = np.concatenate([c + rng.uniform(-0.25, 0.25, (400, 3)) * (1, 0.01, 1) for c in CENTERS])
        ids = np.repeat(IDS, 400)
        cloud = LabelledCloud(
            xyz.astype(np.float32), np.zeros((800, 3), np.uint8), ids, np.repeat([1, 0], 400)
        )
        boxes = np.concatenate([CENTERS - 0.25, CENTERS + 0.25], axis=1).astype(np.float32)
        return SceneTruth(cloud, IDS, np.array([1, 0]), boxes, ("chair", "table"))


class Parts:
    """Masks of the parts, as a mask maker would find them."""

    def __call__(self, frame):
        red, blue = frame.rgb[..., 0] > 170, frame.rgb[..., 2] > 170
        upper = np.arange(60)[:, None] < 30
        index = np.where(red, 0 + upper, np.where(blue, 2 + upper, -1)).astype(np.int32)
        return MaskImage(index, np.ones(4, np.float32))

    warm_up = __call__


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A folder of two prepared scenes with masks of the name parts."""
    folder = tmp_path_factory.mktemp("scenes")
    for name in ("a", "b"):
        images = prepare_images(TwoBoxes, folder / name)
        prepare_masks(images, Parts(), "parts")
    return folder
