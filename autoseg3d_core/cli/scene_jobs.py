"""Tasks side by side: in processes of this machine, and over the processes that torchrun starts."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import torch
from torch import distributed

from autoseg3d_core.cli.scene_run import Outcome, SceneTask, outcome_of

PROCESSES = get_context("spawn")
"""A process that was forked could not use the GPU."""
LONGEST = datetime.timedelta(days=7)
"""How long one process of torchrun waits for the others."""
DIED = "its process ended before it was done (out of memory?): use fewer --jobs"


def outcomes(tasks: Sequence[SceneTask], jobs: int) -> Iterator[Outcome]:
    """Yield what comes of every task, so many at a time; a process that dies costs its own task only."""
    if jobs == 1:
        _choose_gpu()
        yield from map(outcome_of, tasks)
        return
    suspects = []
    with ProcessPoolExecutor(jobs, PROCESSES, _choose_gpu) as pool:
        futures = {pool.submit(outcome_of, task): task for task in tasks}
        for future in as_completed(futures):
            try:
                yield future.result()
            except BrokenProcessPool:
                suspects.append(futures[future])
    for task in suspects:  # the one that broke the pool, and those that it took along
        yield _alone(task)


def share_of(tasks: Sequence[SceneTask]) -> Sequence[SceneTask]:
    """Return the tasks of this process, of all those that torchrun started."""
    rank, world = rank_and_world()
    return tasks[rank::world]


def gathered(own: list[Outcome]) -> list[Outcome]:
    """Return the outcomes of every process in the first, and none in the others."""
    rank, world = rank_and_world()
    if world == 1:
        return own
    if not distributed.is_initialized():
        distributed.init_process_group("gloo", timeout=LONGEST)
    parts: list[list[Outcome]] | None = [[] for _ in range(world)] if rank == 0 else None
    distributed.gather_object(own, parts)
    distributed.destroy_process_group()
    return [outcome for part in parts or () for outcome in part]


def rank_and_world() -> tuple[int, int]:
    """Return which process this is, of how many."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def _alone(task: SceneTask) -> Outcome:
    with ProcessPoolExecutor(1, PROCESSES, _choose_gpu) as pool:
        try:
            return pool.submit(outcome_of, task).result()
        except BrokenProcessPool:
            return Outcome(task.row, task.scene, None, DIED)


def _choose_gpu() -> None:
    """Give each process that torchrun started on a machine a GPU of its own."""
    if "LOCAL_RANK" in os.environ and torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
