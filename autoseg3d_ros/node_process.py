"""The node as a process of its own: made, started, and spun until a signal ends it."""

from __future__ import annotations

import os
import sys

from rclpy.executors import SingleThreadedExecutor
from rclpy.logging import get_logger

from autoseg3d_core.config import ConfigError
from autoseg3d_ros.node import SegmenterNode
from autoseg3d_ros.process import Ending, ros_process, spin


def run(node: SegmenterNode, ending: Ending) -> int:
    """Start the node unless a manager does, and spin it until a signal ends the process."""
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    has_started = not node.settings.node.autostart or node.start()
    ending.is_loading = False
    if not has_started:
        node.get_logger().fatal("could not start; see the error above")
        return 1
    if not node.settings.node.autostart:
        node.get_logger().info("unconfigured: ros2 lifecycle set NODE configure, then activate")
    spin(executor, ending)
    return 0


def main(args: list[str] | None = None) -> None:
    """Run the node; ends with code 0 on SIGINT and SIGTERM, 1 when it could not start."""
    code, has_stopped = 0, True
    with ros_process(args, is_loading=True) as ending:
        try:
            node = SegmenterNode()
        except ConfigError as error:
            get_logger("autoseg3d").fatal(str(error))
            code = 1
        else:
            code = run(node, ending)
            has_stopped = node.close()
            node.destroy_node()
    if not has_stopped:
        # A thread deep in a network would crash the interpreter as it is taken down.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
