"""`autoseg3d prepare`: writes scenes with truth and masks, as training and evaluation read them."""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from autoseg3d_core import build
from autoseg3d_core.cli.arguments import add_settings
from autoseg3d_core.cli.source import add_config_arguments, open_source, scenes_of
from autoseg3d_core.training.prepare import prepare_images, prepare_masks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", nargs="+", help="bags, folders, simulation:SEED or simulation:FIRST-LAST")
    parser.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="folder for the scenes, one folder each; existing ones are kept",
    )
    parser.add_argument("--name", help="name for the masks (default: the mask maker's name)")
    add_settings(parser, "--simulation", "settings of a simulated scene, e.g. rooms=2 frames=100")
    add_config_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Write what is missing, showing the progress; returns the exit code."""
    config = build.load(args.config, tuple(args.set))
    mask_maker, name = build.mask_maker(config), args.name or build.mask_maker_name(config)
    scenes = scenes_of(args.source)
    for scene, source in tqdm(scenes.items(), desc="preparing", unit="scene", disable=None):
        folder = Path(args.out) / scene
        sequence = prepare_images(lambda: open_source(source, tuple(args.simulation)), folder)  # noqa: B023
        prepare_masks(sequence, mask_maker, name)
    print(f"{len(scenes)} scenes with {name} masks in {args.out}")
    return 0
