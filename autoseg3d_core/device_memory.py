"""What happens when a GPU has no memory left: the work is done again, once, with less."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import torch

MadeT = TypeVar("MadeT")


def with_less_memory(work: Callable[[], MadeT], spare: Callable[[], object] = lambda: None) -> MadeT:
    """Return what `work` makes; where the GPU's memory is full, free what is cached, `spare`, and work again.

    `work` must not change anything before it is through. Raises `torch.cuda.OutOfMemoryError` if it is
    too much all the same. The first time, a warning says so.
    """
    try:
        return work()
    except torch.cuda.OutOfMemoryError:
        _warn_once()
    torch.cuda.empty_cache()  # not above: there the error holds on to what was made
    spare()
    return work()


@cache
def _warn_once() -> None:
    logging.getLogger(__name__).warning(
        "the GPU's memory is full: slower from here on, with the same results; to need less, lower "
        "lifting.points or model.network.max_voxels"
    )
