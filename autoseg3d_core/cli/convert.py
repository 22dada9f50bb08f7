"""`autoseg3d convert`: published weights of ESAM into ours, every tensor accounted for."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", help="a published .pth: ESAM, ESAM-E, +FF, single view, or a backbone")
    parser.add_argument("target", help="the .safetensors file to write")
    parser.add_argument("--backbone", action="store_true", help="the U-Net alone, to start training from")


def run(args: argparse.Namespace) -> int:
    """Convert; returns the exit code."""
    from autoseg3d_core.checkpoints.official import BACKBONE_OUTPUT, convert, convert_backbone

    train = (
        "autoseg3d train --config config/train_single.yaml --out DIR "
        f"--set network.start={args.target} network.unet=res16unet34c"
    )
    if args.backbone:
        left = convert_backbone(args.source, args.target)
        output = [name for name in left if name.startswith(BACKBONE_OUTPUT)]
        print(
            f"{args.target}: the U-Net; {len(left) - len(output)} tensors of other parts were left out",
            end="",
        )
        print(f", and {', '.join(output)}, which no ESAM has" if output else "")
        print(f"start training from it, all other parts untrained: {train}")
        return 0
    model = convert(args.source, args.target)
    print(f"{args.target}: {model.name}, {model.shape}")
    if model.tracks:
        settings = " ".join((f"model.network.weights={args.target}", *model.settings))
        print(
            f"try it: autoseg3d replay SOURCE --out DIR --config config/esam_published.yaml --set {settings}"
        )
        return 0
    shape, aware = model.shape, str(model.shape.classes > 1).lower()
    print(
        "it has no boxes and no embedding, so that no instance would find its track: start training from it: "
        f"{train} network.query_channels={shape.query_channels} network.placement={shape.placement} "
        f"network.class_aware={aware}"
    )
    return 0
