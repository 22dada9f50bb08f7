"""Prepares a sequence for training: posed images with the truth, and masks of a mask maker beside them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from autoseg3d_core.datasets.posed_images import MASKS, PosedImages
from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.datasets.write_posed_images import PosedImagesFolder
from autoseg3d_core.mask_makers.interface import MaskMaker
from autoseg3d_core.running import MasksOf, Unchanged, run_to_the_end
from autoseg3d_core.structures import Frame, InputError, MaskImage

MOST_MASKS = 65_535


class LabelImages:
    """A sink that writes masks as label images (0 none), named by the frame's index."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)

    def take(self, index: int, frame: Frame, made: MaskImage) -> None:
        """Write one frame's masks; raises `InputError` for more than an image can name."""
        labels = made.index + 1
        if labels.max(initial=0) > MOST_MASKS:
            raise InputError(f"{self._folder}: frame {index} has more masks than a 16-bit image can name")
        cv2.imwrite(str(self._folder / f"{index}.png"), labels.astype(np.uint16))


def prepare_images(open_source: Callable[[], RgbdSequence], folder: Path) -> PosedImages:
    """Write a sequence as posed images unless the folder is there; a folder left half written is begun anew.

    Frames that cannot be used are left out, and named. Raises `InputError` when nobody knows the truth of the
    sequence, or no frame can be used.
    """
    if not folder.exists():
        unfinished = folder.with_name(folder.name + ".unfinished")
        _remove(unfinished)
        sequence = open_source()
        if sequence.truth(0) is None or sequence.scene_truth() is None:
            raise InputError(
                f"{sequence.name}: its objects are not annotated, so it cannot be used for training"
            )
        written = PosedImagesFolder(sequence, unfinished)
        run_to_the_end(sequence, Unchanged(), written)
        written.close()
        unfinished.rename(folder)
    return PosedImages(folder)


def prepare_masks(sequence: PosedImages, mask_maker: MaskMaker, name: str) -> Path:
    """Write each frame's masks as a label image (0 none) in a folder of this name, unless it is there.

    Raises `InputError` when a frame's masks cannot be made: training wants those of every frame.
    """
    folder = sequence.path / MASKS / name
    if folder.exists():
        return folder
    unfinished = folder.with_name(name + ".unfinished")
    _remove(unfinished)
    record = run_to_the_end(sequence, MasksOf(mask_maker), LabelImages(unfinished))
    if record.skipped:
        raise InputError(f"{sequence.path}: not every frame has masks: {'; '.join(record.reasons.values())}")
    unfinished.rename(folder)
    return folder


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
