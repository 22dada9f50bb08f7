"""The worker: newest frame wins, drops are counted, errors and jobs do not stop it, two are in work."""

import threading
import time
import types

import pytest

from autoseg3d_ros.worker import Job, RepeatedJob, Worker, WorkerStoppedError


class Bench:
    """A worker whose processing can be held, and notes of what became of the frames."""

    is_ahead = True

    def __init__(self, limit=1, fails=(), unready=()):
        self.done, self.dropped, self.failed, self.prepared = [], [], [], []
        self.unready = unready
        self.gate, self.entered = threading.Event(), threading.Event()
        self.gate.set()
        self.fails = fails
        self.worker = Worker(
            self.prepare,
            self.process,
            self.dropped.append,
            lambda f, e: self.failed.append((f, str(e))),
            limit,
            self.is_ahead,
        )
        self.worker.start()

    def prepare(self, frame):
        self.prepared.append(frame)
        if frame in self.unready:
            raise ValueError(f"cannot prepare {frame}")
        return [frame]

    def process(self, frame, ready):
        assert ready.result() == [frame]
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


@pytest.fixture(params=[True, False], ids=["ahead", "one after the other"])
def is_ahead(request, monkeypatch):
    monkeypatch.setattr(Bench, "is_ahead", request.param)
    return request.param


def wait_until(condition):
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    assert condition()


def test_the_newest_frame_wins_and_the_others_are_counted(is_ahead):
    bench = Bench()
    bench.hold(0)
    bench.worker.offer(1)
    if is_ahead:
        wait_until(lambda: bench.prepared == [0, 1])
    for frame in (2, 3, 4):
        bench.worker.offer(frame)
    assert bench.worker.pending() == 2 + is_ahead
    bench.finish()
    assert bench.done == [0, 1, 4] if is_ahead else [0, 4]
    assert bench.dropped == [2, 3] if is_ahead else [1, 2, 3]
    assert bench.prepared == bench.done


def test_one_frame_and_no_more_is_prepared_beside_the_one_at_work():
    bench = Bench(limit=10)
    bench.hold(0)
    for frame in range(1, 5):
        bench.worker.offer(frame)
    wait_until(lambda: len(bench.prepared) > 1)
    time.sleep(0.05)
    assert bench.prepared == [0, 1]
    bench.finish()
    assert bench.done == bench.prepared == list(range(5))


def test_what_preparing_raises_concerns_one_frame_and_comes_in_its_turn(is_ahead):
    bench = Bench(limit=10, unready=(1, 3))
    bench.hold(0)
    for frame in range(1, 5):
        bench.worker.offer(frame)
    assert bench.failed == []
    bench.finish()
    assert bench.done == [0, 2, 4]
    assert bench.failed == [(1, "cannot prepare 1"), (3, "cannot prepare 3")]


def test_nothing_behind_a_job_is_prepared_before_the_job_has_run(is_ahead):
    bench = Bench(limit=10)
    bench.hold(0)
    seen = []
    bench.worker.submit(Job(lambda: time.sleep(0.05) or seen.append(list(bench.prepared)), print, print))
    bench.worker.offer(1)
    bench.finish()
    assert seen == [[0]]
    assert bench.done == [0, 1]


def test_stopping_waits_for_what_is_prepared_and_drops_it():
    bench = Bench()
    gate = threading.Event()
    bench.prepare = lambda frame: [frame] if frame == 0 else gate.wait(5)
    bench.worker._prepare = bench.prepare
    bench.hold(0)
    bench.worker.offer(1)
    wait_until(lambda: not bench.worker._waiting)
    threading.Timer(0.05, lambda: (bench.gate.set(), gate.set())).start()
    assert bench.worker.stop(5)
    assert (bench.done, bench.dropped, bench.failed) == ([0], [1], [])


def test_with_room_every_frame_is_processed_in_order(is_ahead):
    bench = Bench(limit=10)
    bench.hold(0)
    for frame in range(1, 8):
        bench.worker.offer(frame)
    bench.finish()
    assert bench.done == list(range(8))
    assert bench.dropped == []


def test_every_frame_is_processed_dropped_or_failed(is_ahead):
    bench = Bench(fails=(2,), unready=(0, 7))
    for frame in range(50):
        bench.worker.offer(frame)
        time.sleep(0.0005)
    bench.finish()
    assert len(bench.done) + len(bench.dropped) + len(bench.failed) == 50


def test_an_error_concerns_one_frame_only(is_ahead):
    bench = Bench(limit=10, fails=(1,))
    for frame in range(3):
        bench.worker.offer(frame)
    bench.finish()
    assert bench.done == [0, 2]
    assert bench.failed == [(1, "cannot do 1")]


def test_a_job_runs_on_the_worker_thread_before_later_frames(is_ahead):
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
    wait_until(lambda: bench.prepared == [0, 1])
    bench.worker.offer(2)
    bench.worker.submit(Job(lambda: None, lambda _: None, errors.append))
    threading.Timer(0.05, bench.gate.set).start()
    assert bench.worker.stop(5)
    assert bench.done == [0]
    assert bench.dropped == [1, 2]
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
def test_a_slow_step_keeps_the_age_of_frames_below_three_steps(step_s, is_ahead):
    ages = []

    def process(born, ready):
        time.sleep(step_s)
        ages.append(time.monotonic() - born)

    worker = Worker(lambda _: None, process, lambda _: None, lambda *_: None, 1, is_ahead)
    worker.start()
    for _ in range(60):
        worker.offer(time.monotonic())
        time.sleep(0.01)
    assert worker.stop(5)
    assert max(ages) < (2.5 + is_ahead) * step_s + 0.1


def test_a_repeated_job_waits_once_and_can_be_handed_over_again_when_it_has_run_or_failed():
    handed, runs, errors = [], [], []
    worker = types.SimpleNamespace(submit=handed.append)
    job = RepeatedJob(lambda: runs.append(1), errors.append)
    for _ in range(3):
        job.hand_over(worker)
    assert len(handed) == 1
    handed[0].run()
    job.hand_over(worker)
    assert (len(handed), len(runs)) == (2, 1)
    handed[1].failed(ValueError("broken"))
    job.hand_over(worker)
    handed[2].failed(WorkerStoppedError("stopped"))
    assert [str(error) for error in errors] == ["broken"]
    assert not job.is_waiting
