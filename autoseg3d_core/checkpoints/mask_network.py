"""The network of a FastSAM from its file: ours (safetensors) or ultralytics' (.pt)."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from autoseg3d_core.checkpoints.format import check_fit, load
from autoseg3d_core.checkpoints.network_file import NetworkFile, read_network
from autoseg3d_core.segmenters.fastsam_network import empty_network
from autoseg3d_core.structures import InputError

MASK_HEADS = ("Segment",)


def mask_network(path: Path) -> nn.Module:
    """Return the network with its weights; raises `InputError` for a file that has none for masks."""
    stored = _ours(path) if path.suffix == ".safetensors" else read_network(path)
    head = stored.architecture
    if isinstance(head, dict) and not _has_masks(head):
        raise InputError(
            f"{path} is a detection network without masks: give a FastSAM or YOLO-seg checkpoint"
        )
    try:
        network = empty_network(stored.architecture, stored.classes)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, OSError) as error:
        raise InputError(f"{path}: its architecture is unknown to this ultralytics ({error})") from error
    tensors = {n: t.float() if t.is_floating_point() else t for n, t in stored.tensors.items()}
    check_fit(network, tensors, str(path))
    network.load_state_dict(tensors)
    return network


def _ours(path: Path) -> NetworkFile:
    checkpoint = load(path)
    if "architecture" not in checkpoint.config:
        raise InputError(f"{path} holds weights of another network: give those of a FastSAM")
    return NetworkFile(
        checkpoint.config["architecture"], int(checkpoint.config["classes"]), dict(checkpoint.tensors)
    )


def _has_masks(architecture: dict[str, object]) -> bool:
    layers = architecture.get("head")
    return isinstance(layers, list) and bool(layers) and str(layers[-1][2]).startswith(MASK_HEADS)
