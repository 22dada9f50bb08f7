"""Prepares a sequence for training: posed images with the truth, and masks of a mask maker beside them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from autoseg3d_core.datasets.posed_images import PosedImages
from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.datasets.write_posed_images import write_posed_images
from autoseg3d_core.mask_makers.interface import MaskMaker
from autoseg3d_core.structures import InputError

MASKS = "masks"
MOST_MASKS = 65_535


def prepare_images(open_source: Callable[[], RgbdSequence], folder: Path) -> PosedImages:
    """Write a sequence as posed images unless the folder is there; a folder left half written is begun anew.

    Raises `InputError` when nobody knows the truth of the sequence.
    """
    if not folder.exists():
        unfinished = folder.with_name(folder.name + ".unfinished")
        _remove(unfinished)
        sequence = open_source()
        if sequence.truth(0) is None or sequence.scene_truth() is None:
            raise InputError(
                f"{sequence.name}: its objects are not annotated, so nothing can be learned from it"
            )
        write_posed_images(sequence, unfinished)
        unfinished.rename(folder)
    return PosedImages(folder)


def prepare_masks(sequence: PosedImages, mask_maker: MaskMaker, name: str) -> Path:
    """Write each frame's masks as a label image (0 none) in a folder of this name, unless it is there."""
    folder = sequence.path / MASKS / name
    if folder.exists():
        return folder
    unfinished = folder.with_name(name + ".unfinished")
    _remove(unfinished)
    unfinished.mkdir(parents=True)
    for index in range(len(sequence)):
        labels = mask_maker(sequence[index]).index + 1
        if labels.max(initial=0) > MOST_MASKS:
            raise InputError(f"{sequence.path}: frame {index} has more masks than a 16-bit image can name")
        cv2.imwrite(str(unfinished / f"{index}.png"), labels.astype(np.uint16))
    unfinished.rename(folder)
    return folder


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
