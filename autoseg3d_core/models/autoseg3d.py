"""AutoSeg3D (NeurIPS 2025): fragments merge and know of the frame before; tracks are found by learning.

The network holds the parts: fragment merging (LMI), recent queries (STM) and track association (LTM). Active
tracks choose first; what they leave is offered to the dormant ones by the same scores, which is how an object
that was away for long gets its id back. One-to-many supervision (ICMS) is a matter of training only.

Beyond the paper, the confidence of pairs also finds tracks that are one object: those that one instance is
surely both of, frame after frame, become one (`tracking/lifecycle.py`). And what the scene map says of an
instance's voxels counts beside what the network says (`map_evidence.py`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from torch.nn import functional

from autoseg3d_core.config import ConfigError, setting
from autoseg3d_core.geometry.boxes import moved_boxes
from autoseg3d_core.models.evidence import together_or_apart
from autoseg3d_core.models.interface import Sighting
from autoseg3d_core.models.map_evidence import with_map_evidence
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.perception import DOUBT, NetworkConfig, PerceivingModel, Perception
from autoseg3d_core.modules.track_association import PairLogits, TrackAssociation
from autoseg3d_core.structures import (
    Association,
    FrameInstances,
    Memory,
    TogetherVotes,
    TrackRows,
    Tracks,
)


@dataclass(frozen=True)
class AutoSeg3DConfig:
    """When an instance is given to a track, and when two tracks are one."""

    min_affinity: float = setting(
        0.1,
        "an instance is given to a track only if their affinity (share of the track times "
        "confidence) is higher; raise it if different objects get one id",
        low=0.0,
        high=1.0,
        live=True,
    )
    piece_affinity: float = setting(
        0.5,
        "an instance without a track of its own is given to a track that already has an instance "
        "in this frame from this affinity on; raise it if different objects get one id",
        low=0.0,
        high=1.0,
        live=True,
    )
    join_confidence: float = setting(
        0.5,
        "two tracks get a vote for being one object if one instance matches both with more than "
        "this confidence; 1 joins no tracks",
        low=0.0,
        high=1.0,
        live=True,
    )
    map_weight: float = setting(
        0.5,
        "how much the scene map (voxels that the instance and the track share) counts beside the "
        "network's affinity; 0 uses the network alone, as published",
        low=0.0,
        high=1.0,
        live=True,
    )
    recall: bool = setting(
        True,
        "compare instances that match no active track with the dormant tracks, so that objects "
        "keep their id when they come back",
        live=True,
    )


@dataclass(frozen=True, eq=False)
class QueryRows(TrackRows):
    """What AutoSeg3D keeps of an instance or a track: a query, and the predicted box of the whole object.

    An instance's query is the decoder's; a track's is what the association makes of those that it was given.
    """

    queries: Float[Tensor, "rows channels"]
    scene_boxes: Float[Tensor, "rows 6"]

    def likeness(self, others: QueryRows) -> Float[Tensor, "rows others"]:
        """Return the cosine of each two rows' queries."""
        return functional.normalize(self.queries) @ functional.normalize(others.queries).T

    def moved(self, moves: Float64[Tensor, "rows 4 4"]) -> QueryRows:
        """Return the rows with their boxes moved."""
        return dataclasses.replace(self, scene_boxes=moved_boxes(self.scene_boxes, moves))


@dataclass(frozen=True, eq=False)
class Comparison:
    """What every pair of instance and track scores, and what a track is to remember of each instance."""

    logits: PairLogits
    to_remember: QueryRows


class AutoSeg3D(PerceivingModel):
    """Runs the network on each frame, and scores its instances against active and dormant tracks."""

    name = "autoseg3d"
    decides_all = True
    doubt = DOUBT

    def __init__(
        self,
        network: Network,
        config: NetworkConfig,
        own: AutoSeg3DConfig,
        dormant_after_frames: int,
    ) -> None:
        association = network.part(TrackAssociation)
        if association is None:
            raise ConfigError(
                "model.network.weights has no track association: train it with `autoseg3d train`, or run "
                "these weights with model.name=esam"
            )
        self.network, self.config, self.own = network, config, own
        self.dormant_after_frames = dormant_after_frames
        self._association = association
        self._perception = Perception(network, config, QueryRows)
        self.label_names = network.label_names

    def associate(self, instances: FrameInstances, memory: Memory, sighting: Sighting) -> Association:
        """Return affinities, with shares among active and dormant tracks apart, and which tracks are one."""
        found = self.conclude(self.compare(instances, memory.tracks), memory.tracks)
        affinity = with_map_evidence(found.affinity, instances, memory, sighting, self.own.map_weight)
        return dataclasses.replace(found, affinity=affinity)

    def compare(self, instances: FrameInstances, tracks: Tracks) -> Comparison:
        """Return what every pair scores; the losses of training look at this."""
        seen, known = cast(QueryRows, instances.description), cast(QueryRows, tracks.remembered)
        described = self._association.describe(seen.queries, seen.scene_boxes)
        logits = self._association(described.as_instance, seen.scene_boxes, known.queries, known.scene_boxes)
        return Comparison(logits, QueryRows(described.as_track, seen.scene_boxes))

    def conclude(self, comparison: Comparison, tracks: Tracks) -> Association:
        """Return the association that follows from what the pairs score."""
        stage = (tracks.misses >= self.dormant_after_frames).long()
        affinity = staged_affinity(comparison.logits, stage)
        evidence = self._evidence(comparison.logits, tracks.ids)
        return Association(affinity, comparison.to_remember, evidence, stage)

    def _evidence(self, logits: PairLogits, ids: Int64[Tensor, " tracks"]) -> TogetherVotes:
        """Compare every two tracks: whether one instance is surely both, or each has its own."""
        if logits.confidence is None:
            return TogetherVotes.empty(ids.device)
        return together_or_apart(logits.confidence.sigmoid() > self.own.join_confidence, ids)


def staged_affinity(logits: PairLogits, stage: Int64[Tensor, " tracks"]) -> Float[Tensor, "instances tracks"]:
    """Return the share of each track among those of its stage, times the confidence of the pair."""
    share = torch.zeros_like(logits.share)
    for number in (0, 1):
        rivals = torch.where(stage == number, logits.share, -torch.inf)
        share = share + torch.where(stage == number, rivals.softmax(dim=1), 0.0)
    return logits.gate(share)
