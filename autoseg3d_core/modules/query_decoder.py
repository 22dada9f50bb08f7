"""Query decoder: each fragment is a query, which attends to all fragments and predicts its object."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from autoseg3d_core.geometry.groups import group_size
from autoseg3d_core.modules.decoder_layer import DecoderLayer, point_logits
from autoseg3d_core.modules.fragment_pooling import FragmentPooling
from autoseg3d_core.modules.linear_layers import starting_at_zero, two_layers
from autoseg3d_core.modules.part import Around
from autoseg3d_core.modules.placement import PLACEMENTS

MASKED_SHARE = 0.5
"""A fragment is hidden from a query when more than this weighted share of its points lies off its mask."""


@dataclass(frozen=True)
class DecoderShape:
    """The sizes of a query decoder; `semantics` counts the classes of the auxiliary point labels."""

    inputs: int = 96
    channels: int = 256
    heads: int = 8
    feedforward: int = 1024
    layers: int = 3
    classes: int = 1
    semantics: int = 200
    boxes: bool = True
    point_heads: int = 2
    placement: str = "published"


@dataclass(frozen=True, eq=False)
class DecoderInput:
    """What the decoder is given of one frame: its points, and its fragments as vectors.

    `weights` says how much each point counted in its fragment's vector; it is 0 on no fragment (-1). `sizes`
    are those of a box that the fragment's points would fill evenly.
    """

    features: Float[Tensor, "points inputs"]
    xyz: Float[Tensor, "points 3"]
    fragment: Int64[Tensor, " points"]
    weights: Float[Tensor, " points"]
    fragments: Float[Tensor, "fragments inputs"]
    centers: Float[Tensor, "fragments 3"]
    sizes: Float[Tensor, "fragments 3"]
    rgb: Float[Tensor, "points 3"]

    def at_points(self, rows: Int64[Tensor, " some"]) -> DecoderInput:
        """Return the frame with some of its points only; the fragments stay as they are."""
        return DecoderInput(
            self.features[rows],
            self.xyz[rows],
            self.fragment[rows],
            self.weights[rows],
            self.fragments,
            self.centers,
            self.sizes,
            self.rgb[rows],
        )


@dataclass(frozen=True, eq=False)
class HeadOutput:
    """The predictions of one head for the queries.

    Masks are over points where `over_points`, else over fragments. Boxes and semantics are None where
    the decoder (or this head) has none. `queries` is the normalised query itself.
    """

    queries: Float[Tensor, "queries channels"]
    class_logits: Float[Tensor, "queries classes_and_background"]
    mask_logits: Float[Tensor, "queries points_or_fragments"]
    over_points: bool
    boxes: Float[Tensor, "queries 6"] | None
    semantics: Float[Tensor, "queries semantics_and_none"] | None


@dataclass(frozen=True)
class QueriesShape:
    """A network in which each fragment is a query of its own.

    `semantics` counts the classes of the auxiliary point labels; `placement` names what queries and points
    know of their places. Weights of single frames have no `boxes`.
    """

    classes: int = 1
    semantics: int = 200
    boxes: bool = True
    placement: str = "published"

    def pooling(self, around: Around) -> FragmentPooling:
        """Return what makes fragments of points."""
        return FragmentPooling(around.unet.channels)

    def build(self, around: Around) -> QueryDecoder:
        """Return the decoder."""
        width = around.query_channels
        return QueryDecoder(
            DecoderShape(
                around.unet.channels,
                width,
                feedforward=4 * width,
                classes=self.classes,
                semantics=self.semantics,
                boxes=self.boxes,
                placement=self.placement,
            )
        )


class QueryDecoder(nn.Module):
    """Decodes fragments into class, mask, box and embedding, with a head before and after every layer.

    The last `point_heads` heads say their masks over points, the others over fragments. `placement` says
    what queries and points know of their places, and where boxes start from.
    """

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        width = shape.channels
        self.shape = shape
        self.keys = nn.Sequential(nn.Linear(shape.inputs, width), nn.LayerNorm(width), nn.ReLU())
        self.placement = PLACEMENTS[shape.placement]
        self.queries = two_layers(shape.inputs + self.placement.query_channels, width, width)
        self.fragment_masks = two_layers(shape.inputs, width, width)
        self.point_masks = two_layers(self.placement.point_channels + shape.inputs, width, width)
        self.layers = nn.ModuleList(
            DecoderLayer(shape.channels, shape.heads, shape.feedforward) for _ in range(shape.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.classes = two_layers(width, width, shape.classes + 1)
        self.boxes = starting_at_zero(two_layers(width, width, 6)) if shape.boxes else None
        self.semantics = nn.Linear(width, shape.semantics + 1)

    def forward(
        self, seen: DecoderInput, chosen: Int64[Tensor, " queries"] | None = None, among: bool = True
    ) -> list[HeadOutput]:
        """Return the predictions of each head, first to last, for the `chosen` fragments (default: all)."""
        if chosen is None:
            chosen = torch.arange(len(seen.fragments), device=seen.fragments.device)
        keys = self.keys(seen.fragments)
        masks = MaskFeatures(
            self.fragment_masks(seen.fragments),
            self.point_masks[:2](torch.cat([self.placement.of_points(seen.xyz), seen.features], dim=1)),
        )
        centers, sizes = seen.centers[chosen], seen.sizes[chosen]
        queries = self._first(seen.fragments[chosen], centers, sizes)
        outputs = [self._say(queries, centers, sizes, masks, 0)]
        for index, layer in enumerate(self.layers):
            queries = layer(queries, keys, visible_fragments(outputs[-1], seen), among=among)
            outputs.append(self._say(queries, centers, sizes, masks, index + 1))
        return outputs

    def last_head(self, seen: DecoderInput) -> HeadOutput:
        """Return the predictions of the last head for all fragments; each head masks the next attention."""
        return self(seen)[-1]  # type: ignore[no-any-return]

    def first_look(
        self,
        fragments: Float[Tensor, "fragments inputs"],
        centers: Float[Tensor, "fragments 3"],
        sizes: Float[Tensor, "fragments 3"],
    ) -> HeadOutput:
        """Return what the heads say of fragments before any attention, without masks."""
        normed = self.norm(self._first(fragments, centers, sizes))
        nothing = normed.new_zeros(len(normed), 0)
        boxes = self._boxes(normed, centers, sizes)
        return HeadOutput(normed, self.classes(normed), nothing, False, boxes, None)

    def _first(self, fragments: Tensor, centers: Tensor, sizes: Tensor) -> Tensor:
        """Return the queries before any attention."""
        return self.queries(torch.cat([fragments, self.placement.of_queries(centers, sizes)], dim=1))

    def _boxes(self, normed: Tensor, centers: Tensor, sizes: Tensor) -> Tensor | None:
        return None if self.boxes is None else self.placement.boxes(self.boxes(normed), centers, sizes)

    def _say(
        self, queries: Tensor, centers: Tensor, sizes: Tensor, masks: MaskFeatures, head: int
    ) -> HeadOutput:
        over_points = head > self.shape.layers - self.shape.point_heads
        normed = self.norm(queries)
        if over_points:
            logits = point_logits(self.point_masks, normed, masks.of_points_hidden)
        else:
            logits = normed @ masks.of_fragments.T
        return HeadOutput(
            queries=normed,
            class_logits=self.classes(normed),
            mask_logits=logits,
            over_points=over_points,
            boxes=self._boxes(normed, centers, sizes),
            semantics=self.semantics(normed) if head == self.shape.layers else None,
        )


@dataclass(frozen=True, eq=False)
class MaskFeatures:
    """What queries are multiplied with to give masks; for points before the last linear layer."""

    of_fragments: Float[Tensor, "fragments channels"]
    of_points_hidden: Float[Tensor, "points channels"]


def visible_fragments(output: HeadOutput, seen: DecoderInput) -> Bool[Tensor, "queries fragments"]:
    """Return which fragments each query may look at, by its last mask; every query sees at least one."""
    if output.over_points:
        return _visible_by_points(output.mask_logits < 0, seen)
    visible = output.mask_logits >= 0
    return visible | ~visible.any(dim=1, keepdim=True)


def _visible_by_points(
    off: Bool[Tensor, "queries points"], seen: DecoderInput
) -> Bool[Tensor, "queries fragments"]:
    """Return the fragments that are not mostly off the mask, and those least off it.

    The sum is of the points' pooling weights, but the share is of their number, as published.
    """
    count = len(seen.fragments)
    if count == 0:
        return off.new_zeros(len(off), 0)
    total = seen.weights.new_zeros(len(off), count)
    total.index_add_(1, seen.fragment.clamp(min=0), off * seen.weights)  # loose points weigh nothing
    share = total / group_size(seen.fragment, count).clamp(min=1)
    return (share <= MASKED_SHARE) | (share == share.amin(dim=1, keepdim=True))
