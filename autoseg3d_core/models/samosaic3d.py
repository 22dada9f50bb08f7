"""SAMosaic3D (CVPR 2026): fragments are assembled into objects, which find their tracks in two stages.

The tracks found last are the short memory; a learned score finds an instance's track there. What it leaves
over goes to the long memory by the overlap of boxes (`modules/scene_matching.py`). A track's row is its
query, refined by the short memory, its box in the scene frame, and the probability of each class; all are
running means.

Beyond the paper, what the scene map says of an instance's voxels comes before both where it knows them
(`map_evidence.py`), what looks alike is one only where boxes meet, two tracks that one instance covers become
one, and nothing is kept for ever: the cap on tracks ends what was seen least and longest ago, and an event
says so.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from torch.nn import functional

from autoseg3d_core.config import ConfigError, section, setting
from autoseg3d_core.geometry.boxes import box_iou_3d, moved_boxes
from autoseg3d_core.models.autoseg3d import QueryRows
from autoseg3d_core.models.evidence import together_or_apart
from autoseg3d_core.models.interface import Sighting
from autoseg3d_core.models.map_evidence import shared_voxels, with_map_evidence
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.perception import DOUBT, NetworkConfig, PerceivingModel, Perception
from autoseg3d_core.models.selection import SelectionConfig
from autoseg3d_core.modules.scene_matching import SceneMatching, Things, in_short_memory
from autoseg3d_core.structures import (
    Association,
    FrameInstances,
    Memory,
    TogetherVotes,
    TrackRows,
    Tracks,
)
from autoseg3d_core.tracking.assignment import Assigner, InStages, OneToOne, WithPieces


@dataclass(frozen=True)
class SamosaicConfig:
    """How instances find their tracks (samosaic3d)."""

    short_memory: int = setting(
        50,
        "number of tracks in the short memory: those found most recently",
        unit="tracks",
        low=1,
        high=10_000,
        live=True,
    )
    min_match: float = setting(
        0.5,
        "an instance is given to a track of the short memory only above this score; raise it if "
        "different objects get one id",
        low=0.0,
        high=1.0,
        live=True,
    )
    min_overlap: float = setting(
        0.25,
        "an instance is given to a track of the long memory only above this overlap of their boxes",
        low=0.0,
        high=1.0,
        live=True,
    )
    piece_match: float = setting(
        0.8,
        "an instance without a track of its own is given to a track that already has an instance "
        "in this frame, if their score is at least this",
        low=0.0,
        high=1.0,
        live=True,
    )
    near: bool = setting(
        True,
        "an instance can be given to a track of the short memory only if their boxes meet; false "
        "allows any distance, as published",
        live=True,
    )
    map_weight: float = setting(
        1.0,
        "how much the scene map (voxels that the instance and the track share) counts beside "
        "scores and boxes; 0 as published",
        low=0.0,
        high=1.0,
        live=True,
    )
    map_share: float = setting(
        0.3,
        "the scene map counts fully if at least this fraction of the instance's voxels belongs to "
        "tracks, and less otherwise",
        low=0.01,
        high=1.0,
        live=True,
    )
    cover: float = setting(
        0.6,
        "tracks get a vote for being one object if one instance contains at least this fraction "
        "of the visible voxels of each",
        low=0.5,
        high=1.0,
        live=True,
    )
    selection: SelectionConfig = section(SelectionConfig, score_threshold=0.05, whole_fragments=True)


@dataclass(frozen=True, eq=False)
class ThingRows(TrackRows):
    """What SAMosaic3D keeps of a track: its query, its box, and the probability of each class."""

    queries: Float[Tensor, "rows channels"]
    scene_boxes: Float[Tensor, "rows 6"]
    classes: Float[Tensor, "rows classes"]

    def likeness(self, others: ThingRows) -> Float[Tensor, "rows others"]:
        """Return the cosine of each two rows' queries."""
        return functional.normalize(self.queries) @ functional.normalize(others.queries).T

    def moved(self, moves: Float64[Tensor, "rows 4 4"]) -> ThingRows:
        """Return the rows with their boxes moved."""
        return dataclasses.replace(self, scene_boxes=moved_boxes(self.scene_boxes, moves))

    def things(self) -> Things:
        """Return the rows as what matching compares."""
        return Things(self.queries, self.scene_boxes, self.classes)


