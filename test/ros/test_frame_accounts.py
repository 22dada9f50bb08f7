"""Every colour image that comes is processed, lost for a reason, or still waits; whatever happens."""

import random

import numpy as np
import pytest

from autoseg3d_ros.node_config import SyncConfig, TfConfig
from autoseg3d_ros.outcomes import Outcome

SECOND = 10**9


class Story:
    """A random sequence of what can happen to a frame source."""

    def __init__(self, bench, camera_set, seed):
        self.bench, self.camera_set, self.random = bench, camera_set, random.Random(seed)
        self.received, self.now_ns = 0, SECOND

    def step(self):
        self.random.choice(
            (
                *(self.color, self.color, self.whole, self.whole, self.whole, self.depth, self.repeat),
                *(self.zero, self.nameless, self.pose, self.no_pose, self.back, self.able, self.elsewhere),
            )
        )()

    def messages(self, **options):
        self.now_ns += self.random.choice([10, 33, 100]) * 10**6
        return self.camera_set(stamp_ns=self.now_ns, **options)

    def send(self, index, message):
        self.received += index == 0
        self.bench.source.gates[index].accept(message)

    def whole(self, **options):
        for index, message in enumerate(self.messages(**options)):
            self.send(index, message)

    def color(self):
        self.send(0, self.messages()[0])

    def depth(self):
        self.send(1, self.messages()[1])

    def repeat(self):
        color, depth, _ = self.messages()
        for _ in range(self.random.randint(2, 3)):
            self.send(0, color)
        if self.random.random() < 0.5:
            self.send(1, depth)
            self.send(0, color)

    def zero(self):
        self.send(0, self.camera_set(stamp_ns=0)[0])

    def nameless(self):
        self.whole(frame_id="")

    def elsewhere(self):
        color, _, info = self.messages()
        _, depth, _ = self.camera_set(stamp_ns=self.now_ns, frame_id="depth_eye")
        for index, message in enumerate((color, depth, info)):
            self.send(index, message)

    def pose(self):
        self.bench.poses.everywhere = np.eye(4)

    def no_pose(self):
        self.bench.poses.everywhere = None

    def back(self):
        self.now_ns = max(SECOND, self.now_ns - self.random.choice([1, 20]) * SECOND // 4)

    def able(self):
        self.bench.source.is_enabled = not self.bench.source.is_enabled


@pytest.mark.parametrize("seed", range(12))
def test_received_is_processed_plus_lost_plus_pending(node, make_bench, camera_set, spin_until, seed):
    bench = make_bench(sync=SyncConfig(queue_size=4), tf=TfConfig(timeout_s=0.03))
    story = Story(bench, camera_set, seed)
    for index in range(60):
        story.step()
        if index % 10 == 9:
            spin_until([node], lambda: False, 0.03)
        assert story.received == len(bench.sink.frames) + len(bench.sink.reports) + bench.source.pending()
    bench.source.close()
    assert bench.source.pending() == 0
    assert story.received == len(bench.sink.frames) + len(bench.sink.reports)
    assert all(report.reason for report in bench.sink.reports)


def test_a_repeated_stamp_is_counted_twice(make_bench, camera_set):
    bench = make_bench()
    color = camera_set()[0]
    for _ in range(3):
        bench.source.gates[0].accept(color)
    assert [report.outcome for report in bench.sink.reports] == [Outcome.DROPPED_SYNC] * 2
    assert bench.source.pending() == 1
