"""`autoseg3d train`: trains the weights that a config file describes, and goes on where it was left."""

from __future__ import annotations

import argparse
from pathlib import Path

from autoseg3d_core.config import load_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--config", metavar="FILE", help="YAML file, e.g. config/train_masks.yaml")
    parser.add_argument("--set", metavar="KEY=VALUE", nargs="+", default=[], help="other settings")
    parser.add_argument("--out", default="out/train_masks", help="folder of weights, state and log")
    parser.add_argument("--cache", default="out/mask_frames", help="folder of rendered frames")


def run(args: argparse.Namespace) -> int:
    """Train; returns the exit code."""
    from autoseg3d_core.training.masks import TrainMasksConfig, train_masks

    config = load_config(TrainMasksConfig, args.config, tuple(args.set))
    weights = train_masks(config, Path(args.out), Path(args.cache))
    print(f"written: {weights}")
    return 0
