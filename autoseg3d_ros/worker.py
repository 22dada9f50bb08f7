"""One background thread that does the work: newest frame wins, jobs run between frames."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

FrameT = TypeVar("FrameT")


class WorkerStoppedError(RuntimeError):
    """A job that will never run, because the worker has stopped."""


@dataclass(frozen=True, eq=False)
class Job:
    """Something to do between frames; exactly one of `done` and `failed` is called, on the worker's thread.

    When the worker stops first, `failed` is called with `WorkerStoppedError` on the stopping thread.
    """

    run: Callable[[], object]
    done: Callable[[object], None]
    failed: Callable[[Exception], None]


@dataclass(frozen=True, eq=False)
class _Frame(Generic[FrameT]):
    content: FrameT


class Worker(Generic[FrameT]):
    """Runs `process` on frames, one at a time, in a thread of its own.

    At most `waiting_limit` frames wait; one too many pushes out the oldest, which `dropped` hears of. So a
    limit of 1 means that the newest frame wins. `process` answers for its own errors; one that gets
    through goes to `failed`, and the thread lives on.
    """

    def __init__(
        self,
        process: Callable[[FrameT], None],
        dropped: Callable[[FrameT], None],
        failed: Callable[[FrameT, Exception], None],
        waiting_limit: int = 1,
    ) -> None:
        self._process, self._dropped, self._failed = process, dropped, failed
        self._waiting_limit = waiting_limit
        self._waiting: deque[_Frame[FrameT] | Job] = deque()
        self._wake = threading.Condition()
        self._is_stopping = False
        self._is_busy = False
        # A daemon, because nothing can interrupt a network that hangs, and the process must be able to end.
        self._thread = threading.Thread(target=self._run, name="autoseg3d_worker", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def offer(self, frame: FrameT) -> None:
        """Put a frame up for processing; returns at once."""
        with self._wake:
            waiting = [item for item in self._waiting if isinstance(item, _Frame)]
            pushed_out = waiting[: max(0, len(waiting) + 1 - self._waiting_limit)]
            for item in pushed_out:
                self._waiting.remove(item)
            self._waiting.append(_Frame(frame))
            self._wake.notify()
        for item in pushed_out:
            self._dropped(item.content)

    def submit(self, job: Job) -> None:
        """Run a job after the frames that wait now and before those that come later; returns at once."""
        with self._wake:
            if not self._is_stopping:
                self._waiting.append(job)
                self._wake.notify()
                return
        job.failed(WorkerStoppedError("the node is not active"))

    def pending(self) -> int:
        """Return how many frames wait or are being worked on."""
        with self._wake:
            return sum(isinstance(item, _Frame) for item in self._waiting) + self._is_busy

    def stop(self, timeout_s: float) -> bool:
        """Stop after the frame in work; drop what waits; return whether the thread ended in time."""
        with self._wake:
            self._is_stopping = True
            left = list(self._waiting)
            self._waiting.clear()
            self._wake.notify()
        for item in left:
            if isinstance(item, Job):
                item.failed(WorkerStoppedError("the node was deactivated first"))
            else:
                self._dropped(item.content)
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._is_busy = False
                self._wake.wait_for(lambda: self._waiting or self._is_stopping)
                if self._is_stopping:
                    return
                item = self._waiting.popleft()
                self._is_busy = isinstance(item, _Frame)
            if isinstance(item, Job):
                _run_job(item)
            else:
                self._run_frame(item.content)

    def _run_frame(self, frame: FrameT) -> None:
        try:
            self._process(frame)
        except Exception as error:
            self._failed(frame, error)


def _run_job(job: Job) -> None:
    try:
        result = job.run()
    except Exception as error:
        job.failed(error)
    else:
        job.done(result)
