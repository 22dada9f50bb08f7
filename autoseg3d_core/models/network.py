"""The network of the learned models: points of posed frames in, decoded queries out.

It sees coordinates as they are given: the caller moves the scene near the origin, z up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from autoseg3d_core.geometry.groups import group_mean
from autoseg3d_core.geometry.voxels import cells_of
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.modules.blocks import Norm
from autoseg3d_core.modules.fragment_merging import FragmentMerging
from autoseg3d_core.modules.fragment_pooling import PooledFragments
from autoseg3d_core.modules.image_features import ImageFeatures, sample_image
from autoseg3d_core.modules.part import Around
from autoseg3d_core.modules.query_decoder import DecoderInput, HeadOutput, QueryDecoder
from autoseg3d_core.modules.recent_queries import Recent, RecentQueries
from autoseg3d_core.modules.sparse_unet import SHAPES, SparseUNet
from autoseg3d_core.modules.voxel_memory import VoxelMemory, VoxelMemoryAdapter
from autoseg3d_core.modules.wholeness import UNKNOWN, WholenessEmbedding, wholeness_of_groups
from autoseg3d_core.sparse.backends import TORCH, Backend
from autoseg3d_core.sparse.layers import DownConv, SubmanifoldConv, UpConv
from autoseg3d_core.sparse.tensor import Geometry, SparseTensor
from autoseg3d_core.structures import FragmentCloud, InputError

PartT = TypeVar("PartT", bound=nn.Module)
COLOUR_MEAN = (0.47793126, 0.43032575, 0.37495989)
COLOUR_SPREAD = (0.28344755, 0.27566158, 0.27018971)
"""The colour statistics of the published training data, for colours in [0, 1]."""


@dataclass(frozen=True, eq=False)
class NetworkMemory:
    """What a network remembers of one scene: voxels, and the fragments of the frame before."""

    voxels: VoxelMemory
    recent: Recent | None = None


class Network(nn.Module):
    """U-Net, fragment pooling and decoder, with the parts that its shape names around them.

    `label_names` names its classes, where somebody has; a class-agnostic network has none. `weights_sha256`
    is that of the file its weights come from, empty for one that comes from none.
    """

    def __init__(
        self, shape: NetworkShape, backend: Backend = TORCH, label_names: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.shape, self.label_names = shape, tuple(label_names)
        self.weights_sha256 = ""
        around = Around(SHAPES[shape.unet], shape.query_channels, backend)
        self.unet = SparseUNet(around.unet, backend=backend)
        self.pooling = shape.decoder.pooling(around)
        self.decoder = shape.decoder.build(around)
        for name, part in shape.parts().items():
            self.register_module(name, None if part is None else part.build(around))

    def part(self, kind: type[PartT]) -> PartT | None:
        """Return the network's part of a class, None where it has none."""
        return next((part for part in self.children() if isinstance(part, kind)), None)

    def halve_unet(self) -> Network:
        """Put the voxel parts into half precision, for a GPU; norms and sums over points stay in single."""
        for part in (self.unet, self.part(VoxelMemoryAdapter), self.part(ImageFeatures)):
            for module in () if part is None else part.modules():
                if not isinstance(module, Norm):
                    for weight in module.parameters(recurse=False):
                        weight.data = weight.data.half()
        return self

    def use_plain_backend(self) -> None:
        """Compute sparse convolutions by the backend that needs least memory, from now on."""
        for module in self.modules():
            if isinstance(module, (SubmanifoldConv, DownConv, UpConv)):
                module.backend = TORCH

    def new_memory(self, max_voxels: int = 200_000) -> NetworkMemory:
        """Return a memory for this network that has seen nothing; the cap is that of its finest level."""
        adapter, recent = self.part(VoxelMemoryAdapter), self.part(RecentQueries)
        voxels = VoxelMemory(()) if adapter is None else adapter.new_memory(max_voxels)
        return NetworkMemory(voxels, None if recent is None else recent.none_yet())

    def forward(
        self, clouds: Sequence[FragmentCloud], memories: Sequence[NetworkMemory]
    ) -> tuple[list[list[HeadOutput]], list[NetworkMemory]]:
        """Return the predictions of each head for each frame of a batch, and the memory of its scene."""
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
        image_features, voxel_memory = self.part(ImageFeatures), self.part(VoxelMemoryAdapter)
        stem = self.unet.stem(tensor)
        if image_features is not None:
            seen = self._seen_by_the_camera(clouds, tensor, image_features.linear.in_features)
            stem = image_features(stem, seen)
        levels = self.unet.encode(stem)
        if voxel_memory is not None:
            levels, memories = voxel_memory(levels, memories)
        voxels = self.unet.decode(stem, levels).features.to(self.decoder.norm.weight.dtype)
        return [voxels[rows] for rows in point_rows], memories

    def voxels_of(self, clouds: Sequence[FragmentCloud]) -> tuple[SparseTensor, list[Tensor]]:
        """Return the mean colour of each voxel of each frame, and the row of each frame's points' voxels."""
        geometry, rows = Geometry.of_points([cells_of(cloud.xyz, self.shape.voxel_m) for cloud in clouds])
        rgb = torch.cat([cloud.rgb for cloud in clouds])
        colour = (rgb - rgb.new_tensor(COLOUR_MEAN)) / rgb.new_tensor(COLOUR_SPREAD)
        mean = group_mean(colour, rows, len(geometry.finest)).to(next(self.unet.parameters()).dtype)
        return SparseTensor(mean, 1, geometry), list(rows.split([len(cloud.xyz) for cloud in clouds]))

    def _seen_by_the_camera(
        self, clouds: Sequence[FragmentCloud], tensor: SparseTensor, channels: int
    ) -> Float[Tensor, "voxels channels"]:
        """Return each voxel's image features; raises `InputError` where frames come without."""
        parts = []
        for row, cloud in enumerate(clouds):
            view = cloud.view
            if view is None or len(view.features) != channels:
                given = "none" if view is None else f"{len(view.features)} channels"
                raise InputError(
                    f"these weights need image features with {channels} channels but get {given}: set "
                    "masks.name=fastsam, masks.fastsam.features=true, and the FastSAM of their training"
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
        fragments, looking_back = pooled.features, self.part(RecentQueries)
        if looking_back is not None:
            fragments = looking_back(fragments, pooled.centers, recent)
        rgb = cloud.rgb.to(features.dtype)
        return DecoderInput(
            features, xyz, fragment, pooled.weights, fragments, pooled.centers, pooled.sizes, rgb
        )

    def recent_of(self, seen: DecoderInput) -> Recent | None:
        """Return what the next frame is to know of this one; None for a network that does not look back."""
        return None if self.part(RecentQueries) is None else Recent(seen.fragments, seen.centers)

    def pool_fragments(
        self, features: Tensor, xyz: Tensor, fragment: Tensor, wholeness: Tensor | None, count: int
    ) -> PooledFragments:
        """Return the vectors of the fragments, with the scores of their masks if there are any."""
        pooled: PooledFragments = self.pooling(features, xyz, fragment, count)
        embed = self.part(WholenessEmbedding)
        if embed is None:
            return pooled
        whole = pooled.features.new_full((count,), UNKNOWN) if wholeness is None else wholeness
        told = pooled.features + embed(whole.to(pooled.features.dtype))
        return dataclasses.replace(pooled, features=told)

    def _pooled(self, features: Tensor, xyz: Tensor, cloud: FragmentCloud) -> tuple[Tensor, PooledFragments]:
        """Return each point's fragment and the fragments' vectors, after merging where there is such."""
        fragment, whole, count = cloud.fragment, cloud.wholeness, len(cloud.fragment_score)
        pooled = self.pool_fragments(features, xyz, fragment, whole, count)
        merging = self.part(FragmentMerging)
        if merging is None or not isinstance(self.decoder, QueryDecoder):
            return fragment, pooled
        first = self.decoder.first_look(pooled.features, pooled.centers, pooled.sizes)
        group = merging(first.queries, first.class_logits, first.boxes)
        groups = int(group.max()) + 1 if count else 0
        if groups == count:
            return fragment, pooled
        fragment = torch.cat([group, group.new_full((1,), -1)])[fragment]  # -1 reads the last
        whole = None if whole is None else wholeness_of_groups(whole, group, groups)
        return fragment, self.pool_fragments(features, xyz, fragment, whole, groups)
