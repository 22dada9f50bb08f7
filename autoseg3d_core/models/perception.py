"""What the learned models share: from a fragment cloud to the instances among a network's decoded queries."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from autoseg3d_core.config import section, setting
from autoseg3d_core.device_memory import with_less_memory
from autoseg3d_core.geometry.groups import group_boxes
from autoseg3d_core.models.leftovers import add_leftovers
from autoseg3d_core.models.network import Network, NetworkMemory
from autoseg3d_core.models.network_shape import PARTS
from autoseg3d_core.models.selection import SelectionConfig, select_instances
from autoseg3d_core.modules.query_decoder import HeadOutput
from autoseg3d_core.structures import (
    EncodedCloud,
    FragmentCloud,
    FrameInstances,
    Memory,
    Prediction,
    SceneOrigin,
    TrackRows,
)

DOUBT = 2.0
"""A track that a network has found in so many frames is half as sure as its mean score."""


@dataclass(frozen=True)
class NetworkConfig:
    """Which weights, what becomes an instance, and how much the network remembers."""

    weights: str = setting(
        "",
        "path of trained weights, or of published ones converted by `autoseg3d convert`; empty "
        "uses the bundled weights of the model",
    )
    without: str = setting("", f"parts of the weights to leave out, by comma: {', '.join(PARTS)}")
    backend: str = setting(
        "auto",
        "how sparse convolutions are computed; auto uses torch on a CPU, and on a GPU triton where it works, "
        "else spconv where installed, else gather",
        choices=("auto", "torch", "gather", "triton", "spconv"),
    )
    precision: str = setting(
        "auto",
        "precision of the network's voxel parts (U-Net, voxel memory, image features); auto is half on a GPU "
        "and full elsewhere; half needs a GPU",
        choices=("auto", "full", "half"),
    )
    max_voxels: int = setting(
        200_000,
        "maximum number of voxels that the network's voxel memory holds at its finest resolution",
        unit="voxels",
        low=1000,
        high=5_000_000,
    )
    leftovers: int = setting(
        20, "number of fragments made of the points that no mask covers", unit="fragments", low=1, high=200
    )
    selection: SelectionConfig = section(SelectionConfig)


Describe = Callable[[Float[Tensor, "instances channels"], Float[Tensor, "instances 6"]], TrackRows]
"""Makes a model's own rows of decoded queries and of the predicted boxes, in the scene frame."""


class Perception:
    """Runs a network on the frames of a scene; `describe` says what a model keeps of each instance."""

    def __init__(self, network: Network, config: NetworkConfig, describe: Describe) -> None:
        self.network, self.config, self._describe = network.eval(), config, describe

    def empty_rows(self) -> TrackRows:
        """Return what the model keeps of no instance: its columns, without rows."""
        like = self.network.decoder.norm.weight.new_zeros
        return self._describe(like(0, self.network.shape.query_channels), like(0, 6).float())

    def empty_kept(self) -> NetworkMemory:
        """Return what the network keeps of a scene that it has not seen."""
        return self.network.new_memory(self.config.max_voxels)

    def encode(self, cloud: FragmentCloud, memory: Memory) -> tuple[EncodedCloud, Memory]:
        """Return the cloud as the network sees it, each point with its features."""
        if len(cloud) == 0:
            return EncodedCloud(cloud, cloud.xyz.new_zeros(0, 0)), memory
        kept = memory.kept or self.empty_kept()
        scene = add_leftovers(move_to_scene(cloud, memory.origin), self.config.leftovers)
        (features,), (voxels,) = with_less_memory(
            lambda: self.network.encode([scene], [kept.voxels]), self.network.use_plain_backend
        )
        return EncodedCloud(scene, features), dataclasses.replace(
            memory, kept=NetworkMemory(voxels, kept.recent)
        )

    def perceive(
        self, cloud: FragmentCloud, encoded: EncodedCloud, memory: Memory
    ) -> tuple[FrameInstances, Memory]:
        """Return the instances among the decoded queries, and the memory with what the network keeps.

        An empty cloud has no instances.
        """
        if len(cloud) == 0:
            return self._nobody(cloud), memory
        seen = self.network.pool(encoded.cloud, encoded.features, memory.kept.recent)
        prediction = with_less_memory(lambda: read_head(self.network.decoder.last_head(seen)))
        chosen = with_less_memory(lambda: select_instances(prediction, encoded.cloud, self.config.selection))
        instances = FrameInstances(
            masks=chosen.masks,
            scores=chosen.scores,
            labels=chosen.labels,
            world_boxes=_boxes_of(chosen.masks, cloud.xyz),
            centroids=chosen.masks.to(cloud.xyz.dtype) @ cloud.xyz / chosen.masks.sum(dim=1, keepdim=True),
            description=self._describe(
                prediction.queries[chosen.query], prediction.scene_boxes[chosen.query]
            ),
        )
        kept = NetworkMemory(memory.kept.voxels, self.network.recent_of(seen))
        return instances, dataclasses.replace(memory, kept=kept)

    def _nobody(self, cloud: FragmentCloud) -> FrameInstances:
        none = cloud.xyz.new_zeros
        return FrameInstances(
            masks=torch.zeros(0, len(cloud), dtype=torch.bool, device=cloud.xyz.device),
            scores=none(0),
            labels=torch.zeros(0, dtype=torch.int64, device=cloud.xyz.device),
            world_boxes=none(0, 6),
            centroids=none(0, 3),
            description=self.empty_rows(),
        )


def read_head(last: HeadOutput) -> Prediction:
    """Return the predictions of the last head, in single precision; boxes are 0 where it has none.

    The queries themselves stay as they are, for the part of the network that goes on with them.
    """
    boxes = last.queries.new_zeros(len(last.queries), 6) if last.boxes is None else last.boxes
    return Prediction(last.class_logits.float(), last.mask_logits.float(), boxes.float(), last.queries)


def move_to_scene(cloud: FragmentCloud, origin: SceneOrigin | None) -> FragmentCloud:
    """Return the cloud, and how it projects into its image, in the scene frame."""
    if origin is None:
        return cloud
    view = cloud.view
    if view is not None:
        view = dataclasses.replace(view, camera_from_points=view.camera_from_points @ origin.world_from_scene)
    return dataclasses.replace(cloud, xyz=origin.to_scene(cloud.xyz), view=view)


def _boxes_of(
    masks: Bool[Tensor, "instances points"], xyz: Float[Tensor, "points 3"]
) -> Float[Tensor, "instances 6"]:
    """Return the box of each mask's points, held back from the few that leaked far away; a mask has some."""
    row, point = masks.nonzero(as_tuple=True)
    return group_boxes(xyz[point], row, len(masks))


class PerceivingModel:
    """What models on a network have in common: one `Perception` sees every frame for them."""

    _perception: Perception

    def empty_rows(self) -> TrackRows:
        """Return a table without rows of what a track remembers."""
        return self._perception.empty_rows()

    def empty_kept(self) -> NetworkMemory:
        """Return what the network keeps of a scene that it has not seen."""
        return self._perception.empty_kept()

    def encode(self, cloud: FragmentCloud, memory: Memory) -> tuple[EncodedCloud, Memory]:
        """Return the features of the cloud's points."""
        return self._perception.encode(cloud, memory)

    def perceive(
        self, cloud: FragmentCloud, encoded: EncodedCloud, memory: Memory
    ) -> tuple[FrameInstances, Memory]:
        """Return the instances of the frame."""
        return self._perception.perceive(cloud, encoded, memory)
