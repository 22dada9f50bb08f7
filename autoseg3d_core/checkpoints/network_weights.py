"""The 3D network from a file of ours."""

from __future__ import annotations

from pathlib import Path

from autoseg3d_core.checkpoints.format import fill, load
from autoseg3d_core.models.network import Network, NetworkShape
from autoseg3d_core.sparse.layers import TORCH, Backend
from autoseg3d_core.structures import InputError


def load_network(path: str | Path, backend: Backend = TORCH) -> Network:
    """Return the network with its weights; raises `InputError` that says how to make such a file."""
    if not str(path):
        raise InputError(
            "model.network.weights is not set: convert published weights with `autoseg3d convert SOURCE "
            "TARGET.safetensors`, and give the target"
        )
    checkpoint = load(path)
    values = checkpoint.config.get("network")
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no 3D network: convert published weights with `autoseg3d convert`")
    try:
        network = Network(NetworkShape(**values), backend)
    except (TypeError, KeyError) as error:
        raise InputError(f"{path}: its network is unknown to this version ({error})") from error
    fill(network, checkpoint.tensors, str(path))
    return network
