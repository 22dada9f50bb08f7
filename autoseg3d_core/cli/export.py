"""`autoseg3d export`: writes a recording of any kind as a bag or as a folder of posed images."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from autoseg3d_core.cli.frame_range import add_range_arguments, chosen_frames
from autoseg3d_core.cli.source import add_source_arguments, look_over, open_source, source_options
from autoseg3d_core.cli.written import add_format_arguments, write_frames


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "source", help="a recording (docs/recordings.md lists the formats), camera:NAME or simulation:SEED"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="new folder for the bag or the images")
    add_format_arguments(parser)
    add_range_arguments(parser)
    add_source_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Write the frames; returns the exit code."""
    sequence = open_source(args.source, (), source_options(args))
    look_over(args.source, sequence, args.strict)
    indices = chosen_frames(args, args.source, len(sequence))
    record = write_frames(sequence, indices, Path(args.out), args)
    left_out = ", ".join(f"{count} {cause}" for cause, count in record.skipped.items()) or "none"
    print(f"{record.frames} frames in {args.out}; left out: {left_out}")
    if record.interrupted:
        print("autoseg3d export: interrupted", file=sys.stderr)
    return 130 if record.interrupted else 0
