"""ESAM (Xu et al., EmbodiedSAM, ICLR 2025): decoded queries find their tracks frame by frame.

A query and a track fit by the cosine of their embeddings times the overlap of their predicted boxes, if they
have one label; a track averages what it is given.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from torch.nn import functional

from autoseg3d_core.errors import ConfigError
from autoseg3d_core.geometry.boxes import box_iou_3d, moved_boxes
from autoseg3d_core.models.interface import Sighting
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.perception import DOUBT, NetworkConfig, PerceivingModel, Perception
from autoseg3d_core.modules.embedding_head import EmbeddingHead
from autoseg3d_core.structures import (
    Association,
    FrameInstances,
    Memory,
    TogetherVotes,
    TrackRows,
)


@dataclass(frozen=True, eq=False)
class EmbeddingRows(TrackRows):
    """What ESAM keeps of an instance or a track: its embedding, and the predicted box of the whole object."""

    embeddings: Float[Tensor, "rows channels"]
    scene_boxes: Float[Tensor, "rows 6"]

    def likeness(self, others: EmbeddingRows) -> Float[Tensor, "rows others"]:
        """Return the cosine of each two rows' embeddings."""
        return functional.normalize(self.embeddings) @ functional.normalize(others.embeddings).T

    def moved(self, moves: Float64[Tensor, "rows 4 4"]) -> EmbeddingRows:
        """Return the rows with their boxes moved."""
        return dataclasses.replace(self, scene_boxes=moved_boxes(self.scene_boxes, moves))


class Esam(PerceivingModel):
    """Runs the network on each frame, and compares its instances with the tracks.

    Raises `ConfigError` for a network that has no boxes or no embedding head.
    """

    name = "esam"
    decides_all = True
    doubt = DOUBT

    def __init__(self, network: Network, config: NetworkConfig) -> None:
        embed = network.part(EmbeddingHead)
        if embed is None or network.decoder.boxes is None:
            raise ConfigError(
                "model.name=esam: its weights predict no boxes or no embedding, so instances cannot be "
                "assigned to tracks: use weights trained on sequences, or train them (network.start=FILE)"
            )
        self.network, self.config, self.label_names = network, config, network.label_names
        self._perception = Perception(network, config, lambda q, boxes: EmbeddingRows(embed(q), boxes))

    def associate(self, instances: FrameInstances, memory: Memory, sighting: Sighting) -> Association:
        """Return cosine times overlap of boxes, 0 where it is negative.

        Where queries stand for one class each (as published), both have to have one label.
        """
        labels, track_labels = instances.labels, memory.tracks.labels
        if not self.config.selection.per_class:
            labels, track_labels = torch.zeros_like(labels), torch.zeros_like(track_labels)
        seen = cast(EmbeddingRows, instances.description)
        known = cast(EmbeddingRows, memory.tracks.remembered)
        affinity = compare(seen, labels, known, track_labels)
        return Association(affinity, seen, TogetherVotes.empty(affinity.device))


def compare(
    seen: EmbeddingRows,
    labels: Int64[Tensor, " instances"],
    known: EmbeddingRows,
    track_labels: Int64[Tensor, " tracks"],
) -> Float[Tensor, "instances tracks"]:
    """Return how well each instance fits each track.

    A track's embedding is a mean and is not made a unit vector again (as published).
    """
    cosine = seen.embeddings @ known.embeddings.T
    overlap = box_iou_3d(seen.scene_boxes, known.scene_boxes)
    return (cosine * overlap).clamp(min=0) * (labels[:, None] == track_labels[None])
