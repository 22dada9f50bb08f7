"""Outputs of a frozen network for prepared scenes: rows on which association and merging are trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from jaxtyping import Float, Int64
from safetensors.torch import load_file, save
from torch import Tensor
from tqdm import tqdm

from autoseg3d_core.datasets.clips import ClipFrame, PreparedScene
from autoseg3d_core.geometry.scene_origin import OriginConfig, scene_origin
from autoseg3d_core.lifting import LiftingConfig, lift
from autoseg3d_core.models.autoseg3d import QueryRows
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.perception import NetworkConfig, Perception
from autoseg3d_core.modules.query_decoder import QueryDecoder
from autoseg3d_core.structures import EncodedCloud, FrameInstances, MaskImage, Memory, Rows

LEAST_SHARE = 0.5
"""An instance or fragment is an object's when that owns more than this share of its points."""


@dataclass(frozen=True, eq=False)
class ObjectRows(Rows):
    """Instances or fragments of a frame: the decoder's query, its box, the true id (0 none), the label."""

    queries: Float[Tensor, "rows channels"]
    boxes: Float[Tensor, "rows 6"]
    ids: Int64[Tensor, " rows"]
    labels: Int64[Tensor, " rows"]

    @staticmethod
    def empty(channels: int) -> ObjectRows:
        """Return no rows."""
        nothing = torch.zeros(0, dtype=torch.int64)
        return ObjectRows(torch.zeros(0, channels), torch.zeros(0, 6), nothing, nothing)


@dataclass(frozen=True, eq=False)
class FrameRows:
    """One frame: the instances that selection leaves, and the fragments at the decoder's first look.

    A network that assembles fragments has no first look at each, and no rows for them.
    """

    instances: ObjectRows
    fragments: ObjectRows

    def to(self, device: torch.device) -> FrameRows:
        """Return the rows on a device."""
        return FrameRows(self.instances.to(device), self.fragments.to(device))


def scene_rows(
    network: Network,
    scenes: Sequence[PreparedScene],
    masks: Sequence[str],
    config: NetworkConfig,
    cache: Path,
) -> list[list[FrameRows]]:
    """Return the frames of every scene with every kind of masks it has; what the cache lacks is computed."""
    cache.mkdir(parents=True, exist_ok=True)
    perception, found = Perception(network, config, QueryRows), []
    for scene in tqdm(scenes, desc="rows", unit="scene", disable=None):
        for name in [name for name in masks if name in scene.masks]:
            file = cache / f"{scene.images.name}_{name}.safetensors"
            if not file.exists():
                _save(file, _frames(perception, scene, name))
            found.append(_load(file))
    return found


@torch.inference_mode()
def _frames(perception: Perception, scene: PreparedScene, masks: str) -> list[FrameRows]:
    """Return the rows of a scene from its first frame to its last."""
    device = next(perception.network.parameters()).device
    memory, rows = Memory.empty(), []
    for part in scene.clip(range(len(scene)), masks).frames:
        if memory.origin is None:
            origin = scene_origin(part.frame.world_from_camera, OriginConfig(), device)
            memory = dataclasses.replace(memory, origin=origin)
        assert part.masks is not None
        score = np.ones(int(part.masks.max(initial=0)), np.float32)
        cloud = lift(part.frame, MaskImage(part.masks - 1, score), LiftingConfig(), device)
        encoded, memory = perception.encode(cloud, memory)
        instances, memory = perception.perceive(cloud, encoded, memory)
        owner = _true_ids(part, cloud.pixel)
        rows.append(FrameRows(_instances(instances, owner), _fragments(perception.network, encoded, owner)))
    return rows


def _true_ids(part: ClipFrame, pixel: Int64[Tensor, " points"]) -> Int64[Tensor, " points"]:
    return torch.from_numpy(part.truth.instance).flatten()[pixel.cpu()].long().to(pixel.device)


def _instances(found: FrameInstances, owner: Int64[Tensor, " points"]) -> ObjectRows:
    point, row = found.masks.T.nonzero(as_tuple=True)
    ids = _majority(row, owner[point], len(found))
    described = cast(QueryRows, found.description)
    return ObjectRows(described.queries, described.scene_boxes, ids, found.labels)


def _fragments(network: Network, encoded: EncodedCloud, owner: Int64[Tensor, " points"]) -> ObjectRows:
    if not isinstance(network.decoder, QueryDecoder):
        return ObjectRows.empty(network.shape.query_channels)
    cloud = encoded.cloud
    count = len(cloud.fragment_score)
    pooled = network.pool_fragments(encoded.features, cloud.xyz, cloud.fragment, cloud.wholeness, count)
    first = network.decoder.first_look(pooled.features, pooled.centers, pooled.sizes)
    assert first.boxes is not None, "merging and association want a network that predicts boxes"
    ids = _majority(cloud.fragment, owner, count)
    return ObjectRows(first.queries, first.boxes, ids, first.class_logits[:, :-1].argmax(dim=1))


def _majority(
    row: Int64[Tensor, " points"], owner: Int64[Tensor, " points"], rows: int
) -> Int64[Tensor, " rows"]:
    """Return the id that owns more than the least share of each row's points, 0 where none does."""
    ids, column = torch.unique(owner, return_inverse=True)
    if rows == 0 or len(ids) == 0:
        return torch.zeros(rows, dtype=torch.int64, device=row.device)
    counts = torch.bincount(row * len(ids) + column, minlength=rows * len(ids)).view(rows, len(ids))
    most, best = counts.max(dim=1)
    return torch.where(most > LEAST_SHARE * counts.sum(dim=1), ids[best], 0)


def _save(file: Path, frames: Sequence[FrameRows]) -> None:
    tensors = {}
    for number, frame in enumerate(frames):
        for kind in ("instances", "fragments"):
            rows = getattr(frame, kind)
            tensors[f"{number}.{kind}.queries"] = rows.queries.half().cpu().contiguous()
            tensors[f"{number}.{kind}.boxes"] = rows.boxes.float().cpu().contiguous()
            tensors[f"{number}.{kind}.ids"] = rows.ids.int().cpu().contiguous()
            tensors[f"{number}.{kind}.labels"] = rows.labels.int().cpu().contiguous()
    file.with_suffix(".new").write_bytes(save(tensors))
    file.with_suffix(".new").replace(file)  # whole or not at all


def _load(file: Path) -> list[FrameRows]:
    tensors = load_file(str(file))
    count = 1 + max(int(name.split(".")[0]) for name in tensors)

    def rows(number: int, kind: str) -> ObjectRows:
        def column(name: str) -> Tensor:
            return tensors[f"{number}.{kind}.{name}"]

        return ObjectRows(
            column("queries").float(), column("boxes"), column("ids").long(), column("labels").long()
        )

    return [FrameRows(rows(n, "instances"), rows(n, "fragments")) for n in range(count)]
