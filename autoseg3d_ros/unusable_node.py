"""The node where a package is missing: it exists, and reports at configure what is missing."""

from __future__ import annotations

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from autoseg3d_ros.process import ros_process, spin


class UnusableNode(LifecycleNode):
    """Stands where the node would be, and refuses to configure with the reason."""

    def __init__(self, problem: str) -> None:
        super().__init__("autoseg3d")
        self._problem = problem
        self.is_autostarted = bool(self.declare_parameter("autostart", True).value)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Say what is missing."""
        self.get_logger().error(f"cannot configure: {self._problem}")
        return TransitionCallbackReturn.FAILURE


def run_unusable(problem: str, args: list[str] | None) -> int:
    """Run the node in place of the usable one; return the exit code."""
    with ros_process(args) as ending:
        node = UnusableNode(problem)
        if node.is_autostarted:
            node.trigger_configure()
        else:
            executor = SingleThreadedExecutor(context=rclpy.get_default_context())
            executor.add_node(node)
            spin(executor, ending)
        node.destroy_node()
        return int(node.is_autostarted)
