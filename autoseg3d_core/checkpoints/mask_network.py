"""The network of a FastSAM from its file: ours (safetensors) or ultralytics' (.pt)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch import nn

from autoseg3d_core.checkpoints.format import check_fit, load
from autoseg3d_core.checkpoints.network_file import NetworkFile, read_network
from autoseg3d_core.mask_makers.fastsam_network import empty_network
from autoseg3d_core.structures import InputError

MASK_HEAD = "Segment"
LAYERS = frozenset(
    [
        "Conv",
        "DWConv",
        "GhostConv",
        "Focus",
        "SCDown",
        "Bottleneck",
        "C1",
        "C2",
        "C2f",
        "C3",
        "C3k2",
        "C3Ghost",
        "C2fCIB",
        "C2PSA",
        "C2fPSA",
        "PSA",
        "A2C2f",
        "SPP",
        "SPPF",
        "Concat",
        "nn.Upsample",
        "nn.Identity",
    ]
)
"""Layers that segmentation networks of YOLO are made of; ultralytics would call whatever is named."""
SIZES = frozenset(
    [
        "nc",
        "ch",
        "channels",
        "depth_multiple",
        "width_multiple",
        "max_channels",
        "scale",
        "scales",
        "backbone",
        "head",
        "yaml_file",
        "end2end",
        "reg_max",
    ]
)
"""What else a description may hold. The activation has to be plain: ultralytics evaluates its text."""
PLAIN_ACTIVATION = re.compile(r"(torch\.)?nn\.[A-Za-z0-9]+\(\s*(inplace=(True|False)|[0-9.]*)\s*\)")
NAME = re.compile(r"[A-Za-z0-9_.-]+-seg\.yaml")


def mask_network(path: Path) -> nn.Module:
    """Return the network with its weights; raises `InputError` for a file that has none for masks."""
    stored = _ours(path) if path.suffix == ".safetensors" else read_network(path)
    _check(stored.architecture, path)
    try:
        network = empty_network(stored.architecture, stored.classes)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, OSError) as error:
        raise InputError(
            f"{path}: its architecture is unknown to the installed ultralytics ({error})"
        ) from error
    tensors = {n: t.float() if t.is_floating_point() else t for n, t in stored.tensors.items()}
    check_fit(network, tensors, str(path))
    network.load_state_dict(tensors)
    return network


def _ours(path: Path) -> NetworkFile:
    checkpoint = load(path)
    if "architecture" not in checkpoint.config:
        raise InputError(f"{path} holds weights of another network: give FastSAM weights")
    return NetworkFile(
        checkpoint.config["architecture"], int(checkpoint.config["classes"]), dict(checkpoint.tensors)
    )


def _check(architecture: dict[str, Any] | str, path: Path) -> None:
    """Raise `InputError` unless a description is that of a network for masks, and of nothing but layers."""
    if isinstance(architecture, str):
        if not NAME.fullmatch(architecture):
            raise InputError(
                f"{path} names {architecture!r}, which is not a network such as yolo11n-seg.yaml"
            )
        return
    try:
        rows = [*architecture["backbone"], *architecture["head"]]
        layers = [str(layer) for _, _, layer, _ in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} describes no network: give a FastSAM or YOLO-seg checkpoint") from error
    if layers[-1] != MASK_HEAD:
        raise InputError(
            f"{path} ends in {layers[-1]}, not in {MASK_HEAD}: it has no masks, or masks of an unknown kind. "
            "Give a FastSAM or YOLO-seg checkpoint"
        )
    unknown = sorted({layer for layer in layers[:-1] if layer not in LAYERS} | _unknown_keys(architecture))
    if unknown:
        asked = ", ".join(unknown[:5])
        raise InputError(f"{path} is refused: its network asks for {asked}; do not trust this file")


def _unknown_keys(architecture: dict[str, Any]) -> set[str]:
    activation = architecture.get("activation")
    plain = activation is None or PLAIN_ACTIVATION.fullmatch(str(activation)) is not None
    return {str(key) for key in architecture if key not in SIZES and not (key == "activation" and plain)}
