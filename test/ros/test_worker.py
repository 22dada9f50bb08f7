"""The worker: newest frame wins, drops are counted, errors and jobs do not stop it."""

import threading
import time

import pytest

from autoseg3d_ros.worker import Job, Worker, WorkerStoppedError


class Bench:
    """A worker whose processing can be held, and notes of what became of the frames."""

    def __init__(self, limit=1, fails=()):
        self.done, self.dropped, self.failed = [], [], []
        self.gate, self.entered = threading.Event(), threading.Event()
        self.gate.set()
        self.fails = fails
        self.worker = Worker(
            self.process, self.dropped.append, lambda f, e: self.failed.append((f, str(e))), limit
        )
        self.worker.start()

    def process(self, frame):
        self.entered.set()
        self.gate.wait(5)
        if frame in self.fails:
            raise RuntimeError(f"cannot do {frame}")
        self.done.append(frame)

    def hold(self, frame):
        """Offer a frame and return once it is being worked on."""
        self.gate.clear()
        self.entered.clear()
        self.worker.offer(frame)
        assert self.entered.wait(5)

    def finish(self):
        """Let everything run to its end."""
        self.gate.set()
        end = time.monotonic() + 5
        while self.worker.pending() and time.monotonic() < end:
            time.sleep(0.002)
        assert self.worker.stop(5)


def test_the_newest_frame_wins_and_the_others_are_counted():
    bench = Bench()
    bench.hold(0)
    for frame in (1, 2, 3):
        bench.worker.offer(frame)
    assert bench.worker.pending() == 2
    bench.finish()
    assert bench.done == [0, 3]
    assert bench.dropped == [1, 2]


def test_with_room_every_frame_is_processed_in_order():
    bench = Bench(limit=10)
    bench.hold(0)
    for frame in range(1, 8):
        bench.worker.offer(frame)
    bench.finish()
    assert bench.done == list(range(8))
    assert bench.dropped == []


def test_every_frame_is_processed_dropped_or_failed():
    bench = Bench(fails=(2,))
    for frame in range(50):
        bench.worker.offer(frame)
        time.sleep(0.0005)
    bench.finish()
    assert len(bench.done) + len(bench.dropped) + len(bench.failed) == 50


def test_an_error_concerns_one_frame_only():
    bench = Bench(limit=10, fails=(1,))
    for frame in range(3):
        bench.worker.offer(frame)
    bench.finish()
    assert bench.done == [0, 2]
    assert bench.failed == [(1, "cannot do 1")]


def test_a_job_runs_on_the_worker_thread_before_later_frames():
    bench = Bench(limit=10)
    order = []
    bench.hold(0)
    bench.worker.submit(
        Job(lambda: order.append(threading.current_thread().name), lambda _: None, order.append)
    )
    bench.worker.offer(1)
    bench.finish()
    assert order == ["autoseg3d_worker"]
    assert bench.done == [0, 1]


def test_a_job_tells_its_result_or_its_error():
    bench = Bench()
    results, errors = [], []
    bench.worker.submit(Job(lambda: 5, results.append, errors.append))
    bench.worker.submit(Job(lambda: 1 / 0, results.append, errors.append))
    end = time.monotonic() + 5
    while not errors and time.monotonic() < end:
        time.sleep(0.002)
    bench.finish()
    assert results == [5]
    assert isinstance(errors[0], ZeroDivisionError)


def test_stopping_drops_what_waits_and_fails_the_jobs():
    bench = Bench()
    errors = []
    bench.hold(0)
    bench.worker.offer(1)
    bench.worker.submit(Job(lambda: None, lambda _: None, errors.append))
    threading.Timer(0.05, bench.gate.set).start()
    assert bench.worker.stop(5)
    assert bench.done == [0]
    assert bench.dropped == [1]
    assert isinstance(errors[0], WorkerStoppedError)


def test_stopping_does_not_wait_for_ever():
    bench = Bench()
    bench.hold(0)
    start = time.monotonic()
    assert not bench.worker.stop(0.1)
    assert time.monotonic() - start < 1
    bench.gate.set()


def test_a_job_after_the_end_fails_at_once():
    bench = Bench()
    bench.finish()
    errors = []
    bench.worker.submit(Job(lambda: None, lambda _: None, errors.append))
    assert isinstance(errors[0], WorkerStoppedError)


@pytest.mark.parametrize("step_s", [0.05])
def test_a_slow_step_keeps_the_age_of_frames_below_two_steps(step_s):
    ages = []

    def process(born):
        time.sleep(step_s)
        ages.append(time.monotonic() - born)

    worker = Worker(process, lambda _: None, lambda *_: None)
    worker.start()
    for _ in range(60):
        worker.offer(time.monotonic())
        time.sleep(0.01)
    assert worker.stop(5)
    assert max(ages) < 2.5 * step_s + 0.1
