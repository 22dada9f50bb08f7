"""Batches for training the mask maker: augmented frames with the targets that ultralytics' loss expects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Int32
from scipy.ndimage import find_objects

from autoseg3d_core.training.mask_augmentation import augmented
from autoseg3d_core.training.mask_frames import read_frame, read_rgb

PROTOTYPE_STRIDE = 4
SMALLEST_PART = 40
"""Parts of fewer pixels at the network's size are nobody's target."""


class MaskBatches:
    """Makes batches by number; the same seed gives the same ones."""

    def __init__(self, files: Sequence[Path], size: tuple[int, int], batch: int, seed: int) -> None:
        self.files, self.size, self.batch, self.seed = list(files), size, batch, seed

    def __call__(self, number: int) -> dict[str, torch.Tensor]:
        """Return the batch of this number."""
        rng = np.random.default_rng((self.seed, number))
        return collated([self._sample(rng) for _ in range(self.batch)])

    def _sample(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        here, other = (self.files[int(rng.integers(len(self.files)))] for _ in range(2))
        frame = read_frame(here)
        return augmented(frame.rgb, frame.part, self.size, rng, lambda: read_rgb(other))


def collated(samples: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, torch.Tensor]:
    """Return colour images and part images as one batch: images in [0, 1], boxes, and masks by number."""
    targets = [part_targets(labels) for _, labels in samples]
    counts = [len(boxes) for boxes, _ in targets]
    images = np.stack([rgb for rgb, _ in samples]).transpose(0, 3, 1, 2)
    return {
        "img": torch.from_numpy(np.ascontiguousarray(images)).float() / 255,
        "batch_idx": torch.repeat_interleave(torch.arange(len(samples)), torch.tensor(counts)),
        "cls": torch.zeros(sum(counts)),
        "bboxes": torch.from_numpy(np.concatenate([boxes for boxes, _ in targets])),
        "masks": torch.from_numpy(np.stack([masks for _, masks in targets])),
    }


def part_targets(
    labels: Int32[np.ndarray, "height width"],
) -> tuple[Float32[np.ndarray, "parts 4"], Int32[np.ndarray, "rows columns"]]:
    """Return the box of each part (centre and size as shares of the image), and each pixel's part from 1 on.

    The part image is that of the prototypes: at a quarter of the size. Small parts are left out.
    """
    kept = np.bincount(labels.ravel()) >= SMALLEST_PART
    kept[0] = False
    number = (np.cumsum(kept) * kept)[labels]
    extents = [[(x.start, x.stop), (y.start, y.stop)] for y, x in find_objects(number)]
    ends = np.array(extents, float).reshape(-1, 2, 2) / np.array(labels.shape[::-1])[:, None]
    boxes = np.concatenate([ends.mean(axis=2), ends[:, :, 1] - ends[:, :, 0]], axis=1)
    half = PROTOTYPE_STRIDE // 2
    return boxes.astype(np.float32), number[half::PROTOTYPE_STRIDE, half::PROTOTYPE_STRIDE].astype(np.int32)
