"""Kinds of arguments that commands share: whole numbers, settings, and folders for results."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Collection
from pathlib import Path

from autoseg3d_core.errors import InputError


def positive(text: str) -> int:
    """Return a whole number of 1 or more."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def whole(text: str) -> int:
    """Return a whole number of 0 or more."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def rate(text: str) -> float:
    """Return a speed above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def setting(text: str) -> str:
    """Return `key=value` as it is."""
    if "=" not in text:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not KEY=VALUE (put other arguments before this option)"
        )
    return text


def add_settings(parser: argparse.ArgumentParser, option: str, about: str) -> None:
    """Add an option that takes any number of KEY=VALUE, and may be given several times."""
    parser.add_argument(
        option, metavar="KEY=VALUE", nargs="+", action="extend", type=setting, default=[], help=about
    )


def results_folder(path: str | Path, names: Collection[str]) -> Path:
    """Return a folder for results of these names, made or emptied of earlier ones.

    Raises `InputError`, and removes nothing, when there is anything else in it, or when it cannot be made.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = list(folder.iterdir())
    except OSError as error:
        raise InputError(f"{path}: cannot be used as a folder for results ({error.strerror})") from error
    strangers = sorted(entry.name for entry in found if entry.name not in names)
    if strangers:
        few = ", ".join(strangers[:3]) + (" and more" if len(strangers) > 3 else "")
        raise InputError(f"{path}: contains {few}, not written by an earlier run: choose another folder")
    for entry in found:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    return folder
