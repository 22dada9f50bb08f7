"""Two frames in flight: the 2D masks of the next frame are made beside the rest of this one."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import torch

from autoseg3d_core.pipeline import OnlineSegmenter
from autoseg3d_core.structures import Frame, SceneUpdate, TimedMasks

MASKS_SHARE = 3
"""One in so many of torch's threads makes masks: they take about a third of a frame's time."""


def divided(threads: int) -> tuple[int, int]:
    """Return how many of torch's threads make masks, and how many do the rest."""
    for_masks = max(1, threads // MASKS_SHARE)
    return for_masks, max(1, threads - for_masks)


class MasksAhead:
    """A step whose masks are made in a thread of their own, of frames that were announced; a context.

    It makes the same of every frame as the segmenter alone, and raises the same, in the frame's own turn.
    While the context is open, torch's threads are divided between the two.
    """

    def __init__(self, online: OnlineSegmenter) -> None:
        self._online, self._threads = online, torch.get_num_threads()
        self._coming: deque[tuple[Frame, Future[TimedMasks]]] = deque()
        for_masks, self._rest = divided(self._threads)
        begin = partial(torch.set_num_threads, for_masks)
        self._pool = ThreadPoolExecutor(1, "autoseg3d_masks", begin)

    def __enter__(self) -> MasksAhead:
        self._pool.submit(torch.get_num_threads).result()  # starts the thread before this one takes its share
        torch.set_num_threads(self._rest)
        return self

    def __exit__(self, *error: Any) -> None:
        """Wait for the masks in work, and give this thread all of torch's threads again."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._coming.clear()
        torch.set_num_threads(self._threads)

    def announce(self, frame: Frame) -> None:
        """Begin with the masks of a frame whose step comes after that of the frames announced before."""
        self._coming.append((frame, self._pool.submit(self._online.make_masks, frame)))

    def step(self, frame: Frame) -> SceneUpdate:
        """Return what this frame changed, as `OnlineSegmenter.step` does."""
        while self._coming:
            announced, masks = self._coming.popleft()
            if announced is frame:
                return self._online.step(frame, masks.result())
        return self._online.step(frame)
