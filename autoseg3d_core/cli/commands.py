"""The subcommands of `autoseg3d`, and the parser of their arguments."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Collection
from typing import Any

import autoseg3d_core

COMMANDS = {
    "demo": "play a recording into the live ROS 2 node and show its outputs",
    "replay": "run the core offline on a bag, a folder of posed images or a simulated scene",
    "view": "look at results of a replay, or at a recording, in the Rerun viewer",
    "export": "write a recording as a bag or as a folder of posed images",
    "synthesize": "write simulated scenes as folders or bags, with ground truth",
    "convert": "convert published ESAM weights",
    "prepare": "write scenes with ground truth and masks, for train and evaluate",
    "train": "train a network; an interrupted run continues where it stopped",
    "evaluate": "compare configurations by their scores on scenes with ground truth",
    "compare": "tell which of two evaluated configurations is better, and how sure that is",
    "masks": "score a mask maker where the ground truth is known, and draw its masks",
    "weights": "list the published weights of mask makers, or download one",
    "bench": "measure time per stage, growth over frames and memory",
    "bench-network": "measure the 3D network alone, with each U-Net on each backend",
    "bench-association": "measure association and tracking with many tracks over many frames",
    "bench-map": "measure whether the map stays true while simulated rooms change",
    "bench-mapping": "measure the published mapping of predictions onto a mesh",
    "config": "show every setting with its value, meaning, unit and range",
    "completion": "print a script that completes commands and options in your shell",
    "doctor": "show what is installed, what is missing, and how to install it",
}


class Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print it and end."""
        print(f"autoseg3d {autoseg3d_core.__version__}")
        parser.exit()


def command_parser(loaded: Collection[str]) -> argparse.ArgumentParser:
    """Return the parser of the command line; only commands in `loaded` are imported and have arguments."""
    parser = argparse.ArgumentParser(prog="autoseg3d", description="Online 3D instance segmentation")
    parser.add_argument("--version", action=Version, nargs=0, help="show the version and exit")
    verbs = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, about in COMMANDS.items():
        verb = verbs.add_parser(name, help=about, description=about)
        if name in loaded:
            module = importlib.import_module(f"autoseg3d_core.cli.{name.replace('-', '_')}")
            module.add_arguments(verb)
            verb.set_defaults(run=module.run)
    return parser
