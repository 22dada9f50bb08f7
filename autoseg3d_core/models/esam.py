"""ESAM (Xu et al., EmbodiedSAM, ICLR 2025): decoded queries are merged with tracks frame by frame.

A query and a track fit by the cosine of their merge embeddings times the overlap of their predicted boxes,
if they have one label; a track averages what it is given. Both are kept in one row here, the embedding
and after it the box in the scene frame, because both are averaged alike.
"""

from __future__ import annotations

import torch
from torch import Tensor

from autoseg3d_core.errors import ConfigError
from autoseg3d_core.geometry.boxes import box_iou_3d
from autoseg3d_core.models.interface import Sighting
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.perception import BOX, DOUBT, NetworkConfig, Perception
from autoseg3d_core.structures import (
    Association,
    EncodedCloud,
    FragmentCloud,
    FrameInstances,
    Memory,
    TogetherVotes,
)


class Esam:
    """Runs the network on each frame, and compares its instances with the tracks.

    Raises `ConfigError` for a network that has no boxes or no embedding head.
    """

    decides_all = True
    doubt = DOUBT

    def __init__(self, network: Network, config: NetworkConfig) -> None:
        if network.embedding is None or not network.shape.boxes:
            raise ConfigError(
                "model.name=esam: its weights have no boxes or no embedding, without which no instance finds "
                "its track: take weights of sequences, or train some from these (network.start=FILE)"
            )
        self.network, self.config = network, config
        self._perception = Perception(network, config, network.embedding)
        self.channels = self._perception.channels
        self.label_names = network.label_names

    def encode(self, cloud: FragmentCloud, memory: Memory) -> tuple[EncodedCloud, Memory]:
        """Return the features of the cloud's points."""
        return self._perception.encode(cloud, memory)

    def perceive(
        self, cloud: FragmentCloud, encoded: EncodedCloud, memory: Memory
    ) -> tuple[FrameInstances, Memory]:
        """Return the instances among the decoded queries."""
        return self._perception.perceive(cloud, encoded, memory)

    def associate(self, instances: FrameInstances, memory: Memory, sighting: Sighting) -> Association:
        """Return cosine times overlap of boxes, 0 where it is negative.

        Where queries stand for one class each (as published), both have to have one label.
        """
        labels, track_labels = instances.labels, memory.tracks.labels
        if not self.config.selection.per_class:
            labels, track_labels = torch.zeros_like(labels), torch.zeros_like(track_labels)
        affinity = merging_affinity(instances.embeddings, labels, memory.tracks.embeddings, track_labels)
        return Association(affinity, instances.embeddings, TogetherVotes.empty(affinity.device))


def merging_affinity(
    embeddings: Tensor, labels: Tensor, track_embeddings: Tensor, track_labels: Tensor
) -> Tensor:
    """Return how well each instance fits each track; a row is an embedding, then a box's corners.

    A track's embedding is a mean and is not made a unit vector again (as published).
    """
    cosine = embeddings[:, :-BOX] @ track_embeddings[:, :-BOX].T
    overlap = box_iou_3d(embeddings[:, -BOX:], track_embeddings[:, -BOX:])
    return (cosine * overlap).clamp(min=0) * (labels[:, None] == track_labels[None])
