"""message_filters' approximate synchroniser with two faults repaired: looped bags and raising callbacks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import message_filters

from autoseg3d_ros.conversions import stamp_to_ns

JITTER_NS = 100_000_000
"""Stamps that step back by less are disorder, not a new start of time."""
RECENT_STAMPS = 30


class StampGate(message_filters.SimpleFilter):
    """Lets the messages of one input through, counts them, and keeps out those without a stamp."""

    def __init__(self, topic: str, rejected: Callable[[StampGate, Any], None]) -> None:
        super().__init__()
        self.topic = topic
        self.received = 0
        self.zero_stamps = 0
        self.stamps_ns: deque[int] = deque(maxlen=RECENT_STAMPS)
        self._rejected = rejected

    def accept(self, message: Any) -> None:
        """Take a message from a subscription."""
        self.received += 1
        stamp_ns = stamp_to_ns(message.header.stamp)
        if stamp_ns == 0:
            self.zero_stamps += 1
            self._rejected(self, message)
            return
        self.stamps_ns.append(stamp_ns)
        self.signalMessage(message)


class LoopingSynchronizer(message_filters.ApproximateTimeSynchronizer):
    """Matches messages by stamp; forgets the old ones when time starts again.

    The original keeps the messages of a bag's first loop, and its full queues then evict the second
    loop's; and it calls back under a lock that an exception leaves locked for ever. Here `matched` is
    called after the lock is released, and an input whose stamps step back empties its queue. The other
    inputs' queues go with it, unless they have stepped back before. `jumped` hears of each new start
    once, with the time stepped back in nanoseconds; `evicted` of an input's index and of the
    stamps that left its queue unmatched, a repeated stamp being left by the earlier message.
    """

    def __init__(
        self,
        inputs: Sequence[Any],
        queue_size: int,
        slop_s: float,
        matched: Callable[..., None],
        jumped: Callable[[int], None],
        evicted: Callable[[int, list[int]], None],
    ) -> None:
        self._waiting: deque[tuple[Any, ...]] = deque()
        self._last_ns: list[int | None] = [None] * len(inputs)
        self._starts = [0] * len(inputs)  # how often time has started again, per input
        self._matched, self._jumped, self._evicted = matched, jumped, evicted
        self.match_count = 0
        super().__init__(inputs, queue_size, slop_s)

    # The names and arguments are those of message_filters.
    def add(self, msg: Any, my_queue: dict[int, Any], my_queue_index: int | None = None) -> None:
        """Take a message of one input, then hand over what it completed."""
        if my_queue_index is None:
            my_queue_index = next(i for i, queue in enumerate(self.queues) if queue is my_queue)
        stamp_ns = stamp_to_ns(msg.header.stamp)
        self._notice_new_start(my_queue_index, stamp_ns)
        if stamp_ns in my_queue:
            self._evicted(my_queue_index, [stamp_ns])
        gone = {*my_queue, stamp_ns}
        super().add(msg, my_queue, my_queue_index)
        gone.difference_update(my_queue)
        gone.difference_update(stamp_to_ns(match[my_queue_index].header.stamp) for match in self._waiting)
        if gone:
            self._evicted(my_queue_index, sorted(gone))
        while self._waiting:
            self._matched(*self._waiting.popleft())

    def signalMessage(self, *msg: Any) -> None:  # noqa: N802
        """Keep a match until the lock is released."""
        self.match_count += 1
        self._waiting.append(msg)

    def close(self) -> None:
        """Let go of all that waits."""
        for index, queue in enumerate(self.queues):
            stamps = sorted(queue)
            queue.clear()
            self._evicted(index, stamps)

    def queued(self, index: int) -> int:
        """Return how many messages of an input wait for the others."""
        return len(self.queues[index])

    def _notice_new_start(self, index: int, stamp_ns: int) -> None:
        last_ns, self._last_ns[index] = self._last_ns[index], stamp_ns
        newest = max(self._starts)
        if last_ns is None:
            self._starts[index] = newest
        if last_ns is None or stamp_ns >= last_ns - JITTER_NS:
            return
        is_first = self._starts[index] == newest
        self._starts[index] = newest + is_first
        # The inputs that follow this one back have nothing yet that is worth keeping.
        behind = [i for i, starts in enumerate(self._starts) if starts < newest + is_first]
        for stale in {index, *behind}:
            with self.lock:
                stamps = sorted(self.queues[stale])
                self.queues[stale].clear()
            if stamps:
                self._evicted(stale, stamps)
        if is_first:
            self._jumped(last_ns - stamp_ns)
