"""What `synthesize` and `export` share: frames become a folder of posed images or a bag."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.datasets.write_bag import RecordedBag
from autoseg3d_core.datasets.write_posed_images import PosedImagesFolder
from autoseg3d_core.running import RunRecord, Unchanged, run


def add_format_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--format` and `--raw`."""
    parser.add_argument(
        "--format",
        choices=("folder", "bag"),
        default="folder",
        help="folder of posed images, or bag (rosbag2, MCAP); default: %(default)s",
    )
    parser.add_argument("--raw", action="store_true", help="write raw instead of compressed images to bags")


def write_frames(
    sequence: RgbdSequence, indices: Sequence[int], folder: Path, args: argparse.Namespace
) -> RunRecord:
    """Write frames of a sequence in the format that was asked for, and the truth that it has.

    Returns what became of the frames; after an interruption those written can be read. Raises `InputError` if
    the folder is in use, or no frame could be used.
    """
    sink: RecordedBag | PosedImagesFolder
    sink = (
        RecordedBag(sequence, folder, args.raw)
        if args.format == "bag"
        else PosedImagesFolder(sequence, folder)
    )
    shown = tqdm(indices, desc=sequence.name, unit="frame", disable=None)
    with closing(sink):
        return run(sequence, Unchanged(), (sink,), shown)
