"""`autoseg3d completion SHELL`: a script with which a shell completes our commands, options and files."""

from __future__ import annotations

import argparse
from typing import Any

from autoseg3d_core.cli.commands import COMMANDS, command_parser
from autoseg3d_core.errors import InputError

SHELLS = ("bash", "zsh", "tcsh")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("shell", choices=SHELLS, help='for bash: eval "$(autoseg3d completion bash)"')


def run(args: argparse.Namespace) -> int:
    """Print the script; raises `InputError` without the package that writes it."""
    try:
        import shtab
    except ImportError as error:
        raise InputError("completion needs the package shtab: pip install shtab") from error
    parser = command_parser(COMMANDS)
    _complete_files(parser, shtab.FILE)
    print(shtab.complete(parser, args.shell))
    return 0


def _complete_files(parser: argparse.ArgumentParser, files: Any) -> None:
    """Let files be offered wherever a value is not one of a few words."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in set(action.choices.values()):
                _complete_files(verb, files)
        elif action.nargs != 0 and action.choices is None:
            action.complete = files  # type: ignore[attr-defined]  # the attribute that shtab reads
