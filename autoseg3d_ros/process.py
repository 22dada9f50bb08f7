"""The life of a ROS process: signals end it in order, while the context is still valid.

rclpy's own handlers shut the context down under threads that still use it, which ends in exceptions from
deep inside or in a crash, by chance.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import rclpy
from rclpy.executors import Executor
from rclpy.signals import SignalHandlerOptions

from autoseg3d_ros.signals import SIGNALS, end_at_once

LOOK_S = 0.2


class Ending:
    """Tells whether SIGINT or SIGTERM has asked the process to end.

    While the process is loading, when there is nothing yet to end in order, asking ends it at once.
    """

    def __init__(self, is_loading: bool = False) -> None:
        self.is_asked = False
        self.is_loading = is_loading

    def ask(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Ask for the end; fits as a signal handler."""
        if self.is_loading:
            end_at_once()
        self.is_asked = True


@contextmanager
def ros_process(args: list[str] | None, is_loading: bool = False) -> Iterator[Ending]:
    """Start rclpy with quiet signals, and shut it down at the end."""
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    ending = Ending(is_loading)
    before = {number: signal.signal(number, ending.ask) for number in SIGNALS}
    try:
        yield ending
    finally:
        rclpy.try_shutdown()
        for number, handler in before.items():
            signal.signal(number, handler)


def spin(executor: Executor, ending: Ending) -> None:
    """Run callbacks until the end is asked for."""
    while not ending.is_asked and executor.context.ok():
        # A signal's handler runs when this returns, so it must not wait for ever.
        executor.spin_once(timeout_sec=LOOK_S)
