"""Track association: how well each instance of a frame fits each track (AutoSeg3D's long-term memory).

An instance becomes two vectors, one to compare with tracks and one to become a track, after all of the
frame's instances have looked at one another. A pair's vector is the product of both sides' vectors plus that
of the overlap of their boxes; one linear layer makes of it a share among all tracks (softmax), another a
confidence that gates it, because a new object fits no track, and shares add up to one all the same
(AutoSeg3D, eqs. 1-3).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from autoseg3d_core.geometry.boxes import box_iou_3d
from autoseg3d_core.modules.attention import MultiHeadAttention
from autoseg3d_core.modules.pair_geometry import OverlapEmbedding, ResidualMlp, box_rows
from autoseg3d_core.modules.part import Around
from autoseg3d_core.modules.recent_queries import DistanceScale


@dataclass(frozen=True, eq=False)
class Described:
    """The instances of a frame as vectors: to compare with tracks, and to be kept as a track's."""

    as_instance: Float[Tensor, "instances channels"]
    as_track: Float[Tensor, "instances channels"]


@dataclass(frozen=True, eq=False)
class PairLogits:
    """What each pair scores: for its share among the tracks, and for being one object at all."""

    share: Float[Tensor, "instances tracks"]
    confidence: Float[Tensor, "instances tracks"] | None

    def affinity(self) -> Float[Tensor, "instances tracks"]:
        """Return the share of each track times the confidence, where there is one."""
        return self.gate(self.share.softmax(dim=1))

    def gate(self, share: Float[Tensor, "instances tracks"]) -> Float[Tensor, "instances tracks"]:
        """Return shares times the confidence, where there is one."""
        return share if self.confidence is None else share * self.confidence.sigmoid()


class Appearance(nn.Module):
    """The appearance of an instance, after self-attention among the instances of the frame."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.to_instance = ResidualMlp(channels)
        self.to_track = ResidualMlp(channels)
        self.place = nn.Sequential(
            nn.Linear(6, channels), nn.LayerNorm(channels), nn.ReLU(), ResidualMlp(channels)
        )
        self.scale = DistanceScale(channels, heads)
        self.among = MultiHeadAttention(channels, heads)
        self.among_norm = nn.LayerNorm(channels)
        self.think = ResidualMlp(channels)

    def forward(
        self, queries: Float[Tensor, "instances channels"], boxes: Float[Tensor, "instances 6"]
    ) -> Described:
        """Return both vectors of every instance."""
        tokens = torch.cat([self.to_track(queries), self.to_instance(queries)])
        rows = box_rows(boxes).repeat(2, 1)
        placed = tokens + self.place(rows)
        bias = self.scale(tokens, rows[:, :3], rows[:, :3])
        tokens = self.think(self.among_norm(tokens + self.among(placed, placed, tokens, bias)))
        return Described(tokens[len(queries) :], tokens[: len(queries)])


@dataclass(frozen=True)
class AssociationShape:
    """A network with track association.

    Without `appearance` boxes alone decide; without `gate` shares are not weighed by confidence.
    """

    appearance: bool = True
    gate: bool = True

    def build(self, around: Around) -> TrackAssociation:
        """Return the association."""
        return TrackAssociation(around.query_channels, appearance=self.appearance, gate=self.gate)


class TrackAssociation(nn.Module):
    """Describes instances, and scores them against tracks.

    Without `appearance` boxes alone decide; without `gate` shares are not weighed by confidence.
    """

    def __init__(self, channels: int, heads: int = 8, appearance: bool = True, gate: bool = True) -> None:
        super().__init__()
        self.appearance = Appearance(channels, heads) if appearance else None
        self.overlap = OverlapEmbedding(channels)
        self.share = nn.Linear(channels, 1)
        self.confidence = nn.Linear(channels, 1) if gate else None

    def describe(
        self, queries: Float[Tensor, "instances channels"], boxes: Float[Tensor, "instances 6"]
    ) -> Described:
        """Return the vectors of a frame's instances; boxes by their corners in the scene frame."""
        if self.appearance is None or len(queries) == 0:
            return Described(queries, queries)
        return self.appearance(queries, boxes)  # type: ignore[no-any-return]

    def forward(
        self,
        instances: Float[Tensor, "instances channels"],
        boxes: Float[Tensor, "instances 6"],
        tracks: Float[Tensor, "tracks channels"],
        track_boxes: Float[Tensor, "tracks 6"],
    ) -> PairLogits:
        """Return the logits of every pair.

        Both layers are linear in the pair's vector, so the product part is a matrix product; the part of the
        overlap is computed for the pairs whose boxes meet, and once for all that do not.
        """
        meets = box_iou_3d(boxes, track_boxes)  # (instances, tracks)
        met = meets > 0
        vectors = self.overlap(torch.cat([meets.new_zeros(1), meets[met]]))

        def logits(layer: nn.Linear) -> Tensor:
            geometry = _spread(layer(vectors)[:, 0], met)
            return geometry if self.appearance is None else (instances * layer.weight) @ tracks.T + geometry

        return PairLogits(logits(self.share), None if self.confidence is None else logits(self.confidence))


def _spread(values: Float[Tensor, " pairs_and_one"], met: Tensor) -> Float[Tensor, "instances tracks"]:
    """Return the first value where a pair does not meet, and the others in order where pairs meet."""
    return values[0].expand(met.shape).masked_scatter(met, values[1:])
