"""Filters that match messages by stamp, with the interface and the faults of message_filters 7.1."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import Any

from rclpy.clock import ROSClock
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.time import Time

__all__ = ["ApproximateTimeSynchronizer", "SimpleFilter", "Subscriber", "TimeSynchronizer"]


class SimpleFilter:
    """Hands messages on to whoever has registered."""

    def __init__(self) -> None:
        self.callbacks: dict[int, tuple[Callable[..., None], tuple[Any, ...]]] = {}
        self._next = itertools.count()

    def registerCallback(self, cb: Callable[..., None], *args: Any) -> int:  # noqa: N802
        """Have `cb(*messages, *args)` called; returns the number to unregister it by."""
        number = next(self._next)
        self.callbacks[number] = (cb, args)
        return number

    def unregisterCallback(self, number: int) -> None:  # noqa: N802
        """Forget a callback."""
        del self.callbacks[number]

    def signalMessage(self, *msg: Any) -> None:  # noqa: N802
        """Call the callbacks in the order in which they were registered."""
        for callback, args in list(self.callbacks.values()):
            callback(*msg, *args)


class Subscriber(SimpleFilter):
    """The messages of a topic; attributes that it lacks are those of its subscription."""

    def __init__(
        self, node: Node, msg_type: type, topic: str, qos_profile: Any = None, **kwargs: Any
    ) -> None:
        super().__init__()
        self.node, self.topic = node, topic
        profile = QoSProfile(depth=10) if qos_profile is None else qos_profile
        self.sub = node.create_subscription(msg_type, topic, self.callback, profile, **kwargs)

    def callback(self, msg: Any) -> None:
        """Hand on a message of the topic."""
        self.signalMessage(msg)

    def getTopic(self) -> str:  # noqa: N802
        """Return the topic's name as given."""
        return self.topic

    def __getattr__(self, name: str) -> Any:
        if name == "sub":  # the subscription failed
            raise AttributeError(name)
        return getattr(self.sub, name)


class TimeSynchronizer(SimpleFilter):
    """Matches messages of equal stamps.

    Callbacks run under `lock`; one that raises leaves it locked, as the original does.
    """

    def __init__(self, fs: Sequence[SimpleFilter], queue_size: int) -> None:
        super().__init__()
        self.queue_size = queue_size
        self.lock = threading.Lock()
        self.queues: list[dict[int, Any]] = []
        self.input_connections: list[int] = []
        self.connectInput(fs)

    def connectInput(self, fs: Sequence[SimpleFilter]) -> None:  # noqa: N802
        """Take messages from these filters, one queue each."""
        self.queues = [{} for _ in fs]
        self.input_connections = [
            source.registerCallback(self.add, queue, index)
            for index, (source, queue) in enumerate(zip(fs, self.queues, strict=True))
        ]

    def add(self, msg: Any, my_queue: dict[int, Any], my_queue_index: int | None = None) -> None:
        """Take a message; the earliest stamp that all inputs have is signalled."""
        self.lock.acquire()
        self._keep(my_queue, Time.from_msg(msg.header.stamp).nanoseconds, msg)
        common = reduce(set.intersection, (set(queue) for queue in self.queues))
        if common:
            stamp_ns = min(common)
            self.signalMessage(*(queue[stamp_ns] for queue in self.queues))
            for queue in self.queues:
                for passed in [other for other in queue if other <= stamp_ns]:
                    del queue[passed]
        self.lock.release()

    def _keep(self, queue: dict[int, Any], stamp_ns: int, msg: Any) -> None:
        queue[stamp_ns] = msg
        while len(queue) > self.queue_size:
            del queue[min(queue)]


class ApproximateTimeSynchronizer(TimeSynchronizer):
    """Matches messages whose stamps all lie less than `slop` seconds apart, greedily at each arrival.

    A match leaves the queues, older messages stay. `queue_offset` holds nanoseconds subtracted from the
    stamps of each input.
    """

    def __init__(
        self,
        fs: Sequence[SimpleFilter],
        queue_size: int,
        slop: float,
        queue_offset: Any = False,
        allow_headerless: bool = False,
        sync_arrival_time: bool = False,
    ) -> None:
        super().__init__(fs, queue_size)
        self.slop = Duration(seconds=slop)
        self.queue_offset = queue_offset
        self.allow_headerless = allow_headerless
        self.sync_arrival_time = sync_arrival_time

    def add(self, msg: Any, my_queue: dict[int, Any], my_queue_index: int | None = None) -> None:
        """Take a message; at most one match is signalled."""
        index = _index_of(my_queue, self.queues) if my_queue_index is None else my_queue_index
        stamp_ns = self._stamp_of(msg, index)
        if stamp_ns is None:
            return
        self.lock.acquire()
        self._keep(my_queue, stamp_ns, msg)
        if stamp_ns in my_queue:  # a stamp smaller than a full queue's was evicted at once
            self._match(stamp_ns, index)
        self.lock.release()

    def _stamp_of(self, msg: Any, index: int) -> int | None:
        has_stamp = hasattr(msg, "header") and hasattr(msg.header, "stamp")
        if not has_stamp and not (self.allow_headerless or self.sync_arrival_time):
            get_logger("message_filters.approximate").warning(
                "can not use message filters for messages without a header unless allow_headerless is set: "
                f"dropped a message of input {index}"
            )
            return None
        is_arrival = self.sync_arrival_time or not has_stamp
        stamp = ROSClock().now() if is_arrival else Time.from_msg(msg.header.stamp)
        return int(stamp.nanoseconds) - (self.queue_offset[index] if self.queue_offset else 0)

    def _match(self, stamp_ns: int, index: int) -> None:
        slop_ns = self.slop.nanoseconds
        for stamps in self._candidates(stamp_ns, index, slop_ns):
            if max(stamps) - min(stamps) < slop_ns:
                match = list(zip(self.queues, stamps, strict=True))
                self.signalMessage(*(queue[stamp] for queue, stamp in match))
                for queue, stamp in match:
                    del queue[stamp]
                return

    def _candidates(self, stamp_ns: int, index: int, slop_ns: int) -> Iterator[tuple[int, ...]]:
        """Yield one stamp per input, those nearest to the arrived one first."""
        choices = [
            sorted((s for s in queue if abs(s - stamp_ns) <= slop_ns), key=lambda s: abs(s - stamp_ns))
            for queue in self.queues
        ]
        choices[index] = [stamp_ns]
        return itertools.product(*choices)


def _index_of(queue: dict[int, Any], queues: Sequence[dict[int, Any]]) -> int:
    return next(index for index, other in enumerate(queues) if other is queue)
