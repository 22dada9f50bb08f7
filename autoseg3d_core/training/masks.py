"""Trains the bundled mask maker: a small, class-agnostic FastSAM, on the parts of simulated rooms."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from autoseg3d_core.checkpoints.format import Checkpoint
from autoseg3d_core.config import setting
from autoseg3d_core.mask_makers.fastsam_network import SMALL, empty_network, ultralytics_module
from autoseg3d_core.training.mask_data import MaskBatches
from autoseg3d_core.training.mask_frames import render_frames

GAINS = SimpleNamespace(box=7.5, cls=0.5, dfl=1.5, overlap_mask=True)
"""Weights of the loss, those that ultralytics trains with; each pixel belongs to one mask."""


@dataclass(frozen=True)
class MasksTrainingConfig:
    """What the small FastSAM is, and what it is trained on."""

    architecture: str = setting(SMALL, "ultralytics' name of the network")
    frames: str = setting("out/mask_frames", "folder of rendered frames; missing ones are rendered")
    first_seed: int = setting(0, "seed of the first simulated scene", low=0, high=4999)
    scenes: int = setting(240, "number of scenes", low=1, high=5000)
    frames_per_scene: int = setting(24, "number of frames taken from each scene", low=1, high=1000)
    render_width: int = setting(480, "width of the rendered frames", unit="px", low=64, high=1920)
    height: int = setting(256, "height of the network's input", unit="px", low=64, high=1280)
    width: int = setting(320, "width of the network's input", unit="px", low=64, high=1280)
    batch: int = setting(16, "frames per batch", low=1, high=1024)
    half: bool = setting(True, "compute in bfloat16 where that is safe")


class MaskTrainee:
    """The network and the loss of ultralytics."""

    def __init__(self, config: MasksTrainingConfig, device: torch.device, command: str = "") -> None:
        self.config, self.device, self.command = config, device, command
        self.module: nn.Module = empty_network(config.architecture).to(device)
        self.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.module.args = GAINS  # type: ignore[assignment]
        self._loss = ultralytics_module("utils.loss").v8SegmentationLoss(self.module)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the parts of the loss of a batch of frames."""
        batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
        images = batch["img"].contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.half):
            said = self.module(images)
        said = {name: _single(value) for name, value in said.items()}
        losses, parts = self._loss.loss(said, batch)
        return dict(zip(parts, losses, strict=True))

    def checkpoint(self, module: nn.Module, step: int) -> Checkpoint:
        """Return weights in half precision."""
        tensors = {
            name: tensor.half() if tensor.is_floating_point() else tensor
            for name, tensor in module.state_dict().items()
        }
        size = [self.config.height, self.config.width]
        about = {"architecture": self.config.architecture, "classes": 1, "size": size}
        source = {"command": self.command, "step": step, **asdict(self.config)}
        return Checkpoint(tensors, about, json.dumps(source, sort_keys=True))


def mask_batches(config: MasksTrainingConfig, seed: int) -> MaskBatches:
    """Return the batches by number, after rendering the frames that are missing."""
    seeds = range(config.first_seed, config.first_seed + config.scenes)
    files = render_frames(Path(config.frames), seeds, config.frames_per_scene, config.render_width)
    return MaskBatches(files, (config.height, config.width), config.batch, seed)


def _single(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.float()
    return [_single(item) for item in value] if isinstance(value, (list, tuple)) else value
