"""`autoseg3d convert`: published weights of ESAM into ours, every tensor accounted for."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", help="a published .pth: ESAM, ESAM-E, +FF, single view, or a backbone")
    parser.add_argument("target", help="the .safetensors file to write")
    parser.add_argument("--backbone", action="store_true", help="the U-Net alone, to begin training from")


def run(args: argparse.Namespace) -> int:
    """Convert; returns the exit code."""
    from autoseg3d_core.checkpoints.official import convert, convert_backbone

    if args.backbone:
        left = convert_backbone(args.source, args.target)
        print(f"{args.target}: the U-Net; {len(left)} tensors of other parts were left out")
        return 0
    shape = convert(args.source, args.target)
    print(f"{args.target}: {shape}")
    print(
        "try it: autoseg3d replay SOURCE --out DIR --config config/esam_published.yaml "
        f"--set model.network.weights={args.target}"
    )
    return 0
