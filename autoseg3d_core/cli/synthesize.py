"""`autoseg3d synthesize`: writes simulated walks as folders of posed images or as bags."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from autoseg3d_core.cli.arguments import positive
from autoseg3d_core.cli.written import add_format_arguments, write_frames
from autoseg3d_core.config import load_config
from autoseg3d_core.running import RunRecord
from autoseg3d_core.simulation.sequence import SimulatedSequence
from autoseg3d_core.simulation.settings import SimulationConfig, split_of
from autoseg3d_core.structures import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--seeds", default="0", help="scenes, e.g. 7, 0-9 or 0-3,5000 (default: %(default)s)")
    parser.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="folder of the scene; several scenes get one folder each in it",
    )
    add_format_arguments(parser)
    parser.add_argument("--frames", type=positive, help="frames per scene")
    parser.add_argument("--rooms", type=positive, help="rooms per scene")
    parser.add_argument("--force", action="store_true", help="allow seeds that belong to no split")
    parser.add_argument(
        "settings", nargs="*", metavar="KEY=VALUE", help="other settings, e.g. width=320 moving=observed"
    )


def run(args: argparse.Namespace) -> int:
    """Write every scene, showing the progress; returns the exit code."""
    seeds = parse_seeds(args.seeds)
    named = {"frames": args.frames, "rooms": args.rooms, "any_seed": True if args.force else None}
    overrides = (*(f"{key}={value}" for key, value in named.items() if value is not None), *args.settings)
    config = load_config(SimulationConfig, None, overrides)
    for seed in seeds:
        split_of(seed, config.style, config.any_seed)
    frames, left_out = 0, 0
    for seed in seeds:
        with SimulatedSequence(seed, config) as sequence:
            folder = Path(args.out) if len(seeds) == 1 else Path(args.out) / sequence.name
            record = _write(sequence, folder, args)
        frames, left_out = frames + record.frames, left_out + record.skipped.total()
    scenes = f"{len(seeds)} scene{'s' if len(seeds) > 1 else ''}"
    print(f"{scenes}, {frames} frames in {args.out}; left out: {left_out or 'none'}")
    return 0


def _write(sequence: SimulatedSequence, folder: Path, args: argparse.Namespace) -> RunRecord:
    """Write one scene; returns what became of its frames, or raises `InputError` if it cannot be rendered."""
    sequence.renderer()
    record = write_frames(sequence, range(len(sequence)), folder, args)
    if record.interrupted:
        raise KeyboardInterrupt
    return record


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds of a text such as `0-3,7`; raises `InputError` for another one."""
    seeds: list[int] = []
    for piece in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", piece.strip())
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            raise InputError(f"--seeds {text}: write whole numbers and ranges, e.g. 7, 0-9 or 0-3,5000")
        seeds += range(int(match[1]), int(match[2] or match[1]) + 1)
    return tuple(dict.fromkeys(seeds))
