"""Which frames of a source a command uses: `--start`, `--stride` and `--limit`."""

from __future__ import annotations

import argparse

from autoseg3d_core.cli.arguments import positive, whole
from autoseg3d_core.structures import InputError


def add_range_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the three options."""
    parser.add_argument("--limit", type=positive, help="stop after this many frames")
    parser.add_argument("--stride", type=positive, default=1, help="use every n-th frame")
    parser.add_argument(
        "--start", type=whole, default=0, metavar="FRAME", help="first frame to use, counted from 0"
    )


def chosen_frames(args: argparse.Namespace, source: str, count: int) -> range:
    """Return the indices that were asked for of `count` frames; raises `InputError` if there are none."""
    indices = range(args.start, count, args.stride)[: args.limit]
    if not indices:
        raise InputError(f"--start {args.start}: {source} has {count} frames")
    return indices
