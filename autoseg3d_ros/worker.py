"""Two background threads: one prepares frames, one processes them, and runs jobs between them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

FrameT = TypeVar("FrameT")
ReadyT = TypeVar("ReadyT")


class WorkerStoppedError(RuntimeError):
    """A job that will never run, because the worker has stopped."""


@dataclass(frozen=True, eq=False)
class Job:
    """Something to do between frames; then one of `done` and `failed` is called, on the same thread.

    When the worker stops first, `failed` is called with `WorkerStoppedError` on the stopping thread.
    """

    run: Callable[[], object]
    done: Callable[[object], None]
    failed: Callable[[Exception], None]


@dataclass(frozen=True, eq=False)
class _Frame(Generic[FrameT, ReadyT]):
    content: FrameT
    ready: Future[ReadyT] = field(default_factory=Future)


def _nothing() -> None:
    """Do nothing."""


class Worker(Generic[FrameT, ReadyT]):
    """Takes frames through `prepare` and then `process`, in order.

    If `is_ahead` each has a thread of its own, and while a frame is processed the next one is prepared; so
    two are in work at most. At most `waiting_limit` frames wait; one too many pushes out the oldest, which
    `dropped` hears of. So a limit of 1 means that the newest frame wins. What comes after a job is not
    prepared before the job has run.

    `process` gets what `prepare` returns as a future, in the frame's turn; its `result()` waits, and raises
    what `prepare` raised. `process` answers for its own errors; one that gets through goes to `failed`, and
    the threads live on. `at_start` has what the two threads do first.
    """

    def __init__(
        self,
        prepare: Callable[[FrameT], ReadyT],
        process: Callable[[FrameT, Future[ReadyT]], None],
        dropped: Callable[[FrameT], None],
        failed: Callable[[FrameT, Exception], None],
        waiting_limit: int = 1,
        is_ahead: bool = True,
        at_start: tuple[Callable[[], object], Callable[[], object]] = (_nothing, _nothing),
    ) -> None:
        self._prepare, self._process, self._dropped, self._failed = prepare, process, dropped, failed
        self._waiting_limit, self._is_ahead, self._at_start = waiting_limit, is_ahead, at_start
        self._waiting: deque[_Frame[FrameT, ReadyT] | Job] = deque()
        self._next: _Frame[FrameT, ReadyT] | None = None  # being prepared, or ready
        self._at_work: _Frame[FrameT, ReadyT] | Job | None = None
        self._wake = threading.Condition()
        self._is_stopping = False
        # Daemons, because nothing can interrupt a network that hangs, and the process must be able to end.
        runs = [(self._run, "worker"), *([(self._run_ahead, "prepare")] if is_ahead else [])]
        self._threads = [
            threading.Thread(target=run, name=f"autoseg3d_{name}", daemon=True) for run, name in runs
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def offer(self, frame: FrameT) -> None:
        """Put a frame up for processing; returns at once."""
        with self._wake:
            waiting = [item for item in self._waiting if isinstance(item, _Frame)]
            pushed_out = waiting[: max(0, len(waiting) + 1 - self._waiting_limit)]
            for item in pushed_out:
                self._waiting.remove(item)
            self._waiting.append(_Frame(frame))
            self._wake.notify_all()
        for item in pushed_out:
            self._dropped(item.content)

    def submit(self, job: Job) -> None:
        """Run a job after the frames that wait now and before those that come later; returns at once."""
        with self._wake:
            if not self._is_stopping:
                self._waiting.append(job)
                self._wake.notify_all()
                return
        job.failed(WorkerStoppedError("the node is not active"))

    def pending(self) -> int:
        """Return how many frames wait or are being worked on."""
        with self._wake:
            return sum(isinstance(item, _Frame) for item in (*self._waiting, self._next, self._at_work))

    def stop(self, timeout_s: float) -> bool:
        """Stop after the frame being processed; drop the others; return whether the threads ended in time."""
        with self._wake:
            self._is_stopping = True
            left = [*([] if self._next is None else [self._next]), *self._waiting]
            self._next = None
            self._waiting.clear()
            self._wake.notify_all()
        for item in left:
            if isinstance(item, Job):
                item.failed(WorkerStoppedError("the node was deactivated first"))
            else:
                self._dropped(item.content)
        end = time.monotonic() + timeout_s
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run_ahead(self) -> None:
        self._at_start[0]()
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._may_prepare() or self._is_stopping)
                if self._is_stopping:
                    return
                item = self._waiting.popleft()
                assert isinstance(item, _Frame)
                self._next = item
                self._wake.notify_all()
            self._get_ready(item)

    def _may_prepare(self) -> bool:
        """Tell whether a frame is to be prepared now: the first that waits, unless a job is at work."""
        has_room = self._next is None and not isinstance(self._at_work, Job)
        return has_room and bool(self._waiting) and isinstance(self._waiting[0], _Frame)

    def _get_ready(self, frame: _Frame[FrameT, ReadyT]) -> None:
        try:
            frame.ready.set_result(self._prepare(frame.content))
        except BaseException as error:  # whoever waits for the result has to hear of any
            frame.ready.set_exception(error)

    def _run(self) -> None:
        self._at_start[1]()
        while True:
            with self._wake:
                self._at_work = None
                self._wake.notify_all()
                self._wake.wait_for(lambda: self._next or self._may_take() or self._is_stopping)
                if self._is_stopping:
                    return
                item = self._at_work = self._next or self._waiting.popleft()
                self._next = None
                self._wake.notify_all()
            if isinstance(item, Job):
                _run_job(item)
            else:
                self._run_frame(item)

    def _may_take(self) -> bool:
        """Tell whether the first that waits is for this thread: a job, or a frame that no other prepares."""
        return bool(self._waiting) and (not self._is_ahead or isinstance(self._waiting[0], Job))

    def _run_frame(self, frame: _Frame[FrameT, ReadyT]) -> None:
        if not self._is_ahead:
            self._get_ready(frame)
        try:
            self._process(frame.content, frame.ready)
        except Exception as error:
            self._failed(frame.content, error)


def _run_job(job: Job) -> None:
    try:
        result = job.run()
    except Exception as error:
        job.failed(error)
    else:
        job.done(result)


class RepeatedJob:
    """A job that does not wait twice: while it has not run, handing it over again changes nothing."""

    def __init__(self, run: Callable[[], object], failed: Callable[[Exception], None]) -> None:
        self._run, self._failed = run, failed
        self.is_waiting = False

    def hand_over(self, worker: Worker[FrameT, ReadyT]) -> None:
        """Let the worker run it."""
        if not self.is_waiting:
            self.is_waiting = True
            worker.submit(Job(self._start, lambda _: None, self._fail))

    def _start(self) -> None:
        self.is_waiting = False
        self._run()

    def _fail(self, error: Exception) -> None:
        self.is_waiting = False
        if not isinstance(error, WorkerStoppedError):  # it will be handed over again
            self._failed(error)
