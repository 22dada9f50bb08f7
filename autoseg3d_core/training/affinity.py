"""Trains the network of `masks-edge`: what belongs together, at the level of parts and at that of objects."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int32
from torch import Tensor, nn
from torch.nn import functional

from autoseg3d_core.checkpoints.affinity_weights import load_affinity_network
from autoseg3d_core.checkpoints.format import Checkpoint
from autoseg3d_core.config import setting
from autoseg3d_core.datasets.clips import prepared_scenes
from autoseg3d_core.mask_makers.affinity_network import (
    FAR,
    FAR_STRIDE,
    NEAR,
    Affinities,
    AffinityNetwork,
    AffinityShape,
)
from autoseg3d_core.mask_makers.edge import group, view_of
from autoseg3d_core.mask_makers.region_tree import RegionTree
from autoseg3d_core.structures import InputError
from autoseg3d_core.training.affinity_data import BEYOND, AffinityBatch, AffinityBatches

NEW_BLOCK = 0.05
"""How much a new block adds at first; nothing at all would give its layers no gradient."""
APART_WEIGHT = 3.0
"""Neighbours that belong to different things are few; each counts this much."""


@dataclass(frozen=True)
class AffinityTrainingConfig:
    """What the network of `masks-edge` is trained on."""

    start: str = setting("", "masks-edge weights to start from; empty starts from scratch")
    blocks: str = setting(
        "",
        "residual blocks per stride of the encoder (2 to 32), separated by commas; where that is more than "
        "the weights to start from have, the new ones begin as no change; empty keeps what these have",
    )
    scenes: str = setting("out/scenes/train", "folders of prepared scenes, separated by commas")
    working_width: int = setting(384, "width of the frames that crops are taken from", unit="px", low=64)
    height: int = setting(160, "height of a crop, a multiple of 32", unit="px", low=64, high=1280)
    width: int = setting(224, "width of a crop, a multiple of 32", unit="px", low=64, high=1280)
    batch: int = setting(8, "crops per batch", low=1, high=1024)


class AffinityTrainee:
    """The network and its loss: cross-entropy of every pair of pixels, and dice of the borders."""

    def __init__(self, config: AffinityTrainingConfig, device: torch.device, command: str = "") -> None:
        self.config, self.device, self.command = config, device, command
        network = (
            load_affinity_network(Path(config.start)) if config.start else AffinityNetwork(AffinityShape())
        )
        network = deepened(network, _blocks_of(config.blocks)) if config.blocks else network
        self.shape = network.shape
        self.module: nn.Module = network.to(device)
        self.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def losses(self, batch: AffinityBatch) -> dict[str, Tensor]:
        """Return the parts of the loss of a batch of crops."""
        image = batch.image.to(self.device).contiguous(memory_format=torch.channels_last)
        labels = batch.labels.to(self.device)
        said = self.module(image)
        coarse = labels[:, :, ::FAR_STRIDE, ::FAR_STRIDE]
        near, far = pairs_of(said.near, labels, NEAR), pairs_of(said.far, coarse, FAR)
        known = coarse[:, 1] != BEYOND
        foreground = functional.binary_cross_entropy_with_logits(
            said.foreground[known], (coarse[:, 1][known] > 0).float()
        )
        quality = self._quality(said, batch)
        return {
            "quality": quality,
            "near": _cross_entropy(*near, APART_WEIGHT),
            "border": 0.5 * _dice(*near),
            "far": _cross_entropy(*far, 1.0),
            "foreground": 0.5 * foreground,
        }

    def _quality(self, said: Affinities, batch: AffinityBatch) -> Tensor:
        """Return how wrong the module is about the quality of the regions of the batch's first crop."""
        channels = batch.image[0].permute(1, 2, 0).numpy()
        with torch.no_grad():
            grouped = group(view_of(said, channels, batch.focal[0]))
            true = torch.from_numpy(overlap_of(grouped.tree, grouped.labels, batch.labels[0].numpy()))
        if len(grouped.facts) < 2:  # too few to normalise over
            return said.near.new_zeros(())
        judge: nn.Module = self.module.quality  # type: ignore[assignment]
        guessed: Tensor = judge(torch.from_numpy(grouped.facts).to(self.device))
        return functional.binary_cross_entropy_with_logits(guessed, true.to(self.device))

    def checkpoint(self, module: nn.Module, step: int) -> Checkpoint:
        """Return weights in half precision."""
        tensors = {
            name: tensor.half() if tensor.is_floating_point() else tensor
            for name, tensor in module.state_dict().items()
        }
        about = {"kind": "affinity", **asdict(self.shape)}
        source = {"command": self.command, "step": step, **asdict(self.config)}
        return Checkpoint(tensors, about, json.dumps(source, sort_keys=True))


