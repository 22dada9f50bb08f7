"""The command `autoseg3d`: runs a subcommand, and turns what ends it early into words and an exit code."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from autoseg3d_core.cli.commands import command_parser
from autoseg3d_core.errors import ConfigError, InputError
from autoseg3d_core.freed_memory import keep_freed_memory


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
        wanted = next((word for word in arguments if not word.startswith("-")), "")
        args = command_parser({wanted}).parse_args(arguments)
    keep_freed_memory()
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
