"""The network of the learned models: points of posed frames in, decoded queries out.

It sees coordinates as they are given: the caller moves the scene near the origin, z up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from autoseg3d_core.geometry.groups import group_mean
from autoseg3d_core.geometry.voxels import unpack, voxelize
from autoseg3d_core.modules.assembly_decoder import AssemblyDecoder
from autoseg3d_core.modules.blocks import Norm
from autoseg3d_core.modules.embedding_head import EmbeddingHead
from autoseg3d_core.modules.fragment_merging import FragmentMerging
from autoseg3d_core.modules.fragment_pooling import FragmentPooling, PooledFragments, StrongestPooling
from autoseg3d_core.modules.image_features import ImageFeatures, sample_image
from autoseg3d_core.modules.query_decoder import DecoderInput, DecoderShape, HeadOutput, QueryDecoder
from autoseg3d_core.modules.recent_queries import Recent, RecentQueries
from autoseg3d_core.modules.sparse_unet import SHAPES, SparseUNet
from autoseg3d_core.modules.track_association import TrackAssociation
from autoseg3d_core.modules.voxel_memory import VoxelMemory, VoxelMemoryAdapter
from autoseg3d_core.modules.wholeness import UNKNOWN, WholenessEmbedding, wholeness_of_groups
from autoseg3d_core.sparse.layers import TORCH, Backend
from autoseg3d_core.sparse.tensor import SparseTensor, sparse_batch
from autoseg3d_core.structures import FragmentCloud, InputError

COLOUR_MEAN = (0.47793126, 0.43032575, 0.37495989)
COLOUR_SPREAD = (0.28344755, 0.27566158, 0.27018971)
"""The colour statistics of the published training data, for colours in [0, 1]."""


@dataclass(frozen=True)
class NetworkShape:
    """What a network is made of; enough to build it empty.

    `query_channels` is the width of queries and tracks, `placement` what they know of their places.
    `embedding` is the norm of the embedding head ("layer" or "batch"), or "none" where there is no head.
    `image_channels` is 0 where no image features are added. `merging`, `recent` and `association` are
    AutoSeg3D's parts, there or not; `recent_scale` says how distance counts among recent queries, and
    `appearance` and `gate` are the parts of its association. `wholeness`: fragments are told how sure the
    mask maker is of their masks. `decoder` says what becomes of fragments: each is a query of its own
    ("queries"), or they are assembled first, by "centers" (SAMosaic3D) or by "pairs".
    """

    unet: str = "res16unet34c"
    voxel_m: float = 0.02
    classes: int = 1
    semantics: int = 200
    voxel_memory: bool = True
    boxes: bool = True
    embedding: str = "layer"
    image_channels: int = 0
    query_channels: int = 256
    placement: str = "published"
    merging: bool = False
    recent: bool = False
    recent_scale: str = "query"
    association: bool = False
    appearance: bool = True
    gate: bool = True
    wholeness: bool = False
    decoder: str = "queries"


@dataclass(frozen=True, eq=False)
class NetworkMemory:
    """What a network remembers of one scene: voxels, and the fragments of the frame before."""

    voxels: VoxelMemory
    recent: Recent | None = None


class Network(nn.Module):
    """U-Net, voxel memory, fragment pooling and query decoder, one after the other.

    `label_names` names its classes, where somebody has; a class-agnostic network has none.
    """

    def __init__(
        self, shape: NetworkShape, backend: Backend = TORCH, label_names: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.label_names = tuple(label_names)
        unet, width = SHAPES[shape.unet], shape.query_channels
        sizes = DecoderShape(
            unet.channels,
            width,
            feedforward=4 * width,
            classes=shape.classes,
            semantics=shape.semantics,
            boxes=shape.boxes,
            placement=shape.placement,
        )
        self.shape = shape
        self.unet = SparseUNet(unet, backend=backend)
        self.voxel_memory = (
            VoxelMemoryAdapter(unet.remembered_channels, backend) if shape.voxel_memory else None
        )
        self.image_features = (
            ImageFeatures(shape.image_channels, unet.stem_channels) if shape.image_channels else None
        )
        assembled = shape.decoder != "queries"
        self.pooling = StrongestPooling() if assembled else FragmentPooling(unet.channels)
        self.decoder = AssemblyDecoder(sizes, shape.decoder == "pairs") if assembled else QueryDecoder(sizes)
        has_embedding = shape.embedding != "none"
        self.embedding = EmbeddingHead(width, 2 * width, shape.embedding) if has_embedding else None
        self.merging = FragmentMerging(width) if shape.merging else None
        self.wholeness = WholenessEmbedding(unet.channels) if shape.wholeness else None
        self.recent = RecentQueries(unet.channels, scale=shape.recent_scale) if shape.recent else None
        self.association = (
            TrackAssociation(width, appearance=shape.appearance, gate=shape.gate)
            if shape.association
            else None
        )

    def halve_unet(self) -> Network:
        """Put the voxel parts into half precision, for a GPU; norms and sums over points stay in single."""
        for part in (self.unet, self.voxel_memory, self.image_features):
            for module in () if part is None else part.modules():
                if not isinstance(module, Norm):
                    for weight in module.parameters(recurse=False):
                        weight.data = weight.data.half()
        return self

    def new_memory(self, max_voxels: int = 200_000) -> NetworkMemory:
        """Return a memory for this network that has seen nothing; the cap is that of its finest level."""
        levels = 0 if self.voxel_memory is None else len(self.voxel_memory.levels)
        return NetworkMemory(VoxelMemory.empty(levels, max_voxels))

    def forward(
        self, clouds: Sequence[FragmentCloud], memories: Sequence[NetworkMemory]
    ) -> tuple[list[list[HeadOutput]], list[NetworkMemory]]:
        """Return what each head says of each frame of a batch, and what is to be remembered of its scene."""
        features, voxels = self.encode(clouds, [memory.voxels for memory in memories])
        heads, after = [], []
        for cloud, rows, memory, remembered in zip(clouds, features, memories, voxels, strict=True):
            seen = self.pool(cloud, rows, memory.recent)
            heads.append(self.decoder(seen))
            after.append(NetworkMemory(remembered, self.recent_of(seen)))
        return heads, after

    def encode(
        self, clouds: Sequence[FragmentCloud], memories: Sequence[VoxelMemory]
    ) -> tuple[list[Float[Tensor, "_ channels"]], Sequence[VoxelMemory]]:
        """Return the features of each frame's points, and the next memories."""
        tensor, point_rows = self.voxels_of(clouds)
        stem = self.unet.stem(tensor)
        if self.image_features is not None:
            stem = self.image_features(stem, self._seen_by_the_camera(clouds, tensor))
        levels = self.unet.encode(stem)
        if self.voxel_memory is not None:
            levels, memories = self.voxel_memory(levels, memories)
        voxels = self.unet.decode(stem, levels).features.to(self.decoder.norm.weight.dtype)
        return [voxels[rows] for rows in point_rows], memories

    def voxels_of(self, clouds: Sequence[FragmentCloud]) -> tuple[SparseTensor, list[Tensor]]:
        """Return the mean colour of each voxel of each frame, and the row of each frame's points' voxels."""
        features, cells, point_rows, rows = [], [], [], 0
        for cloud in clouds:
            voxels = voxelize(cloud.xyz, self.shape.voxel_m)
            colour = (cloud.rgb - cloud.rgb.new_tensor(COLOUR_MEAN)) / cloud.rgb.new_tensor(COLOUR_SPREAD)
            features.append(group_mean(colour, voxels.point_voxel, len(voxels)))
            cells.append(unpack(voxels.keys))
            point_rows.append(voxels.point_voxel + rows)
            rows += len(voxels)
        dtype = next(self.unet.parameters()).dtype
        return sparse_batch([f.to(dtype) for f in features], cells), point_rows

    def _seen_by_the_camera(
        self, clouds: Sequence[FragmentCloud], tensor: SparseTensor
    ) -> Float[Tensor, "voxels channels"]:
        """Return each voxel's image features; raises `InputError` where frames come without."""
        channels, parts = self.shape.image_channels, []
        for row, cloud in enumerate(clouds):
            view = cloud.view
            if view is None or len(view.features) != channels:
                given = "none" if view is None else f"{len(view.features)} channels"
                raise InputError(
                    f"these weights want image features of {channels} channels and get {given}: set "
                    "masks.name=fastsam, masks.fastsam.features=true, and the FastSAM that made them"
                )
            cells = tensor.level.cells
            xyz = cells[cells[:, 0] == row, 1:].double() * self.shape.voxel_m  # the lowest corners
            parts.append(sample_image(view.features.float(), xyz, view.camera, view.camera_from_points))
        return torch.cat(parts).to(tensor.features.dtype)

    def pool(
        self, cloud: FragmentCloud, features: Float[Tensor, "points channels"], recent: Recent | None
    ) -> DecoderInput:
        """Return what the decoder sees of one frame, its fragments merged and aware of the frame before."""
        xyz = cloud.xyz.to(features.dtype)
        fragment, pooled = self._pooled(features, xyz, cloud)
        fragments = pooled.features
        if self.recent is not None:
            fragments = self.recent(fragments, pooled.centers, recent)
        rgb = cloud.rgb.to(features.dtype)
        return DecoderInput(
            features, xyz, fragment, pooled.weights, fragments, pooled.centers, pooled.sizes, rgb
        )

    def recent_of(self, seen: DecoderInput) -> Recent | None:
        """Return what the next frame is to know of this one; None for a network that does not look back."""
        return None if self.recent is None else Recent(seen.fragments, seen.centers)

    def pool_fragments(
        self, features: Tensor, xyz: Tensor, fragment: Tensor, wholeness: Tensor | None, count: int
    ) -> PooledFragments:
        """Return the fragments' vectors, which know how sure their masks are where somebody says so."""
        pooled = self.pooling(features, xyz, fragment, count)
        if self.wholeness is None:
            return pooled
        whole = pooled.features.new_full((count,), UNKNOWN) if wholeness is None else wholeness
        told = pooled.features + self.wholeness(whole.to(pooled.features.dtype))
        return dataclasses.replace(pooled, features=told)

    def _pooled(self, features: Tensor, xyz: Tensor, cloud: FragmentCloud) -> tuple[Tensor, PooledFragments]:
        """Return each point's fragment and the fragments' vectors, after merging where there is such."""
        fragment, whole, count = cloud.fragment, cloud.wholeness, len(cloud.fragment_score)
        pooled = self.pool_fragments(features, xyz, fragment, whole, count)
        if self.merging is None or isinstance(self.decoder, AssemblyDecoder):
            return fragment, pooled
        first = self.decoder.first_look(pooled.features, pooled.centers, pooled.sizes)
        group = self.merging(first.queries, first.class_logits, first.boxes)
        groups = int(group.max()) + 1 if count else 0
        if groups == count:
            return fragment, pooled
        fragment = torch.cat([group, group.new_full((1,), -1)])[fragment]  # -1 reads the last
        whole = None if whole is None else wholeness_of_groups(whole, group, groups)
        return fragment, self.pool_fragments(features, xyz, fragment, whole, groups)
