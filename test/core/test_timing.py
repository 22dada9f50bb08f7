"""How long stages take: by the clock of the host, and by the events of a GPU."""

import time

import pytest
import torch

from autoseg3d_core.timing import CORE_STAGES, STAGES, EventTimer, StageTimer, timer_for


class FakeStream:
    """A device that works through what it was told only when someone waits for it."""

    def __init__(self):
        self.now, self.queue, self.waits = 0.0, [], 0

    def work(self, ms):
        self.queue.append(ms)

    def event(self):
        return FakeEvent(self)


class FakeEvent:
    def __init__(self, stream):
        self.stream, self.place, self.ms = stream, None, None

    def record(self):
        self.stream.queue.append(self)

    def synchronize(self):
        self.stream.waits += 1
        for item in self.stream.queue:
            if isinstance(item, FakeEvent):
                item.ms = self.stream.now
            else:
                self.stream.now += item
        self.stream.queue.clear()

    def elapsed_time(self, end):
        assert self.ms is not None, "asked before the device was there"
        return end.ms - self.ms


def test_events_tell_what_the_device_did_and_the_host_waits_once():
    stream = FakeStream()
    timer = EventTimer(stream.event)
    for name, ms in (("lift", 3.0), ("encode", 40.0), ("lift", 2.0)):
        with timer.stage(name):
            stream.work(ms)
        stream.work(100.0)  # between stages
    assert stream.waits == 0
    assert timer.milliseconds() == {"lift": 5.0, "encode": 40.0}
    assert stream.waits == 1


def test_a_stage_that_fails_is_timed_all_the_same():
    stream = FakeStream()
    timer = EventTimer(stream.event)

    def fail():
        with timer.stage("lift"):
            stream.work(1.0)
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    assert timer.milliseconds() == {"lift": 1.0}
    assert EventTimer(stream.event).milliseconds() == {}


def test_the_host_s_clock_adds_up_stages_of_one_name():
    timer = StageTimer()
    for _ in range(2):
        with timer.stage("lift"):
            time.sleep(0.01)
    assert timer.milliseconds()["lift"] >= 20.0


def test_a_gpu_is_timed_by_events_and_a_cpu_by_the_clock():
    assert isinstance(timer_for(torch.device("cuda")), EventTimer)
    assert isinstance(timer_for(torch.device("cpu")), StageTimer)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_events_see_work_that_the_launch_does_not():
    timer, large = EventTimer(), torch.ones(4000, 4000, device="cuda")
    with timer.stage("encode"):
        large @ large
    assert timer.milliseconds()["encode"] > 0.1


def test_stages_are_named_once_and_begin_with_the_masks():
    assert STAGES[0] == "mask"
    assert len(set(STAGES)) == len(STAGES)
    assert (*STAGES[:1], *CORE_STAGES) == STAGES
