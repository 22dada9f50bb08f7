"""The command `autoseg3d`: one subcommand per verb, each in a module of its own."""

from __future__ import annotations

import argparse
import importlib
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import autoseg3d_core
from autoseg3d_core.errors import ConfigError, InputError

COMMANDS = {
    "demo": "play a recording into the live ROS 2 node and show its outputs",
    "replay": "run the core offline on a bag, a folder of posed images or a simulated scene",
    "synthesize": "write simulated scenes as folders or bags, with ground truth",
    "convert": "convert published ESAM weights",
    "prepare": "write scenes with ground truth and masks, for train and evaluate",
    "train": "train a network; an interrupted run continues where it stopped",
    "evaluate": "compare configurations by their scores on scenes with ground truth",
    "masks": "score a mask maker where the ground truth is known, and draw its masks",
    "weights": "list the published weights of mask makers, or download one",
    "bench": "measure time per stage, growth over frames and memory",
    "bench-network": "measure the 3D network alone, with each U-Net on each backend",
    "bench-association": "measure association and tracking with many tracks over many frames",
    "doctor": "show what is installed, what is missing, and how to install it",
}


class Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print it and end."""
        print(f"autoseg3d {autoseg3d_core.__version__}")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns its exit code: 2 for bad input or a bad config, 130 when interrupted.

    If whoever reads the output goes away, as `head` does, the command ends quietly with 0.
    """
    try:
        try:
            return _run(list(sys.argv[1:] if argv is None else argv))
        finally:
            sys.stdout.flush()  # or it fails where nobody can catch it
    except BrokenPipeError:
        if not _reader_is_gone():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(arguments: list[str]) -> int:
    with _quiet_interrupts():
        args = _parsed(arguments)
    try:
        return args.run(args)
    except BrokenPipeError:
        raise
    except (InputError, ConfigError, OSError) as error:
        print(f"autoseg3d {args.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"autoseg3d {args.command}: interrupted", file=sys.stderr)
        return 130


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="autoseg3d", description="Online 3D instance segmentation")
    parser.add_argument("--version", action=Version, nargs=0, help="show the version and exit")
    verbs = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    wanted = next((a for a in arguments if not a.startswith("-")), None)
    for name, about in COMMANDS.items():
        verb = verbs.add_parser(name, help=about, description=about)
        if name == wanted:  # only the command that runs is imported
            module = importlib.import_module(f"autoseg3d_core.cli.{name.replace('-', '_')}")
            module.add_arguments(verb)
            verb.set_defaults(run=module.run)
    return parser.parse_args(arguments)


@contextmanager
def _quiet_interrupts() -> Iterator[None]:
    """Let Ctrl-C end the process without a word while libraries are loaded, which takes seconds."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _reader_is_gone() -> bool:
    """Tell whether nobody reads the output any more; other pipes may break too."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), select.POLLOUT)
    return any(event & select.POLLERR for _, event in poll.poll(0))


if __name__ == "__main__":
    sys.exit(main())
