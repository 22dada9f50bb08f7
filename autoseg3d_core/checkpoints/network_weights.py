"""The 3D network from a file of ours, and the description of one in a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from autoseg3d_core.checkpoints.format import Checkpoint, fill, load
from autoseg3d_core.checkpoints.weights import sha256_of
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.network_shape import PARTS, NetworkShape
from autoseg3d_core.sparse.backends import TORCH, Backend
from autoseg3d_core.structures import InputError


def load_network(path: str | Path, backend: Backend = TORCH, without: Collection[str] = ()) -> Network:
    """Return a file's network, some parts left out; raises `InputError` for a file without one."""
    network = network_of(load(path), path, backend, without)
    network.weights_sha256 = sha256_of(Path(path))
    return network


def network_of(
    checkpoint: Checkpoint, path: str | Path, backend: Backend = TORCH, without: Collection[str] = ()
) -> Network:
    """Return the network that a file's contents describe; `path` is for the error's text."""
    unknown = sorted(set(without) - PARTS.keys())
    if unknown:
        raise InputError(
            f"model.network.without={','.join(unknown)}: a network has no such part ({', '.join(PARTS)})"
        )
    shape = shape_of(checkpoint, path).without(without)
    try:
        network = Network(shape, backend, checkpoint.config.get("labels", ()))
    except KeyError as error:
        raise _unknown(path, error) from error
    kept = {n: t for n, t in checkpoint.tensors.items() if n.split(".")[0] not in without}
    fill(network, kept, str(path))
    return network


def shape_of(checkpoint: Checkpoint, path: str | Path) -> NetworkShape:
    """Return the shape that a file describes; raises `InputError` where it describes no network of ours."""
    values = checkpoint.config.get("network")
    if not isinstance(values, dict) and "unet" in checkpoint.config:
        raise InputError(f"{path} holds a U-Net alone: start training from it with network.start={path}")
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no 3D network: convert published weights with `autoseg3d convert`")
    try:
        return NetworkShape.of_json(_in_parts(values) if "classes" in values else values)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _unknown(path, error) from error


def _unknown(path: str | Path, error: Exception) -> InputError:
    return InputError(f"{path}: its network is unknown to this version ({error})")


def _in_parts(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the flat descriptions of earlier files say, with a section for each part."""
    by, embedding, channels = old.get("decoder", "queries"), old["embedding"], old["image_channels"]
    decoder = {"classes": old["classes"], "placement": old["placement"]}
    queries = {**decoder, "semantics": old["semantics"], "boxes": old["boxes"]}
    association = {"appearance": old["appearance"], "gate": old["gate"]}
    return {
        **{name: old[name] for name in ("unet", "voxel_m", "query_channels")},
        "decoder": {"queries": queries} if by == "queries" else {"assembly": {**decoder, "by": by}},
        "voxel_memory": {} if old["voxel_memory"] else None,
        "image_features": {"channels": channels} if channels else None,
        "embedding": None if embedding == "none" else {"norm": embedding},
        "merging": {} if old["merging"] else None,
        "wholeness": {} if old.get("wholeness") else None,
        "recent": {"scale": old["recent_scale"]} if old["recent"] else None,
        "association": association if old["association"] else None,
    }
