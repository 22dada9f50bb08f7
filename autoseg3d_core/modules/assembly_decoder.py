"""Assembly decoder: fragments are assembled into objects, and decoded together with what they are assembled
with.

Each layer lets the fragments look at the frame's points (pooled to coarse voxels), then at one another, the
more the surer they are one object: the logarithm of their affinity is added to the attention (SAMosaic3D).
After each layer the fragments of an object are averaged into its query, which gives its mask, box, class and
objectness.

An object's mask is made of whole fragments, as far as they belong to it; the points' own logits are added to
that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from autoseg3d_core.geometry.groups import group_mean, group_size
from autoseg3d_core.geometry.voxels import unpack, voxelize
from autoseg3d_core.modules.decoder_layer import DecoderLayer, point_logits
from autoseg3d_core.modules.fragment_assembly import Assembly, CenterAssembly
from autoseg3d_core.modules.fragment_edges import fragment_edges
from autoseg3d_core.modules.fragment_pooling import EVEN, StrongestPooling
from autoseg3d_core.modules.linear_layers import starting_at_zero, two_layers
from autoseg3d_core.modules.pair_assembly import PairAssembly
from autoseg3d_core.modules.part import Around
from autoseg3d_core.modules.placement import PLACEMENTS
from autoseg3d_core.modules.query_decoder import DecoderInput, DecoderShape, HeadOutput

KEYS_M = 0.08
"""Points are looked at as voxels of this size: four of those that the U-Net sees."""
LEAST_AFFINITY = 1e-8
SURE = 1e-3
"""What belongs to an object with a probability beyond this, or that of nothing, is as good as sure."""
SURELY_NOT = torch.tensor(SURE).logit().item()


@dataclass(frozen=True, eq=False)
class AssemblyInput:
    """What the decoder sees of one frame; all of it follows from the frame's points without learned weights.

    `points` counts each fragment's points, `edges` says how two fragments meet, `voxels` are the frame's
    points pooled coarsely, with their middles. Masks are said at `features`, `xyz` and `fragment`, which may
    be some of the points.
    """

    fragments: Float[Tensor, "fragments inputs"]
    centers: Float[Tensor, "fragments 3"]
    sizes: Float[Tensor, "fragments 3"]
    points: Float[Tensor, " fragments"]
    edges: Float[Tensor, "fragments fragments edge_channels"]
    voxels: Float[Tensor, "voxels inputs"]
    middles: Float[Tensor, "voxels 3"]
    features: Float[Tensor, "points inputs"]
    xyz: Float[Tensor, "points 3"]
    fragment: Int64[Tensor, " points"]

    @staticmethod
    def of(frame: DecoderInput) -> AssemblyInput:
        """Return what there is to see of a frame."""
        count, dtype = len(frame.fragments), frame.features.dtype
        cells = voxelize(frame.xyz, KEYS_M)
        return AssemblyInput(
            frame.fragments,
            frame.centers,
            frame.sizes,
            group_size(frame.fragment, count).to(dtype),
            fragment_edges(frame.xyz, frame.rgb, frame.fragment, count),
            group_mean(frame.features, cells.point_voxel, len(cells)),
            (unpack(cells.keys).to(dtype) + 0.5) * KEYS_M,
            frame.features,
            frame.xyz,
            frame.fragment,
        )

    def at_points(self, rows: Int64[Tensor, " some"]) -> AssemblyInput:
        """Return the same frame with masks said at some of its points only."""
        return replace(self, features=self.features[rows], xyz=self.xyz[rows], fragment=self.fragment[rows])


@dataclass(frozen=True)
class AssemblyShape:
    """A network that assembles fragments into objects first, by "centers" (SAMosaic3D) or by "pairs"."""

    by: str = "centers"
    classes: int = 1
    placement: str = "extent"

    def pooling(self, around: Around) -> StrongestPooling:
        """Return what makes fragments of points."""
        return StrongestPooling()

    def build(self, around: Around) -> AssemblyDecoder:
        """Return the decoder; raises `KeyError` for an unknown way to assemble."""
        width = around.query_channels
        sizes = DecoderShape(
            around.unet.channels,
            width,
            feedforward=4 * width,
            classes=self.classes,
            placement=self.placement,
        )
        return AssemblyDecoder(sizes, pairs={"centers": False, "pairs": True}[self.by])


class AssemblyDecoder(nn.Module):
    """Assembles the fragments of a scene, and decodes the objects that come of it; a head after every layer.

    `pairs` assembles by pairs of fragments, else it is by the paper's centres. `gate_strength` is the paper's
    beta.
    """

    def __init__(self, shape: DecoderShape, pairs: bool = False, gate_strength: float = 1.0) -> None:
        super().__init__()
        width = shape.channels
        self.shape, self.gate_strength = shape, gate_strength
        self.placement = PLACEMENTS[shape.placement]
        told = shape.inputs + self.placement.query_channels
        self.assembler: nn.Module = (
            PairAssembly(told, width, shape.heads) if pairs else CenterAssembly(shape.inputs)
        )
        self.queries = two_layers(told, width, width)
        self.keys = nn.Sequential(
            nn.Linear(shape.inputs + self.placement.point_channels, width), nn.LayerNorm(width), nn.ReLU()
        )
        self.point_masks = two_layers(self.placement.point_channels + shape.inputs, width, width)
        self.layers = nn.ModuleList(
            DecoderLayer(shape.channels, shape.heads, shape.feedforward) for _ in range(shape.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.classes = two_layers(width, width, shape.classes)
        self.objectness = two_layers(width, width, 1)
        self.boxes = starting_at_zero(two_layers(width, width, 6))
        self.whole_fragments = nn.Parameter(torch.ones(()))

    def forward(self, frame: DecoderInput) -> list[HeadOutput]:
        """Return the predictions of each head for the objects that the fragments form."""
        seen = AssemblyInput.of(frame)
        return self.decode(seen, self.assemble(seen))

    def last_head(self, frame: DecoderInput) -> HeadOutput:
        """Return the predictions of the last head; the others are needed in training only."""
        seen = AssemblyInput.of(frame)
        return self.decode(seen, self.assemble(seen), heads=1)[0]

    def assemble(self, seen: AssemblyInput, owner: Int64[Tensor, " fragments"] | None = None) -> Assembly:
        """Return which fragments are one object.

        `owner` helps in training: the object (-1 none) that each fragment lies in gives the number of
        centres, or the groups.
        """
        if isinstance(self.assembler, CenterAssembly):
            count = None if owner is None else len(torch.unique(owner[owner >= 0]))
            return self.assembler(seen.fragments, count)  # type: ignore[no-any-return]
        groups = None if owner is None else _each_alone(owner)
        return self.assembler(self._told(seen), seen.edges, groups)  # type: ignore[no-any-return]

    def decode(self, seen: AssemblyInput, assembly: Assembly, heads: int | None = None) -> list[HeadOutput]:
        """Return the predictions of each head for the objects, or of the last `heads` of them."""
        keys = self.keys(torch.cat([seen.voxels, self.placement.of_points(seen.middles)], dim=1))
        gate = self.gate_strength * (assembly.affinity + LEAST_AFFINITY).log()
        hidden = self.point_masks[:2](torch.cat([self.placement.of_points(seen.xyz), seen.features], dim=1))
        prior = self._prior(assembly, seen.fragment)
        place = _places(assembly, seen)
        queries, outputs = self.queries(self._told(seen)), []
        silent = 0 if heads is None else len(self.layers) - heads
        for index, layer in enumerate(self.layers):
            queries = layer(queries, keys, gate=gate)
            if index < silent:
                continue
            outputs.append(self._say(assembly.pooled(queries), hidden, prior, *place))
        return outputs

    def _told(self, seen: AssemblyInput) -> Float[Tensor, "fragments told"]:
        return torch.cat([seen.fragments, self.placement.of_queries(seen.centers, seen.sizes)], dim=1)

    def _prior(self, assembly: Assembly, fragment: Tensor) -> Float[Tensor, "instances points"]:
        """Return the logit with which each point's fragment belongs to each object; points of none do not."""
        sure = assembly.assignment.clamp(SURE, 1 - SURE).logit()
        none = sure.new_full((1, sure.shape[1]), SURELY_NOT)
        return self.whole_fragments * torch.cat([sure, none])[fragment].T

    def _say(
        self, queries: Tensor, hidden: Tensor, prior: Tensor, centers: Tensor, sizes: Tensor
    ) -> HeadOutput:
        normed = self.norm(queries)
        objectness = self.objectness(normed)
        classes = functional.log_softmax(self.classes(normed), dim=1) + functional.logsigmoid(objectness)
        return HeadOutput(
            queries=normed,
            class_logits=torch.cat([classes, functional.logsigmoid(-objectness)], dim=1),
            mask_logits=point_logits(self.point_masks, normed, hidden) + prior,
            over_points=True,
            boxes=self.placement.boxes(self.boxes(normed), centers, sizes),
            semantics=None,
        )


def _each_alone(owner: Int64[Tensor, " fragments"]) -> Int64[Tensor, " fragments"]:
    """Return the group of each fragment: that of its object, and one of its own where it is on none."""
    own = -1 - torch.arange(len(owner), device=owner.device)
    return torch.unique(torch.where(owner >= 0, owner, own), return_inverse=True)[1]


def _places(assembly: Assembly, seen: AssemblyInput) -> tuple[Tensor, Tensor]:
    """Return the centre of each object and the sizes of the box that its points would fill evenly."""
    weight = assembly.assignment.detach() * seen.points[:, None]
    share = weight / weight.sum(dim=0).clamp(min=1e-6)
    center = share.T @ seen.centers
    square = share.T @ (seen.sizes.square() / EVEN + seen.centers.square())
    return center, (EVEN * (square - center.square()).clamp(min=0)).sqrt()
