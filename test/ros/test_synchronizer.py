"""The synchroniser pairs the second loop of a bag like the first, and survives a callback that raises."""

from types import SimpleNamespace

import pytest

from autoseg3d_ros.messages import stamp_from_ns
from autoseg3d_ros.synchronizer import LoopingSynchronizer, StampGate


def message(stamp_ns):
    return SimpleNamespace(header=SimpleNamespace(stamp=stamp_from_ns(stamp_ns), frame_id="camera"))


class Bench:
    """Inputs, a synchroniser, and notes of what it says."""

    def __init__(self, inputs=2, queue_size=10, slop_s=0.02, on_match=None):
        self.pairs, self.jumps, self.rejected, self.evicted = [], [], [], []
        self.gates = [
            StampGate(f"topic_{i}", lambda g, m: self.rejected.append(g.topic)) for i in range(inputs)
        ]
        self.synchronizer = LoopingSynchronizer(
            self.gates,
            queue_size,
            slop_s,
            on_match or (lambda *m: self.pairs.append(m)),
            self.jumps.append,
            lambda index, stamps: self.evicted.extend((index, stamp) for stamp in stamps),
        )

    def play(self, rates, seconds=20, start_ns=1_000_000_000):
        """Feed each input at its rate, in the order of stamps; return the number of pairs."""
        stamps = [
            (start_ns + int(i * 1e9 / rate), index)
            for index, rate in enumerate(rates)
            for i in range(int(seconds * rate))
        ]
        before = len(self.pairs)
        for stamp_ns, index in sorted(stamps):
            self.gates[index].accept(message(stamp_ns))
        return len(self.pairs) - before


@pytest.mark.parametrize(
    ("rates", "queue_size", "slop_s", "pairs"),
    [
        ((30, 30), 10, 0.02, 600),
        ((15, 30), 10, 0.02, 300),
        ((15, 30), 5, 0.02, 300),
        ((30, 6), 10, 0.02, 120),
        ((15, 30), 10, 0.5, 300),
        ((30, 10), 10, 0.5, 200),
        ((15, 30), 100, 0.02, 300),
    ],
)
def test_the_second_loop_has_as_many_pairs_as_the_first(rates, queue_size, slop_s, pairs):
    bench = Bench(queue_size=queue_size, slop_s=slop_s)
    assert bench.play(rates) == pairs
    assert bench.play(rates) == pairs
    assert bench.play(rates) == pairs
    assert len(bench.jumps) == 2


def test_three_inputs_loop_too():
    bench = Bench(inputs=3)
    assert bench.play((15, 30, 30)) == bench.play((15, 30, 30)) == 300


def test_a_late_message_of_the_old_loop_costs_no_pair_of_the_new():
    bench = Bench()
    bench.play((10, 10), seconds=1)
    for index, stamp_ns in [(0, 1_000_000_000), (1, 1_950_000_000), (1, 1_000_000_000)]:
        bench.gates[index].accept(message(stamp_ns))
    assert len(bench.pairs) == 11
    assert len(bench.jumps) == 1


def test_a_jump_tells_how_far():
    bench = Bench()
    bench.gates[0].accept(message(5_000_000_000))
    bench.gates[0].accept(message(3_000_000_000))
    assert bench.jumps == [2_000_000_000]


def test_slight_disorder_is_no_jump():
    bench = Bench()
    for stamp_ns in (1_000_000_000, 1_033_000_000, 1_020_000_000):
        bench.gates[0].accept(message(stamp_ns))
    assert bench.jumps == []


def test_a_callback_that_raises_does_not_lock_up():
    calls = []

    def fail_once(*_):
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("once")

    bench = Bench(on_match=fail_once)
    bench.gates[0].accept(message(1_000_000_000))
    with pytest.raises(RuntimeError, match="once"):
        bench.gates[1].accept(message(1_000_000_000))
    assert not bench.synchronizer.lock.locked()
    for gate in bench.gates:
        gate.accept(message(2_000_000_000))
    assert len(calls) == 2


def test_the_lock_is_free_while_a_match_is_handed_over():
    states = []
    bench = Bench(on_match=lambda *_: states.append(bench.synchronizer.lock.locked()))
    for gate in bench.gates:
        gate.accept(message(1_000_000_000))
    assert states == [False]


def test_a_message_without_stamp_is_rejected_by_name():
    bench = Bench()
    bench.gates[1].accept(message(0))
    assert bench.rejected == ["topic_1"]
    assert bench.synchronizer.queued(1) == 0
    assert bench.gates[1].zero_stamps == bench.gates[1].received == 1


def test_every_message_is_matched_evicted_or_still_queued():
    bench = Bench(queue_size=5)
    for _ in range(3):
        bench.play((30, 7), seconds=4)
    for index, gate in enumerate(bench.gates):
        evicted = [stamp for at, stamp in bench.evicted if at == index]
        assert gate.received == len(bench.pairs) + len(evicted) + bench.synchronizer.queued(index)


def test_an_evicted_message_is_named_by_its_stamp():
    bench = Bench(queue_size=2)
    for second in (1, 2, 3):
        bench.gates[0].accept(message(second * 10**9))
    assert bench.evicted == [(0, 10**9)]
