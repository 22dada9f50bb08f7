"""A mask maker for tests, made of a function."""

from collections.abc import Callable

from autoseg3d_core.structures import Frame, MaskImage


class MaskMakerOf:
    """Gives the masks that a function gives."""

    def __init__(self, function: Callable[[Frame], MaskImage] | None) -> None:
        self.function = function

    def __call__(self, frame: Frame) -> MaskImage:
        assert self.function is not None, "not to be called"
        return self.function(frame)

    warm_up = __call__
