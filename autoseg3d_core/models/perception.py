"""What the learned models share: from a fragment cloud to the instances among a network's decoded queries."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from autoseg3d_core.config import section, setting
from autoseg3d_core.geometry.groups import group_boxes
from autoseg3d_core.models.leftovers import with_leftovers
from autoseg3d_core.models.network import Network, NetworkMemory
from autoseg3d_core.models.selection import SelectionConfig, select_instances
from autoseg3d_core.modules.query_decoder import HeadOutput
from autoseg3d_core.structures import (
    EncodedCloud,
    FragmentCloud,
    FrameInstances,
    Memory,
    Prediction,
    SceneOrigin,
)

BOX = 6
"""Columns of a box at the end of an instance's embedding row: a track averages both alike."""
DOUBT = 2.0
"""A track that a network has found in so many frames is half as sure as its mean score."""


@dataclass(frozen=True)
class NetworkConfig:
    """Which weights, what becomes an instance, and how much the network remembers."""

    weights: str = setting(
        "",
        "path of trained weights, or published ones through `autoseg3d convert`; empty takes those bundled",
    )
    without: str = setting(
        "", "parts of the weights to leave out, by comma: merging, recent, association, embedding"
    )
    backend: str = setting(
        "auto",
        "sparse convolution by spconv or torch; auto takes spconv on a GPU",
        choices=("auto", "torch", "spconv"),
    )
    max_voxels: int = setting(
        200_000, "voxels remembered at the finest remembered stride", low=1000, high=5_000_000
    )
    leftovers: int = setting(20, "fragments made of the points on no mask", low=1, high=200)
    selection: SelectionConfig = section(SelectionConfig)


class Perception:
    """Runs a network on the frames of a scene; `describe` makes an instance's embedding of its query."""

    def __init__(self, network: Network, config: NetworkConfig, describe: Callable[[Tensor], Tensor]) -> None:
        self.network, self.config, self._describe = network.eval(), config, describe
        self.channels = network.shape.query_channels + BOX

    def encode(self, cloud: FragmentCloud, memory: Memory) -> tuple[EncodedCloud, Memory]:
        """Return the cloud as the network sees it, each point with its features."""
        if len(cloud) == 0:
            return EncodedCloud(cloud, cloud.xyz.new_zeros(0, 0)), memory
        kept = memory.kept or self.network.new_memory(self.config.max_voxels)
        scene = with_leftovers(in_scene(cloud, memory.origin), self.config.leftovers)
        (features,), (voxels,) = self.network.encode([scene], [kept.voxels])
        return EncodedCloud(scene, features), dataclasses.replace(
            memory, kept=NetworkMemory(voxels, kept.recent)
        )

    def perceive(
        self, cloud: FragmentCloud, encoded: EncodedCloud, memory: Memory
    ) -> tuple[FrameInstances, Memory]:
        """Return the instances among the decoded queries, and the memory with what the network keeps.

        Boxes are those of the instances' points in the world; the boxes that the network predicts are the
        last columns of the embeddings. An empty cloud has no instances.
        """
        if len(cloud) == 0:
            return _nobody(cloud, self.channels), memory
        seen = self.network.pool(encoded.cloud, encoded.features, memory.kept.recent)
        last = self.network.decoder(seen)[-1]
        prediction = predicted(last, self._describe)
        found = select_instances(prediction, encoded.cloud, self.config.selection)
        instances = dataclasses.replace(
            found,
            boxes=_boxes_of(found.masks, cloud.xyz),
            centroids=found.masks.to(cloud.xyz.dtype) @ cloud.xyz / found.masks.sum(dim=1, keepdim=True),
            embeddings=torch.cat([found.embeddings, found.boxes], dim=1),
        )
        kept = NetworkMemory(memory.kept.voxels, self.network.recent_of(seen))
        return instances, dataclasses.replace(memory, kept=kept)


def predicted(last: HeadOutput, describe: Callable[[Tensor], Tensor]) -> Prediction:
    """Return what the last head says, in single precision, with an embedding per query."""
    boxes = last.queries.new_zeros(len(last.queries), BOX) if last.boxes is None else last.boxes
    embeddings = describe(last.queries)
    return Prediction(last.class_logits.float(), last.mask_logits.float(), boxes.float(), embeddings.float())


def in_scene(cloud: FragmentCloud, origin: SceneOrigin | None) -> FragmentCloud:
    """Return the cloud, and how it projects into its image, in the scene frame."""
    if origin is None:
        return cloud
    view = cloud.view
    if view is not None:
        view = dataclasses.replace(view, camera_from_points=view.camera_from_points @ origin.world_from_scene)
    return dataclasses.replace(cloud, xyz=origin.to_scene(cloud.xyz), view=view)


def _boxes_of(masks: Tensor, xyz: Tensor) -> Tensor:
    """Return the box of each mask's points, held back from the few that leaked far away; a mask has some."""
    row, point = masks.nonzero(as_tuple=True)
    return group_boxes(xyz[point], row, len(masks))


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
