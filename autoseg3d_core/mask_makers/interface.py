"""What makes 2D masks: it sees one frame, posed or not, and returns its masks."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from autoseg3d_core.structures import Frame, MaskImage


@runtime_checkable
class MaskMaker(Protocol):
    """Splits one frame into disjoint 2D masks; keeps no state between frames."""

    def __call__(self, frame: Frame) -> MaskImage:
        """Return the masks of this frame; none at all is a valid answer."""
        ...

    def with_config(self, config: Any) -> MaskMaker:
        """Return a mask maker with the same network or folder, and other settings of its own section."""
        ...

    def warm_up(self, frame: Frame) -> MaskImage:
        """Do once what makes a first call slow, and return masks as a call does; the frame is made up."""
        ...
