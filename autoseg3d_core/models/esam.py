"""ESAM (Xu et al., EmbodiedSAM, ICLR 2025): decoded queries are merged with tracks frame by frame.

A query and a track fit by the cosine of their merge embeddings times the overlap of their predicted boxes,
if they have one label; a track averages what it is given. Both are kept in one row here, the embedding
and after it the box in the scene frame, because both are averaged alike.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from autoseg3d_core.config import section, setting
from autoseg3d_core.geometry.boxes import box_iou_3d
from autoseg3d_core.models.interface import Sighting
from autoseg3d_core.models.leftovers import with_leftovers
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.selection import SelectionConfig, select_instances
from autoseg3d_core.structures import (
    Association,
    FragmentCloud,
    FrameInstances,
    Memory,
    SceneOrigin,
    TogetherVotes,
)

BOX = 6


@dataclass(frozen=True)
class EsamConfig:
    """Which weights, what becomes an instance, and how much the network remembers."""

    weights: str = setting("", "path of converted weights: `autoseg3d convert` makes them")
    backend: str = setting(
        "auto",
        "sparse convolution by spconv or torch; auto takes spconv on a GPU",
        choices=("auto", "torch", "spconv"),
    )
    max_voxels: int = setting(
        200_000, "voxels remembered at the finest remembered stride", low=1000, high=100_000_000
    )
    leftovers: int = setting(20, "fragments made of the points on no mask", low=1, high=200)
    selection: SelectionConfig = section(SelectionConfig)


class Esam:
    """Runs the network on each frame, and compares its instances with the tracks."""

    def __init__(self, network: Network, config: EsamConfig) -> None:
        self.network, self.config = network.eval(), config
        self.channels = network.embedding_channels + BOX

    def perceive(self, cloud: FragmentCloud, memory: Memory) -> tuple[FrameInstances, Memory]:
        """Return the instances among the decoded queries, and the memory with what the network keeps.

        Boxes are those of the instances' points in the world; an empty cloud has no instances.
        """
        if len(cloud) == 0:
            return _nobody(cloud, self.channels), memory
        kept = memory.kept or self.network.new_memory(self.config.max_voxels)
        scene = in_scene(with_leftovers(cloud, self.config.leftovers), memory.origin)
        heads, (kept,) = self.network([scene], [kept])
        found = select_instances(self.network.prediction(heads[0][-1]), scene, self.config.selection)
        instances = dataclasses.replace(
            found,
            boxes=_boxes_of(found.masks, cloud.xyz),
            centroids=found.masks.to(cloud.xyz.dtype) @ cloud.xyz / found.masks.sum(dim=1, keepdim=True),
            embeddings=torch.cat([found.embeddings, found.boxes], dim=1),
        )
        return instances, dataclasses.replace(memory, kept=kept)

    def associate(self, instances: FrameInstances, memory: Memory, sighting: Sighting) -> Association:
        """Return cosine times overlap of boxes for pairs of one label, 0 where it is negative."""
        affinity = merging_affinity(
            instances.embeddings, instances.labels, memory.tracks.embeddings, memory.tracks.labels
        )
        return Association(affinity, instances.embeddings, TogetherVotes.empty(affinity.device))


def in_scene(cloud: FragmentCloud, origin: SceneOrigin | None) -> FragmentCloud:
    """Return the cloud, and how it projects into its image, in the scene frame."""
    if origin is None:
        return cloud
    view = cloud.view
    if view is not None:
        view = dataclasses.replace(view, camera_from_points=view.camera_from_points @ origin.world_from_scene)
    return dataclasses.replace(cloud, xyz=origin.to_scene(cloud.xyz), view=view)


def merging_affinity(
    embeddings: Tensor, labels: Tensor, track_embeddings: Tensor, track_labels: Tensor
) -> Tensor:
    """Return how well each instance fits each track; a row is an embedding, then a box's corners.

    A track's embedding is a mean and is not made a unit vector again (as published).
    """
    cosine = embeddings[:, :-BOX] @ track_embeddings[:, :-BOX].T
    overlap = box_iou_3d(embeddings[:, -BOX:], track_embeddings[:, -BOX:])
    return (cosine * overlap).clamp(min=0) * (labels[:, None] == track_labels[None])


def _boxes_of(masks: Tensor, xyz: Tensor) -> Tensor:
    """Return the box of each mask's points; a mask has some."""
    low = torch.where(masks[:, :, None], xyz, torch.inf).amin(dim=1)
    high = torch.where(masks[:, :, None], xyz, -torch.inf).amax(dim=1)
    return torch.cat([low, high], dim=1)


def _nobody(cloud: FragmentCloud, channels: int) -> FrameInstances:
    none = cloud.xyz.new_zeros
    return FrameInstances(
        masks=torch.zeros(0, len(cloud), dtype=torch.bool, device=cloud.xyz.device),
        scores=none(0),
        labels=torch.zeros(0, dtype=torch.int64, device=cloud.xyz.device),
        boxes=none(0, BOX),
        centroids=none(0, 3),
        embeddings=none(0, channels),
    )