def _blocks_of(text: str) -> tuple[int, ...]:
    """Return the numbers; raises `InputError` for other text."""
    strides = len(AffinityShape().blocks)
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != strides or min(numbers) < 0:
        raise InputError(f"affinity.blocks={text}: give {strides} numbers of blocks, such as 0,2,4,4,2")
    return numbers


def deepened(network: AffinityNetwork, blocks: tuple[int, ...]) -> AffinityNetwork:
    """Return a network with so many residual blocks per stride, the new ones near no change.

    Raises `InputError` for fewer blocks than there are.
    """
    before = network.shape.blocks
    if any(now < was for now, was in zip(blocks, before, strict=True)):
        raise InputError(f"affinity.blocks: the weights to start from have {before}, which is more in places")
    deeper = AffinityNetwork(dataclasses.replace(network.shape, blocks=blocks))
    deeper.load_state_dict(network.state_dict(), strict=False)
    for stage, was in zip(deeper.down, before, strict=True):
        for block in list(stage.children())[1 + was :]:  # the first is the layer that halves the image
            nn.init.constant_(block.get_submodule("change.1.1").weight, NEW_BLOCK)  # type: ignore[arg-type]
    return deeper


def affinity_batches(config: AffinityTrainingConfig, seed: int) -> AffinityBatches:
    """Return the batches by number."""
    scenes = [s for name in config.scenes.split(",") for s in prepared_scenes(Path(name.strip()))]
    return AffinityBatches(scenes, config.working_width, (config.height, config.width), config.batch, seed)


def pairs_of(
    logits: Float[Tensor, "batch levels directions height width"],
    labels: Int32[Tensor, "batch levels height width"],
    directions: tuple[tuple[int, int], ...],
) -> tuple[Float[Tensor, " pairs"], Bool[Tensor, " pairs"]]:
    """Return the logit of each pair of pixels in the image, and whether they belong together."""
    said, true = [], []
    for place, (down, right) in enumerate(directions):
        here, there = _shifted(labels, down, right)
        inside = (here != BEYOND) & (there != BEYOND)
        said.append(_shifted(logits[:, :, place], down, right)[0][inside])
        true.append((here == there)[inside])
    return torch.cat(said), torch.cat(true)


def _shifted(image: Tensor, down: int, right: int) -> tuple[Tensor, Tensor]:
    """Return an image without the pixels that have no partner, and their partners."""
    height, width = image.shape[-2:]
    first, last = max(0, -right), width - max(0, right)
    here = image[..., : height - down, first:last]
    there = image[..., down:, first + right : last + right]
    return here, there


def overlap_of(
    tree: RegionTree,
    labels: Int32[np.ndarray, "height width"],
    truth: Int32[np.ndarray, "levels height width"],
) -> Float32[np.ndarray, "nodes levels"]:
    """Return each node's highest intersection over union with anything that is really there, per level."""
    count, out = tree.members.shape[1], []
    seen = truth[0].ravel() != BEYOND
    where = labels.ravel()[seen].astype(np.int64)
    area = tree.members @ np.bincount(where, minlength=count)
    for level in truth:
        ids, place = np.unique(level.ravel()[seen], return_inverse=True)
        table = np.bincount(where * len(ids) + place, minlength=count * len(ids)).reshape(count, -1)
        inside = tree.members.astype(np.float32) @ table[:, ids > 0].astype(np.float32)
        union = area[:, None] + table[:, ids > 0].sum(axis=0)[None] - inside
        out.append((inside / np.maximum(union, 1)).max(axis=1, initial=0))
    return np.stack(out, axis=1).astype(np.float32)


def _cross_entropy(logits: Tensor, together: Tensor, apart_weight: float) -> Tensor:
    weight = torch.where(together, 1.0, apart_weight)
    loss = functional.binary_cross_entropy_with_logits(logits, together.float(), reduction="none")
    return (loss * weight).sum() / weight.sum().clamp(min=1)


def _dice(logits: Tensor, together: Tensor) -> Tensor:
    border, true = (-logits).sigmoid(), (~together).float()
    return 1 - (2 * (border * true).sum() + 1) / ((border * border).sum() + true.sum() + 1)
