"""Masks made elsewhere: label images that come with the frames, or from a folder by stamp or order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Int

from autoseg3d_core.config import setting
from autoseg3d_core.structures import Frame, InputError, MaskImage

ENDINGS = (".png", ".npy")


@dataclass(frozen=True)
class PrecomputedConfig:
    """Where the label images lie."""

    folder: str = setting(
        "",
        "folder of label images named STAMP_NS.png or .npy (numbered recordings: frame number "
        "from 0); empty uses those that come with the frames (topics.masks, replay --topics "
        "masks=TOPIC)",
    )
    void: int = setting(0, "pixel value that means no mask", low=-1, high=65535)


class PrecomputedMaskMaker:
    """Turns a label image into masks: each value but the void one is a mask of score 1."""

    def __init__(self, folder: LabelImageFolder | None, void: int = 0) -> None:
        self._folder, self._void = folder, void

    def __call__(self, frame: Frame) -> MaskImage:
        """Return the masks of the frame's label image, or of the folder's for its stamp."""
        labels = frame.label_image if self._folder is None else self._folder.label_image(frame)
        if labels is None:
            raise InputError(
                f"frame at {frame.stamp_ns} ns has no label image: set topics.masks (replay: "
                "--masks), or masks.precomputed.folder"
            )
        if labels.shape != frame.depth.shape:
            raise InputError(
                f"label image at {frame.stamp_ns} ns is {labels.shape[1]}x{labels.shape[0]} but the frame is "
                f"{frame.depth.shape[1]}x{frame.depth.shape[0]}: make masks at the colour image's size"
            )
        values, index = np.unique(labels, return_inverse=True)
        rank = np.cumsum(values != self._void) - 1
        index = np.where(values == self._void, -1, rank)[index.reshape(labels.shape)]
        return MaskImage(index.astype(np.int32), np.ones(int((values != self._void).sum()), np.float32))

    def with_config(self, config: PrecomputedConfig) -> PrecomputedMaskMaker:
        """Return a mask maker with the same folder."""
        return PrecomputedMaskMaker(self._folder, config.void)

    def warm_up(self, frame: Frame) -> MaskImage:
        """Return no masks: reading a file is never slow the first time only."""
        return MaskImage(np.full(frame.depth.shape, -1, np.int32), np.zeros(0, np.float32))


class LabelImageFolder:
    """Label images on disk by `STAMP_NS.png`; or, numbered from 0, by the frame's place in a recording."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        if not folder or not self._folder.is_dir():
            raise InputError(f"masks.precomputed.folder={folder}: no such folder of label images")
        files = [file for file in self._folder.iterdir() if file.suffix in ENDINGS and file.stem.isdigit()]
        if not files:
            raise InputError(f"{folder}: contains no label images (STAMP_NS.png or .npy)")
        self._files = {int(file.stem): file for file in files}
        self._are_numbered = sorted(self._files) == list(range(len(self._files)))

    def label_image(self, frame: Frame) -> Int[np.ndarray, "height width"]:
        """Return the label image of a frame."""
        key = frame.number if self._are_numbered else frame.stamp_ns
        if key is None:
            raise InputError(
                f"{self._folder}: numbered label images work with recordings only, because a live camera has "
                "no frame 0: name them STAMP_NS.png"
            )
        if key not in self._files:
            name = "frame number" if self._are_numbered else "stamp"
            raise InputError(f"{self._folder}: no label image for {name} {key}")
        return _read_labels(self._files[key])


def _read_labels(file: Path) -> Int[np.ndarray, "height width"]:
    try:
        labels = np.load(file) if file.suffix == ".npy" else cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{file}: cannot be read ({error})") from error
    if labels is None or labels.ndim != 2 or labels.dtype.kind not in "iu":
        found = "nothing" if labels is None else f"{labels.dtype} of shape {labels.shape}"
        raise InputError(f"{file}: expected whole numbers, one per pixel; found {found}")
    return labels.astype(np.int64)
