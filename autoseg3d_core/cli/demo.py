"""`autoseg3d demo`: hands over to the demo of the ROS part, which needs ROS 2."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys

from autoseg3d_core.cli.arguments import rate
from autoseg3d_core.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("bag", nargs="?", help="bag to play (default: the bundled recording)")
    parser.add_argument(
        "--out", default="out/demo", help="folder for the results; those of an earlier run are replaced"
    )
    parser.add_argument("--rate", type=rate, default=1.0, help="playback speed")


def run(args: argparse.Namespace) -> int:
    """Run the demo in a process of its own; raises `InputError` where ROS 2 is missing."""
    if importlib.util.find_spec("rclpy") is None:
        raise InputError(
            "ROS 2 is not available in this environment: source your ROS 2 workspace, or run `make demo` in "
            "a checkout; `autoseg3d replay` needs no ROS"
        )
    words = [*([args.bag] if args.bag else []), "--out", args.out, "--rate", str(args.rate)]
    return subprocess.run([sys.executable, "-m", "autoseg3d_ros.demo", *words], check=False).returncode
