"""Evidence of the scene map for which instance is which track: the voxels that they share."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from autoseg3d_core.geometry.groups import group_size
from autoseg3d_core.models.interface import Sighting
from autoseg3d_core.structures import FrameInstances, Memory


def shared_voxels(
    instances: FrameInstances, memory: Memory, sighting: Sighting
) -> Int64[Tensor, "instances tracks"]:
    """Count the voxels of each instance that the scene map gives to each track."""
    rows, columns = len(instances), len(memory.tracks)
    track = memory.tracks.index_of(sighting.ids)
    both = (sighting.owner >= 0) & (track >= 0)
    cell = torch.where(both, sighting.owner * columns + track, -1)
    return group_size(cell, rows * columns).view(rows, columns)


def with_map_evidence(
    affinity: Float[Tensor, "instances tracks"],
    instances: FrameInstances,
    memory: Memory,
    sighting: Sighting,
    weight: float,
    full: float = 1.0,
) -> Float[Tensor, "instances tracks"]:
    """Return the mean of the affinity and of the share of an instance's known voxels that are each track's.

    The share weighs `weight` where the map gives at least the share `full` of an instance's voxels to tracks,
    and less the fewer it does: what nobody has seen before says nothing. Beyond the papers, in which
    appearance and boxes decide.
    """
    if weight == 0:
        return affinity
    shared = shared_voxels(instances, memory, sighting).to(affinity.dtype)
    known = shared.sum(dim=1, keepdim=True)
    size = group_size(sighting.owner, len(instances))[:, None].clamp(min=1)
    weight_of = weight * (known / size / full).clamp(max=1)  # (instances, 1)
    return affinity + weight_of * (shared / known.clamp(min=1) - affinity)
