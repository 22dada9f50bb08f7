"""The network of `masks-edge` from its file."""

from __future__ import annotations

from pathlib import Path

from autoseg3d_core.checkpoints.format import fill, load
from autoseg3d_core.mask_makers.affinity_network import AffinityNetwork, AffinityShape
from autoseg3d_core.structures import InputError

KIND = "affinity"


def load_affinity_network(path: Path) -> AffinityNetwork:
    """Return the network with its weights; raises `InputError` for a file of another network."""
    checkpoint = load(path)
    if checkpoint.config.get("kind") != KIND:
        raise InputError(f"{path} holds weights of another network: give masks-edge weights")
    network = AffinityNetwork(AffinityShape.of(checkpoint.config))
    tensors = {n: t.float() if t.is_floating_point() else t for n, t in checkpoint.tensors.items()}
    fill(network, tensors, str(path))
    return network
