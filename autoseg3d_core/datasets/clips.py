"""Clips: a few frames of a prepared scene in order, with their masks and their truth, drawn by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int32, Int64

from autoseg3d_core.datasets.masked import TRUTH_MASKS, labels_of, mask_names
from autoseg3d_core.datasets.posed_images import MASKS, PosedImages
from autoseg3d_core.structures import Frame, FrameTruth, InputError

DIRECTIONS = 48
"""A scene's objects are kept by their outermost points in so many level directions, and up and down."""


@dataclass(frozen=True, eq=False)
class SceneObjects:
    """The objects of a scene by their outermost points: enough for their boxes, however they are turned."""

    ids: Int64[np.ndarray, " objects"]
    labels: Int64[np.ndarray, " objects"]
    outline: Float32[np.ndarray, "objects directions 3"]
    label_names: tuple[str, ...] = ()

    def relabelled(self, names: Sequence[str]) -> SceneObjects:
        """Return the objects with labels that count these names, -1 for what they do not name."""
        place = {name: index for index, name in enumerate(names)}
        table = np.array([*(place.get(name, -1) for name in self.label_names), -1], np.int64)
        return SceneObjects(self.ids, table[self.labels], self.outline, tuple(names))


@dataclass(frozen=True, eq=False)
class ClipFrame:
    """One frame of a clip: what the sensor gave, what is really there, and 2D masks (0 none)."""

    frame: Frame
    truth: FrameTruth
    masks: Int32[np.ndarray, "height width"] | None


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames in order, and the objects of their scene."""

    frames: tuple[ClipFrame, ...]
    objects: SceneObjects


class PreparedScene:
    """A scene as `prepare` wrote it, and the names of the masks that it has, perfect ones among them."""

    def __init__(self, folder: Path) -> None:
        self.images = PosedImages(folder)
        self.masks = (*mask_names(folder / MASKS), *TRUTH_MASKS)
        self._objects: SceneObjects | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def objects(self) -> SceneObjects:
        """The scene's objects, read once."""
        if self._objects is None:
            truth = self.images.scene_truth()
            if truth is None:
                raise InputError(
                    f"{self.images.path}: has no truth/scene.npz: write it with `autoseg3d prepare`"
                )
            up = -np.mean([self.images[i].world_from_camera[:3, 1] for i in (0, len(self) - 1)], axis=0)
            outline = outermost(truth.cloud.xyz, truth.cloud.ids, truth.ids, _axis_nearest(up))
            self._objects = SceneObjects(truth.ids, truth.labels, outline, truth.label_names)
        return self._objects

    def clip(self, indices: Sequence[int], masks: str | None) -> Clip:
        """Return some frames with the masks of this name, or without."""
        return Clip(tuple(self._frame(index, masks) for index in indices), self.objects)

    def labels(self, index: int, masks: str) -> Int32[np.ndarray, "height width"]:
        """Return a frame's masks of this name, 0 none; raises `InputError` where there are none."""
        return labels_of(self.images, index, masks)

    def truth(self, index: int) -> FrameTruth:
        """Return the ground truth of one frame; raises `InputError` if it is unknown."""
        truth = self.images.truth(index)
        if truth is None:
            raise InputError(f"{self.images.path}: has no truth/: write it with `autoseg3d prepare`")
        return truth

    def _frame(self, index: int, masks: str | None) -> ClipFrame:
        labels = None if masks is None else numbered(self.labels(index, masks))
        return ClipFrame(self.images[index], self.truth(index), labels)


def numbered(ids: Int32[np.ndarray, "height width"]) -> Int32[np.ndarray, "height width"]:
    """Return ids as numbers from 1 on without gaps, in their order; 0 stays."""
    _, number = np.unique(np.append(ids, 0), return_inverse=True)
    return number[:-1].reshape(ids.shape).astype(np.int32)


def prepared_scenes(folder: Path) -> list[PreparedScene]:
    """Return the scenes in a folder, by name; raises `InputError` when there is none."""
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder of scenes: write it with `autoseg3d prepare SOURCE --out {folder}`"
        )
    found = [p for p in sorted(folder.iterdir()) if p.is_dir() and p.suffix != ".unfinished"]
    if not found:
        raise InputError(
            f"{folder}: contains no scenes: write some with `autoseg3d prepare SOURCE --out {folder}`"
        )
    return [PreparedScene(path) for path in found]


def outermost(
    xyz: Float32[np.ndarray, "points 3"],
    owner: Int64[np.ndarray, " points"],
    ids: Int64[np.ndarray, " objects"],
    up: Float32[np.ndarray, "3"],
) -> Float32[np.ndarray, "objects directions 3"]:
    """Return each object's outermost point in every direction; `ids` all own points."""
    row = np.searchsorted(ids, owner)
    mine = (row < len(ids)) & (ids[np.minimum(row, len(ids) - 1)] == owner)
    xyz, row = xyz[mine], row[mine]
    order = np.argsort(row, kind="stable")
    xyz, row = xyz[order], row[order]
    starts = np.searchsorted(row, np.arange(len(ids)))
    out = np.empty((len(ids), DIRECTIONS + 2, 3), np.float32)
    for number, direction in enumerate(_directions(tuple(up.tolist()))):
        height = xyz @ direction
        highest = np.maximum.reduceat(height, starts)
        first = np.searchsorted(row[height >= highest[row]], np.arange(len(ids)))
        out[:, number] = xyz[height >= highest[row]][first]
    return out


@lru_cache(maxsize=8)
def _directions(up: tuple[float, ...]) -> np.ndarray:
    vertical = np.array(up)
    level = np.eye(3)[np.argmin(np.abs(vertical))]
    level = level - (level @ vertical) * vertical
    level = level / np.linalg.norm(level)
    angle = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    around = np.cos(angle)[:, None] * level + np.sin(angle)[:, None] * np.cross(vertical, level)
    return np.vstack([around, vertical, -vertical]).astype(np.float32)


def _axis_nearest(direction: np.ndarray) -> Float32[np.ndarray, "3"]:
    axis = int(np.argmax(np.abs(direction)))
    up = np.zeros(3, np.float32)
    up[axis] = np.sign(direction[axis])
    return up
