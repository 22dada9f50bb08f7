"""Masks of our own network on colour and depth: affinities, regions, their tree, the best cut through it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float32, Int32
from torch import Tensor
from torch.nn import functional

from autoseg3d_core.config import setting
from autoseg3d_core.geometry.camera import resized
from autoseg3d_core.mask_makers.affinity_network import (
    FAR_STRIDE,
    LEVELS,
    STRIDE,
    Affinities,
    AffinityNetwork,
    folded,
)
from autoseg3d_core.mask_makers.channels import channels_of
from autoseg3d_core.mask_makers.depth_guided import enlarged
from autoseg3d_core.mask_makers.region_facts import View, facts_of
from autoseg3d_core.mask_makers.region_tree import (
    RegionTree,
    best_cut,
    first_regions,
    merge_regions,
    sum_over,
    touching,
)
from autoseg3d_core.structures import CameraIntrinsics, Frame, MaskImage

MERGE_AT = tuple(np.linspace(0.94, 0.06, 17).tolist())
"""Mean affinities at which regions are merged, one after another."""
LEAST_PIXELS = 6
MOST_REGIONS = 256
FAR_WEIGHT = 0.25
LEAST_QUALITY = 0.1
"""A worse node is worth nothing, another what it has above, times the root of its size.

Ground that is taken for something a little must not outweigh the small thing on it.
"""


@dataclass(frozen=True)
class EdgeConfig:
    """Which weights, and which of the regions found become masks."""

    weights: str = setting("masks-edge", "name of the bundled weights, or path of a weights file")
    size: int = setting(
        320,
        "longer side of the network's input image; a larger one finds smaller objects and takes more time",
        unit="px",
        low=64,
        high=1280,
    )
    level: str = setting(
        "parts", "what one mask covers: a part of an object, or a whole object", choices=LEVELS, live=True
    )
    min_score: float = setting(0.15, "drop masks with a lower score", low=0.0, high=1.0, live=True)
    min_share: float = setting(
        0.0005,
        "drop masks smaller than this fraction of the image",
        low=0.0,
        high=0.5,
        live=True,
    )


@dataclass(frozen=True, eq=False)
class Grouped:
    """The first regions of an image, their tree, and what is known of each node."""

    labels: Int32[np.ndarray, "height width"]
    tree: RegionTree
    facts: Float32[np.ndarray, "nodes facts"]


class EdgeMaskMaker:
    """Runs the network, groups pixels, and keeps the regions that are best at one level."""

    def __init__(self, network: AffinityNetwork, config: EdgeConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self._network = folded(network).to(device)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, frame: Frame) -> MaskImage:
        """Return the masks; a score is the overlap that a mask is thought to have with what is there."""
        rgb, depth, camera = self._reduced(frame)
        channels = channels_of(rgb, depth, camera)
        view = view_of(self._said(channels), channels, camera.fx)
        grouped = group(view)
        quality = self._quality(grouped.facts)
        members = grouped.tree.members.astype(np.float32)
        size = sum_over(members, np.bincount(grouped.labels.ravel()).astype(np.float32))
        kept = best_cut(grouped.tree, np.sqrt(size), np.maximum(quality - LEAST_QUALITY, 0))
        kept &= (quality >= self.config.min_score) & (size >= self.config.min_share * depth.size)
        rows = np.flatnonzero(kept)
        mask_of = np.full(grouped.tree.members.shape[1], -1, np.int32)
        node, region = np.nonzero(grouped.tree.members[rows])
        mask_of[region] = node
        index = enlarged(mask_of[grouped.labels], view.inverse_depth, frame.depth)
        return MaskImage(index, quality[rows])

    def with_config(self, config: EdgeConfig) -> EdgeMaskMaker:
        """Return a front-end with the same network and other settings."""
        return EdgeMaskMaker(self._network, config, self.device)

    def warm_up(self, frame: Frame) -> MaskImage:
        """Run twice: the first pass chooses its algorithms."""
        self(frame)
        return self(frame)

    def _reduced(self, frame: Frame) -> tuple[np.ndarray, np.ndarray, CameraIntrinsics]:
        height, width = frame.depth.shape
        scale = self.config.size / max(height, width)
        rows, columns = (
            max(FAR_STRIDE, round(side * scale / FAR_STRIDE) * FAR_STRIDE) for side in (height, width)
        )
        rgb = cv2.resize(frame.rgb, (columns, rows), interpolation=cv2.INTER_AREA)
        depth = cv2.resize(frame.depth, (columns, rows), interpolation=cv2.INTER_NEAREST_EXACT)
        return rgb, depth, resized(frame.camera, columns, rows)

    @torch.inference_mode()
    def _said(self, channels: Float32[np.ndarray, "height width channels"]) -> Affinities:
        height, width = channels.shape[:2]
        image = torch.from_numpy(channels).to(self.device).permute(2, 0, 1)[None]
        image = functional.pad(image, (0, -width % STRIDE, 0, -height % STRIDE))
        said: Affinities = self._network(image.contiguous(memory_format=torch.channels_last))
        return said

    @torch.inference_mode()
    def _quality(self, facts: Float32[np.ndarray, "nodes facts"]) -> Float32[np.ndarray, " nodes"]:
        said: Tensor = self._network.quality(torch.from_numpy(facts).to(self.device))
        return said[:, LEVELS.index(self.config.level)].sigmoid().cpu().numpy()


def view_of(
    said: Affinities, channels: Float32[np.ndarray, "height width channels"], focal: float, row: int = 0
) -> View:
    """Return what the network said of one image of a batch, without the padding."""
    height, width = channels.shape[:2]
    half = np.s_[..., : height // FAR_STRIDE, : width // FAR_STRIDE]
    return View(
        said.near[row, ..., :height, :width].sigmoid().cpu().numpy(),
        said.far[row][half].sigmoid().cpu().numpy(),
        said.foreground[row][half].sigmoid().cpu().numpy(),
        said.features[row][half].cpu().numpy(),
        np.ascontiguousarray(channels[..., 3]),
        focal,
    )


def group(view: View) -> Grouped:
    """Return the regions of an image and the tree in which they merge."""
    labels = first_regions(view.near[0], LEAST_PIXELS, MOST_REGIONS)
    pairs = touching(labels, view.near, view.far, FAR_WEIGHT)
    tree = merge_regions(pairs, int(labels.max()) + 1, MERGE_AT)
    return Grouped(labels, tree, facts_of(tree, pairs, labels, view))
