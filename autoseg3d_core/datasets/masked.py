"""Frames that carry masks made before: perfect ones, from the truth, or those that `prepare` wrote."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Int32

from autoseg3d_core.datasets.posed_images import MASKS
from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.structures import Frame, FrameTruth, InputError, SceneTruth

TRUTH_MASKS = {"truth-parts": "part", "truth-objects": "instance"}
"""Names of perfect masks, which every sequence with a truth has, and the images that they are."""


class MaskedSequence:
    """A sequence whose frames bring the masks of a name with them, for `masks.name=precomputed`."""

    def __init__(self, sequence: RgbdSequence, masks: str) -> None:
        self._sequence, self._masks = sequence, masks
        self.name = sequence.name
        self.skipped = getattr(sequence, "skipped", {})
        self.skip_reasons = getattr(sequence, "skip_reasons", {})
        _check(sequence, masks)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._sequence)

    def __getitem__(self, index: int) -> Frame:
        """Return one frame with its masks; raises `InputError` when it or they cannot be read."""
        frame = self._sequence[index]
        return dataclasses.replace(frame, label_image=labels_of(self._sequence, index, self._masks))

    def truth(self, index: int) -> FrameTruth | None:
        """Return the ground truth of one frame, None if unknown."""
        return self._sequence.truth(index)

    def scene_truth(self) -> SceneTruth | None:
        """Return the ground truth of the scene, None if unknown."""
        return self._sequence.scene_truth()


def _check(sequence: RgbdSequence, masks: str) -> None:
    """Raise `InputError` where no frame has masks of this name, so that a wrong name is said at once."""
    first: InputError | None = None
    for index in range(len(sequence)):
        try:
            labels_of(sequence, index, masks)
            return
        except InputError as error:
            first = first or error
    if first is not None:
        raise first


def labels_of(sequence: RgbdSequence, index: int, masks: str) -> Int32[np.ndarray, "height width"]:
    """Return a frame's masks of a name, 0 none; raises `InputError` where there are none."""
    if masks in TRUTH_MASKS:
        truth = sequence.truth(index)
        if truth is None:
            raise InputError(f"{sequence.name}: has no ground truth, so there are no {masks} masks")
        return getattr(truth, TRUTH_MASKS[masks])
    folder = getattr(sequence, "path", Path("-")) / MASKS
    if not (folder / masks).is_dir():
        there = ", ".join((*mask_names(folder), *TRUTH_MASKS))
        raise InputError(f"{sequence.name}: has no {masks} masks (but {there})")
    file = folder / masks / f"{index}.png"
    labels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if labels is None:
        raise InputError(f"{file}: cannot be read as an image; prepare the masks again")
    return labels.astype(np.int32)


def mask_names(folder: Path) -> tuple[str, ...]:
    """Return the names of the masks that `prepare` wrote into a folder."""
    return tuple(sorted(p.name for p in folder.iterdir() if p.is_dir())) if folder.is_dir() else ()
