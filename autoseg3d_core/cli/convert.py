"""`autoseg3d convert`: published weights of ESAM into ours, every tensor accounted for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from autoseg3d_core.checkpoints.official import BACKBONE_OUTPUT, convert, convert_backbone
from autoseg3d_core.checkpoints.published_models import PublishedModel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", help="a published .pth: ESAM, ESAM-E, +FF, single view, or a backbone")
    parser.add_argument("target", help="the .safetensors file to write")
    parser.add_argument(
        "--backbone", action="store_true", help="convert the U-Net alone, to start training from it"
    )


def run(args: argparse.Namespace) -> int:
    """Convert, and say what to do with the result; returns the exit code."""
    if args.backbone:
        print(_about_backbone(convert_backbone(args.source, args.target), args.target))
    else:
        model = convert(args.source, args.target)
        print(f"{args.target}: {model.name}, {model.shape}")
        print(_how_to_run(model, args.target) if model.tracks else _how_to_train(model, args.target))
    return 0


def _about_backbone(left: Sequence[str], target: str) -> str:
    output = [name for name in left if name.startswith(BACKBONE_OUTPUT)]
    unused = f", and {', '.join(output)}, which no ESAM has" if output else ""
    return (
        f"{target}: the U-Net; {len(left) - len(output)} tensors of other parts were left out{unused}\n"
        "start training from it, all other parts untrained: "
        "autoseg3d train --config config/train_single.yaml --out DIR "
        f"--set network.start={target} network.unet=res16unet34c"
    )


def _how_to_run(model: PublishedModel, target: str) -> str:
    settings = " ".join((f"model.network.weights={target}", *model.settings))
    return f"try it: autoseg3d replay SOURCE --out DIR --config config/esam_published.yaml --set {settings}"


def _how_to_train(model: PublishedModel, target: str) -> str:
    shape, decoder = model.shape, model.shape.decoder
    return (
        "it has no boxes and no embedding, without which no instance finds its track: start training from it:"
        f" autoseg3d train --config config/train_esam.yaml --out DIR --set network.start={target} "
        f"network.unet={shape.unet} network.query_channels={shape.query_channels} "
        f"network.placement={decoder.placement} network.class_aware={str(decoder.classes > 1).lower()}"
    )
