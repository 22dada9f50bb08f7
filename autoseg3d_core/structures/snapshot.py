"""Everything that a restart needs, and what made it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from autoseg3d_core.structures.memory import Memory, SceneOrigin
from autoseg3d_core.structures.rows import Rows
from autoseg3d_core.structures.tracks import TrackRows


@dataclass(frozen=True, eq=False)
class MapVoxels(Rows):
    """Voxels of the scene map that carry an id or were at least seen (id 0), and the keyframe of each."""

    keys: Int64[Tensor, " voxels"]
    ids: Int64[Tensor, " voxels"]
    votes: Int64[Tensor, " voxels"]
    rgb: UInt8[Tensor, "voxels 3"]
    anchors: Int64[Tensor, " voxels"]


@dataclass(frozen=True, eq=False)
class MapBlocks(Rows):
    """Blocks of the scene map: the frame that saw each last, and how many frames did."""

    keys: Int64[Tensor, " blocks"]
    last_seen: Int64[Tensor, " blocks"]
    times_seen: Int64[Tensor, " blocks"]


@dataclass(frozen=True, eq=False)
class MapContent:
    """All that a scene map holds."""

    blocks: MapBlocks
    voxels: MapVoxels

    @staticmethod
    def empty(device: torch.device | str = "cpu") -> MapContent:
        """Return what a map holds that has seen nothing."""
        none = torch.zeros(0, dtype=torch.int64, device=device)
        rgb = torch.zeros(0, 3, dtype=torch.uint8, device=device)
        return MapContent(MapBlocks(none, none, none), MapVoxels(none, none, none, rgb, none))


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything that the next frame depends on; `frames` counts those before it."""

    memory: Memory
    map: MapContent
    frames: int

    @staticmethod
    def blank(remembered: TrackRows, kept: Any, device: torch.device | str = "cpu") -> Snapshot:
        """Return a snapshot of nothing in which every part is there, of a model's own columns."""
        real: dict[str, Any] = {"dtype": torch.float64, "device": device}
        origin = SceneOrigin(torch.eye(3, **real), torch.zeros(3, **real))
        memory = dataclasses.replace(Memory.empty(remembered, device=device), origin=origin, kept=kept)
        return Snapshot(memory, MapContent.empty(device), 0)


@dataclass(frozen=True)
class MadeBy:
    """What a snapshot means something to: the model by name, its weights' sha256, and settings.

    `weights` is empty for a model without weights. `settings` are those without which the numbers would
    mean something else. `world` names the frame of the poses, and is empty where they have no name.
    """

    model: str
    weights: str = ""
    settings: Mapping[str, float] = field(default_factory=dict)
    world: str = ""
