"""Batches for training `masks-edge`: crops of prepared scenes with another look and worse depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from jaxtyping import Float32, Int32, UInt8
from torch import Tensor

from autoseg3d_core.datasets.clips import PreparedScene
from autoseg3d_core.mask_makers.channels import channels_of
from autoseg3d_core.structures import CameraIntrinsics
from autoseg3d_core.training.depth_augmentation import worsened_depth
from autoseg3d_core.training.mask_augmentation import FIRST_SHEET, GRAY, repainted

BEYOND = -1
"""Label of pixels beyond the image."""
SCALES = (0.58, 1.3)
"""Pixels of the crop per pixel of the working size, least and most."""
NO_COLOR_CHANCE = 0.15


@dataclass(frozen=True, eq=False)
class LabelledView:
    """One frame at the working size, with the part and the object of each pixel (0 none)."""

    rgb: UInt8[np.ndarray, "height width 3"]
    depth: Float32[np.ndarray, "height width"]
    labels: Int32[np.ndarray, "height width 2"]
    camera: CameraIntrinsics


@dataclass(frozen=True, eq=False)
class AffinityBatch:
    """Channels of crops, part and object of each pixel (0 none, -1 beyond), and focal lengths (px)."""

    image: Float32[Tensor, "batch channels height width"]
    labels: Int32[Tensor, "batch levels height width"]
    focal: tuple[float, ...]


class AffinityBatches:
    """Makes batches by number; the same seed gives the same ones."""

    def __init__(
        self, scenes: Sequence[PreparedScene], width: int, size: tuple[int, int], batch: int, seed: int
    ) -> None:
        self.scenes, self.width, self.size, self.batch, self.seed = list(scenes), width, size, batch, seed
        self._frames = np.array([(s, f) for s, scene in enumerate(self.scenes) for f in range(len(scene))])
        self._view = lru_cache(maxsize=8000)(self._read)

    def __call__(self, number: int) -> AffinityBatch:
        """Return the batch of this number."""
        rng = np.random.default_rng((self.seed, number))
        images, labels, focal = zip(*(self._sample(rng) for _ in range(self.batch)), strict=True)
        image = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
        return AffinityBatch(image, torch.from_numpy(np.stack(labels)).permute(0, 3, 1, 2), focal)

    def _sample(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        here, other = (self._frames[rng.integers(len(self._frames))].tolist() for _ in range(2))
        return augmented_view(self._view(*here), self.size, rng, lambda: self._view(*other).rgb)

    def _read(self, scene: int, frame: int) -> LabelledView:
        return view_of(self.scenes[scene], frame, self.width)


def view_of(scene: PreparedScene, index: int, width: int) -> LabelledView:
    """Return a frame of a prepared scene at a width."""
    (seen,) = scene.clip([index], None).frames
    frame, truth = seen.frame, seen.truth
    labels = np.dstack([truth.part, truth.instance]).astype(np.float32)
    height = round(width * frame.camera.height / frame.camera.width)
    return LabelledView(
        cv2.resize(frame.rgb, (width, height), interpolation=cv2.INTER_AREA),
        cv2.resize(frame.depth, (width, height), interpolation=cv2.INTER_NEAREST_EXACT),
        cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT).astype(np.int32),
        _moved(frame.camera, np.diag([width / frame.camera.width] * 2 + [1.0])[:2], (height, width)),
    )


def augmented_view(
    view: LabelledView, size: tuple[int, int], rng: np.random.Generator, foreign: Callable[[], np.ndarray]
) -> tuple[Float32[np.ndarray, "height width 8"], Int32[np.ndarray, "height width 2"], float]:
    """Return the channels, labels and focal length of a crop of `size`, its look and depth changed.

    `foreign` lends textures.
    """
    matrix, mirrored = _placed(view.labels.shape, size, rng)
    out = size[::-1]
    rgb = cv2.warpAffine(view.rgb, matrix, out, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    depth = cv2.warpAffine(view.depth, matrix, out, flags=cv2.INTER_NEAREST, borderValue=0)
    labels = cv2.warpAffine(
        view.labels.astype(np.float32), matrix, out, flags=cv2.INTER_NEAREST, borderValue=(BEYOND, BEYOND)
    ).astype(np.int32)
    camera = _moved(view.camera, matrix, size)
    depth = worsened_depth(depth, rng)
    if rng.random() < NO_COLOR_CHANCE and depth.any():
        rgb = np.full_like(rgb, GRAY)
    else:
        rgb, part = repainted(rgb, labels[..., 0], rng, foreign)
        labels = np.where(part[..., None] >= FIRST_SHEET, part[..., None], labels)
    channels = channels_of(rgb, depth, camera)
    if mirrored:
        channels = channels[:, ::-1].copy()
        channels[..., 5] *= -1
        labels = labels[:, ::-1]
    return channels, np.ascontiguousarray(labels), camera.fx


def _placed(
    shape: tuple[int, ...], size: tuple[int, int], rng: np.random.Generator
) -> tuple[Float32[np.ndarray, "2 3"], bool]:
    """Return where the image goes in the crop (scaled, turned, shifted), and whether to mirror it."""
    height, width = shape[:2]
    scale = float(np.exp(rng.uniform(*np.log(SCALES))))
    turn = rng.normal(0, 0.06)
    turned = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    reach = np.abs(np.array([size[1], size[0]]) / scale / 2)
    low = np.minimum(reach, np.array([width, height]) / 2)
    center = rng.uniform(low, np.array([width, height]) - low)
    shift = np.array([size[1], size[0]]) / 2 - turned @ center
    return np.hstack([turned, shift[:, None]]).astype(np.float32), bool(rng.random() < 0.5)


def _moved(camera: CameraIntrinsics, matrix: np.ndarray, size: tuple[int, int]) -> CameraIntrinsics:
    """Return the camera of an image that a matrix of scale, small turn and shift has moved."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    center = matrix[:, :2] @ np.array([camera.cx + 0.5, camera.cy + 0.5])
    shift = matrix[:, 2] if matrix.shape[1] > 2 else np.zeros(2)
    x, y = (center + shift - 0.5).tolist()
    return CameraIntrinsics(camera.fx * scale, camera.fy * scale, x, y, size[1], size[0])
