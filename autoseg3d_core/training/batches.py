"""Batches by number: the same number gives the same batch, whoever makes it and wherever training goes on."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator
from typing import Any

from torch.multiprocessing import reductions
from torch.utils.data import DataLoader, IterableDataset, get_worker_info


class NumberedBatches(IterableDataset):  # type: ignore[type-arg]
    """Endless batches from a number on; of several processes each makes every n-th."""

    def __init__(self, make: Callable[[int], Any], first: int = 0, every: int = 1) -> None:
        self.make, self.first, self.every = make, first, every

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        number, step = self.first, self.every
        if worker is not None:  # the loader asks its workers in turn, so this keeps the order
            number, step = self.first + worker.id * self.every, self.every * worker.num_workers
        while True:
            yield self.make(number)
            number += step


def loaded(batches: NumberedBatches, workers: int) -> Iterator[Any]:
    """Return the batches, made ahead by so many processes."""
    if workers:  # else torch complains of every tensor that a process sent, once it has itself been unloaded
        atexit.register(reductions.shared_cache.clear)
    return iter(
        DataLoader(batches, batch_size=None, num_workers=workers, prefetch_factor=4 if workers else None)
    )
