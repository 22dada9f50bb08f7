"""The 3D network from a file of ours."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from autoseg3d_core.checkpoints.format import Checkpoint, fill, load
from autoseg3d_core.models.network import Network, NetworkShape
from autoseg3d_core.sparse.layers import TORCH, Backend
from autoseg3d_core.structures import InputError

PARTS = ("merging", "recent", "association", "embedding")
"""The parts that a network can be loaded without."""


def load_network(path: str | Path, backend: Backend = TORCH, without: Collection[str] = ()) -> Network:
    """Return a file's network, some parts left out; raises `InputError` for a file without one."""
    return network_of(load(path), path, backend, without)


def network_of(
    checkpoint: Checkpoint, path: str | Path, backend: Backend = TORCH, without: Collection[str] = ()
) -> Network:
    """Return the network that a file's contents describe; `path` is for the error's text."""
    values = checkpoint.config.get("network")
    if not isinstance(values, dict) and "unet" in checkpoint.config:
        raise InputError(f"{path} holds a U-Net alone: start training from it with network.start={path}")
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no 3D network: convert published weights with `autoseg3d convert`")
    unknown = sorted(set(without) - set(PARTS))
    if unknown:
        raise InputError(f"model.network.without={','.join(unknown)}: a network has no such part ({PARTS})")
    absent = {part: "none" if part == "embedding" else False for part in without}
    try:
        network = Network(NetworkShape(**{**values, **absent}), backend, checkpoint.config.get("labels", ()))
    except (TypeError, KeyError) as error:
        raise InputError(f"{path}: its network is unknown to this version ({error})") from error
    kept = {n: t for n, t in checkpoint.tensors.items() if n.split(".")[0] not in without}
    fill(network, kept, str(path))
    return network
