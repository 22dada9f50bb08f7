"""A transform buffer that can wait, answer for its frames, and start again with its node's clock."""

from __future__ import annotations

from collections.abc import Callable
from time import sleep
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.clock import Clock as SystemClock
from rclpy.clock import ClockChange, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.task import Future
from tf2_msgs.srv import FrameGraph
from tf2_py import BufferCore, TransformException
from tf2_py.buffer_core import nanoseconds_of_duration

POLL_S = 0.02
CLOCK_CHANGES = (ClockChange.ROS_TIME_ACTIVATED, ClockChange.ROS_TIME_DEACTIVATED)


class TypeException(TransformException):
    """No conversion is known for a type of message."""


class Buffer(BufferCore):
    """Keeps transforms; waits, where asked to, by sleeping on the system clock.

    With a node it offers the service `tf2_frames`, and empties itself when the node's clock jumps back.
    """

    def __init__(self, cache_time: Duration | None = None, node: Node | None = None) -> None:
        super().__init__(cache_time)
        self._waiting: list[Callable[[], bool]] = []
        if node is not None:
            self.node = node
            self._service = node.create_service(FrameGraph, "tf2_frames", self._answer)
            threshold = JumpThreshold(
                min_forward=None, min_backward=Duration(seconds=-1), on_clock_change=True
            )
            self._jumps = node.get_clock().create_jump_callback(
                threshold, post_callback=self.time_jump_callback
            )

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Add a transform and wake those who wait for it."""
        super().set_transform(transform, authority)
        self._wake()

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Add a transform that holds at any time and wake those who wait for it."""
        super().set_transform_static(transform, authority)
        self._wake()

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Any, timeout: Duration | None = None
    ) -> TransformStamped:
        """Return the transform that maps source into target coordinates; raises when the wait is over."""
        self.can_transform(target_frame, source_frame, time, timeout)
        return self.lookup_transform_core(target_frame, source_frame, time)

    def lookup_transform_full(
        self,
        target_frame: str,
        target_time: Any,
        source_frame: str,
        source_time: Any,
        fixed_frame: str,
        timeout: Duration | None = None,
    ) -> TransformStamped:
        """Return the transform between two frames at two times, by way of a fixed frame."""
        ends = (target_frame, target_time, source_frame, source_time, fixed_frame)
        self.can_transform_full(*ends, timeout)
        return self.lookup_transform_full_core(*ends)

    def can_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Any,
        timeout: Duration | None = None,
        return_debug_tuple: bool = False,
    ) -> int | tuple[int, str]:
        """Return 1 or 0, or that and the reason, after waiting for at most the timeout."""
        answer = _wait(lambda: self.can_transform_core(target_frame, source_frame, time), timeout)
        return answer if return_debug_tuple else answer[0]

    def can_transform_full(
        self,
        target_frame: str,
        target_time: Any,
        source_frame: str,
        source_time: Any,
        fixed_frame: str,
        timeout: Duration | None = None,
        return_debug_tuple: bool = False,
    ) -> int | tuple[int, str]:
        """Return 1 or 0, or that and the reason, after waiting for at most the timeout."""
        ends = (target_frame, target_time, source_frame, source_time, fixed_frame)
        answer = _wait(lambda: self.can_transform_full_core(*ends), timeout)
        return answer if return_debug_tuple else answer[0]

    async def lookup_transform_async(
        self, target_frame: str, source_frame: str, time: Any
    ) -> TransformStamped:
        """Return the transform as soon as it is known."""
        await self.wait_for_transform_async(target_frame, source_frame, time)
        return self.lookup_transform_core(target_frame, source_frame, time)

    def wait_for_transform_async(self, target_frame: str, source_frame: str, time: Any) -> Future:
        """Return a future that is done, with the result True, when the transform is known."""
        future: Future = Future()

        def settle() -> bool:
            if not future.done() and self.can_transform_core(target_frame, source_frame, time)[0]:
                future.set_result(True)
            return bool(future.done())

        if not settle():
            self._waiting.append(settle)
        return future

    def transform(
        self, object_stamped: Any, target_frame: str, timeout: Duration | None = None, new_type: Any = None
    ) -> Any:
        """Raise TypeException, as without an import of `tf2_geometry_msgs`, which has no stand-in."""
        raise TypeException(f"Type {type(object_stamped)} if not loaded or supported")

    def _wake(self) -> None:
        self._waiting = [settle for settle in self._waiting if not settle()]

    def time_jump_callback(self, jump: TimeJump) -> None:
        """Forget all transforms, as the original does since Jazzy."""
        if jump.clock_change in CLOCK_CHANGES or jump.delta.nanoseconds < 0:
            self.clear()

    def _answer(self, request: FrameGraph.Request, response: FrameGraph.Response) -> FrameGraph.Response:
        response.frame_yaml = self.all_frames_as_yaml()
        return response


def _wait(ask: Callable[[], tuple[int, str]], timeout: Duration | None) -> tuple[int, str]:
    """Ask until the answer is yes or the timeout over; return the last answer."""
    left_ns = 0 if timeout is None else nanoseconds_of_duration(timeout)
    clock = SystemClock()
    end_ns = clock.now().nanoseconds + left_ns
    answer = ask()
    while not answer[0] and clock.now().nanoseconds < end_ns:
        sleep(POLL_S)
        answer = ask()
    return answer