@dataclass(frozen=True, eq=False)
class Match:
    """What the pairs score: learned for the short memory, by their boxes for all tracks.

    `to_remember` is what a track is to remember of each instance.
    """

    logits: Float[Tensor, "instances members"]
    overlap: Float[Tensor, "instances tracks"]
    short: Int64[Tensor, " members"]
    to_remember: ThingRows


class Samosaic3D(PerceivingModel):
    """Runs an assembling network on each frame, and compares its instances with the short and the long
    memory.

    Raises `ConfigError` for a network without scene matching.
    """

    name = "samosaic3d"
    decides_all = True
    doubt = DOUBT

    def __init__(self, network: Network, config: NetworkConfig, samosaic: SamosaicConfig) -> None:
        matching = network.part(SceneMatching)
        if matching is None:
            raise ConfigError(
                "model.name=samosaic3d: these weights have no scene matching: for weights of another model "
                "set model.name=autoseg3d or model.name=esam; to train matching, run "
                "`autoseg3d train --config config/train_samosaic_sequence.yaml`"
            )
        self.network, self.config, self.samosaic = network, config, samosaic
        self._matching = matching
        chosen = dataclasses.replace(config, selection=samosaic.selection)
        self._perception = Perception(network, chosen, QueryRows)
        self._classes = network.shape.decoder.classes
        self.label_names = network.label_names

    def empty_rows(self) -> TrackRows:
        """Return a table without rows of what a track remembers."""
        none = cast(QueryRows, self._perception.empty_rows())
        return ThingRows(none.queries, none.scene_boxes, none.scene_boxes.new_zeros(0, self._classes))

    def associate(self, instances: FrameInstances, memory: Memory, sighting: Sighting) -> Association:
        """Return scores for the short memory (stage 0), and overlaps for the long one (stage 1)."""
        found = self.conclude(self.compare(instances, memory.tracks), memory.tracks)
        weight, full = self.samosaic.map_weight, self.samosaic.map_share
        affinity = with_map_evidence(found.affinity, instances, memory, sighting, weight, full)
        evidence = self._evidence(instances, memory, sighting)
        return dataclasses.replace(found, affinity=affinity, evidence=evidence)

    def compare(self, instances: FrameInstances, tracks: Tracks) -> Match:
        """Return what every pair scores; the loss of training looks at this (L_merge)."""
        seen, known = cast(QueryRows, instances.description), cast(ThingRows, tracks.remembered)
        short = in_short_memory(tracks.misses, self.samosaic.short_memory).nonzero()[:, 0]
        classes = classes_of(instances.labels, self._classes)
        things, members = Things(seen.queries, seen.scene_boxes, classes), known[short].things()
        refined = self._matching.refine(things, members)
        return Match(
            self._matching(refined, things, members),
            box_iou_3d(seen.scene_boxes, known.scene_boxes),
            short,
            ThingRows(refined, seen.scene_boxes, classes),
        )

    def conclude(self, match: Match, tracks: Tracks) -> Association:
        """Return the association that follows from what the pairs score."""
        short, score = match.short, match.logits.sigmoid().to(match.overlap.dtype)
        if self.samosaic.near:
            score = score * (match.overlap[:, short] > 0)
        affinity = match.overlap.index_copy(1, short, score)
        stage = torch.ones_like(tracks.misses).index_fill(0, short, 0)
        return Association(affinity, match.to_remember, TogetherVotes.empty(affinity.device), stage)

    def _evidence(self, instances: FrameInstances, memory: Memory, sighting: Sighting) -> TogetherVotes:
        """Compare every two visible tracks: under one instance, or each under its own."""
        shared = shared_voxels(instances, memory, sighting).float()
        visible = shared.sum(dim=0)
        covers = (visible >= MIN_VISIBLE) & (shared / visible.clamp(min=1) >= self.samosaic.cover)
        return together_or_apart(covers, memory.tracks.ids)


MIN_VISIBLE = 15
"""Voxels of a track that have to be in view for it to be judged by what covers it."""


def classes_of(labels: Int64[Tensor, " instances"], classes: int) -> Float[Tensor, "instances classes"]:
    """Return the probability of each class for something of this label; without classes one column of
    ones."""
    if classes == 1:
        return torch.ones(len(labels), 1, device=labels.device)
    return functional.one_hot(labels.clamp(min=0), classes).float()


def in_two_stages(config: SamosaicConfig) -> Assigner:
    """Return what turns scores and overlaps into pairs: short memory, long one, then pieces."""
    stages = InStages(OneToOne(config.min_match), OneToOne(config.min_overlap))
    return WithPieces(stages, config.piece_match)
