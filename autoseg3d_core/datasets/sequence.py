"""What a recorded or synthetic run is to its readers."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from autoseg3d_core.structures import Frame, FrameTruth, SceneTruth


@runtime_checkable
class RgbdSequence(Protocol):
    """Posed RGB-D frames in the order of their stamps, with the truth where it is known."""

    name: str

    def __len__(self) -> int:
        """Return the number of frames."""
        ...

    def __getitem__(self, index: int) -> Frame:
        """Return one frame; raises `InputError` when it cannot be read or has no usable pose."""
        ...

    def truth(self, index: int) -> FrameTruth | None:
        """Return the ground truth of one frame, None if unknown."""
        ...

    def scene_truth(self) -> SceneTruth | None:
        """Return the ground truth of the scene, None if unknown."""
        ...
