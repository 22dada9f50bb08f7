"""`autoseg3d config show`: every setting with its value, as a file that `--config` takes."""

from __future__ import annotations

import argparse
import sys

from autoseg3d_core import build
from autoseg3d_core.config import entries
from autoseg3d_core.config_text import yaml_lines
from autoseg3d_core.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("action", choices=("show",), help="what to do")
    parser.add_argument(
        "words",
        nargs="*",
        metavar="SECTION|KEY=VALUE",
        help="sections to show, e.g. tracks or masks.edge, and settings to change, e.g. lifting.points=10000",
    )
    parser.add_argument("--config", metavar="FILE", help="YAML file with parameters")
    parser.add_argument("--changed", action="store_true", help="show only what differs from the defaults")


def run(args: argparse.Namespace) -> int:
    """Print the settings; raises `ConfigError` for one that there is not."""
    changes = tuple(word for word in args.words if "=" in word)
    sections = [word for word in args.words if "=" not in word]
    shown = list(entries(build.load(args.config, changes)))
    for section in sections:
        if not any(_is_in(entry.key, section) for entry in shown):
            known = ", ".join(dict.fromkeys(entry.key.split(".")[0] for entry in shown))
            raise ConfigError(f"{section}: no such section or setting (known: {known})")
    if sections:
        shown = [entry for entry in shown if any(_is_in(entry.key, section) for section in sections)]
    if args.changed:
        defaults = {entry.key: entry.value for entry in entries(build.Config())}
        shown = [entry for entry in shown if entry.value != defaults[entry.key]]
    if shown:
        print("\n".join(yaml_lines(shown)))
    else:
        print("nothing differs from the defaults", file=sys.stderr)
    return 0


def _is_in(key: str, section: str) -> bool:
    return key == section or key.startswith(f"{section}.")
