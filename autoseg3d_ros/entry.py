"""The executable `autoseg3d_node`: checks what is installed before importing it, and ends on a signal.

It imports step by step, because a robot's operator may end it while it loads.
"""

from __future__ import annotations

import sys

from autoseg3d_ros.packages import problem_of_packages
from autoseg3d_ros.signals import end_at_once_when_asked


def main(args: list[str] | None = None) -> None:
    """Run the node; ends with code 0 on SIGINT and SIGTERM, 1 when it could not start."""
    end_at_once_when_asked()
    problem = problem_of_packages()
    if problem:
        from autoseg3d_ros.unusable_node import run_unusable

        sys.exit(run_unusable(problem, args))
    from autoseg3d_core.freed_memory import keep_freed_memory
    from autoseg3d_ros import node_process

    keep_freed_memory()
    node_process.main(args)


if __name__ == "__main__":
    main()
