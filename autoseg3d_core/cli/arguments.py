"""Kinds of arguments that commands share: whole numbers, rates and settings."""

from __future__ import annotations

import argparse


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
