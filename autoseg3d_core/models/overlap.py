"""The training-free model: a fragment is an instance, and shared voxels make it a track's.

The idea of SAM3D (Yang et al., 2023) and OnlineAnySeg (Tang et al., 2025), and the baseline that
every learned model has to beat.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from autoseg3d_core.config import setting
from autoseg3d_core.geometry.groups import group_boxes, group_mean, group_size
from autoseg3d_core.models.evidence import together_or_apart
from autoseg3d_core.models.interface import Sighting
from autoseg3d_core.models.map_evidence import shared_voxels
from autoseg3d_core.structures import (
    NOBODY,
    UNLABELLED,
    Association,
    EncodedCloud,
    FragmentCloud,
    FrameInstances,
    Memory,
    NoRows,
    TogetherVotes,
)


@dataclass(frozen=True)
class OverlapConfig:
    """When a fragment counts, when it joins a track, and when it covers one."""

    min_affinity: float = setting(
        0.5,
        "a fragment is given to the track that owns at least this fraction of the fragment's "
        "voxels known to the map; raise it if different objects get one id",
        low=0.0,
        high=1.0,
        live=True,
    )
    min_points: int = setting(
        25, "ignore fragments with fewer points", unit="points", low=1, high=100_000, live=True
    )
    min_seen_voxels: int = setting(
        5,
        "a fragment is given to a track only if the map knows at least this many of the fragment's voxels",
        unit="voxels",
        low=1,
        high=10_000,
        live=True,
    )
    cover: float = setting(
        0.6,
        "a fragment covers a track if it contains at least this fraction of the track's visible "
        "voxels; tracks covered by one fragment get a vote for being one object",
        low=0.5,
        high=1.0,
        live=True,
    )
    min_visible_voxels: int = setting(
        15,
        "a track counts as covered or not only while at least this many of its voxels are visible",
        unit="voxels",
        low=1,
        high=10_000,
        live=True,
    )


class Overlap:
    """Joins the fragments of a frame to tracks by the voxels that they share."""

    name = "overlap"
    network = None
    decides_all = False
    doubt = 0.0  # floors and walls are seen more often than any object
    label_names: tuple[str, ...] = ()

    def __init__(self, config: OverlapConfig) -> None:
        self.config = config

    def empty_rows(self) -> NoRows:
        """Return a table of nothing: what is known of a track is on the map."""
        return NoRows.of(0)

    def empty_kept(self) -> None:
        """Return nothing: there is no network that could keep anything."""

    def encode(self, cloud: FragmentCloud, memory: Memory) -> tuple[EncodedCloud, Memory]:
        """Return the cloud as it is: there is no network."""
        return EncodedCloud(cloud, cloud.xyz.new_zeros(len(cloud), 0)), memory

    def perceive(
        self, cloud: FragmentCloud, encoded: EncodedCloud, memory: Memory
    ) -> tuple[FrameInstances, Memory]:
        """Return the fragments with enough points as instances without a class."""
        count = len(cloud.fragment_score)
        sizes = group_size(cloud.fragment, count)
        kept = (sizes >= self.config.min_points).nonzero()[:, 0]
        rank = torch.full((count + 1,), NOBODY, dtype=torch.int64, device=sizes.device)
        rank[kept] = torch.arange(len(kept), device=sizes.device)
        owner = rank[cloud.fragment]  # fragment -1 reads the last entry, which stays nobody's
        masks = owner[None] == torch.arange(len(kept), device=sizes.device)[:, None]
        instances = FrameInstances(
            masks=masks,
            scores=cloud.fragment_score[kept],
            labels=torch.full_like(kept, UNLABELLED),
            world_boxes=group_boxes(cloud.xyz, owner, len(kept)),
            centroids=group_mean(cloud.xyz, owner, len(kept)),
            description=NoRows.of(len(kept), sizes.device),
        )
        return instances, memory

    def associate(self, instances: FrameInstances, memory: Memory, sighting: Sighting) -> Association:
        """Return the share of each instance's known voxels that carry each track's id."""
        shared = shared_voxels(instances, memory, sighting).float()  # (instances, tracks)
        known = shared.sum(dim=1, keepdim=True)
        affinity = torch.where(known >= self.config.min_seen_voxels, shared / known.clamp(min=1), 0.0)
        nothing = NoRows.of(len(instances), affinity.device)
        return Association(affinity, nothing, self._evidence(shared, memory))

    def _evidence(self, shared: Float[Tensor, "instances tracks"], memory: Memory) -> TogetherVotes:
        """Compare every two visible tracks: under one fragment, or each under its own."""
        visible = shared.sum(dim=0)
        enough = visible >= self.config.min_visible_voxels
        covers = enough & (shared / visible.clamp(min=1) >= self.config.cover)
        return together_or_apart(covers, memory.tracks.ids)
