"""Trains the bundled 2D front-end: a small, class-agnostic FastSAM, on the parts of simulated rooms."""

from __future__ import annotations

import copy
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from autoseg3d_core.checkpoints.format import Checkpoint, save
from autoseg3d_core.config import setting
from autoseg3d_core.segmenters.fastsam_network import SMALL, empty_network, ultralytics_module
from autoseg3d_core.training.mask_data import MaskBatches
from autoseg3d_core.training.mask_frames import render_frames

GAINS = SimpleNamespace(box=7.5, cls=0.5, dfl=1.5, overlap_mask=True)
"""Weights of the loss, those that ultralytics trains with; each pixel belongs to one mask."""
LOG_EVERY = 20


@dataclass(frozen=True)
class TrainMasksConfig:
    """How the small FastSAM is trained."""

    architecture: str = setting(SMALL, "ultralytics' name of the network")
    first_seed: int = setting(0, "first simulated scene", low=0, high=4999)
    scenes: int = setting(300, "scenes from there on", low=1, high=5000)
    frames_per_scene: int = setting(24, "frames taken of each walk", low=1, high=1000)
    render_width: int = setting(480, "columns of the rendered frames", unit="px", low=64, high=1920)
    height: int = setting(256, "rows of the network's input", unit="px", low=64, high=1280)
    width: int = setting(320, "columns of the network's input", unit="px", low=64, high=1280)
    batch: int = setting(16, "frames per step", low=1, high=1024)
    steps: int = setting(4000, "steps in all", low=1)
    learning_rate: float = setting(1e-3, "highest learning rate", low=1e-7, high=1.0)
    weight_decay: float = setting(0.05, "pull of the weights towards zero", low=0.0, high=1.0)
    warmup: int = setting(200, "steps over which the learning rate rises", low=0)
    average: float = setting(0.998, "how slowly the averaged weights follow", low=0.0, high=1.0)
    clip: float = setting(10.0, "largest norm of a gradient", low=0.0)
    half: bool = setting(True, "compute in bfloat16 where that is safe")
    save_every: int = setting(100, "steps between checkpoints", low=1)
    seed: int = setting(0, "seed of weights and batches", low=0)
    workers: int = setting(1, "processes that make batches", low=0, high=64)
    device: str = setting("auto", "where to train")


def train_masks(config: TrainMasksConfig, out: Path, cache: Path) -> Path:
    """Train, resuming from `out` where it was left; return the file of the averaged weights."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name if config.device == "auto" else config.device)
    seeds = range(config.first_seed, config.first_seed + config.scenes)
    files = render_frames(cache, seeds, config.frames_per_scene, config.render_width)
    trainer = MaskTrainer(config, device)
    state = out / "state.pt"
    if state.exists():
        trainer.restore(torch.load(state, map_location=device, weights_only=True))
    batches = MaskBatches(files, (config.height, config.width), config.batch, config.seed, trainer.step)
    workers = min(config.workers, 1)  # more would each give the same batches
    loader = iter(
        DataLoader(batches, batch_size=None, num_workers=workers, prefetch_factor=4 if workers else None)
    )
    log = (out / "log.jsonl").open("a", encoding="utf-8")
    with log, tqdm(total=config.steps, initial=trainer.step, desc="training", disable=None) as bar:
        begin = time.monotonic()
        while trainer.step < config.steps:
            losses = trainer.train(next(loader))
            bar.update(1)
            if trainer.step % LOG_EVERY == 0:
                bar.set_postfix(loss=f"{sum(losses.values()):.2f}")
                row = {"step": trainer.step, "seconds": round(time.monotonic() - begin), **losses}
                log.write(json.dumps(row) + "\n")
                log.flush()
            if trainer.step % config.save_every == 0 or trainer.step == config.steps:
                _replace(state, trainer.state())
                save(out / "weights.safetensors", trainer.checkpoint())
    return out / "weights.safetensors"


class MaskTrainer:
    """Network, averaged network, loss and optimiser of one training run."""

    def __init__(self, config: TrainMasksConfig, device: torch.device) -> None:
        self.config, self.device, self.step = config, device, 0
        self.network = empty_network(config.architecture).to(device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network.args = GAINS  # type: ignore[assignment]
        self.averaged = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.loss = ultralytics_module("utils.loss").v8SegmentationLoss(self.network)
        weights = [p for p in self.network.parameters() if p.requires_grad]
        decayed, free = [p for p in weights if p.ndim > 1], [p for p in weights if p.ndim <= 1]
        groups = [
            {"params": decayed, "weight_decay": config.weight_decay},
            {"params": free, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.999))

    def train(self, batch: dict[str, torch.Tensor]) -> dict[str, float]:
        """Take one step; return the parts of the loss."""
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(self.step)
        batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
        images = batch["img"].contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.half):
            said = self.network(images)
        said = {name: _single(value) for name, value in said.items()}
        losses, parts = self.loss.loss(said, batch)
        self.optimizer.zero_grad(set_to_none=True)
        losses.sum().backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        self.optimizer.step()
        self.step += 1
        self._follow()
        return {name: round(float(value), 4) for name, value in parts.items()}

    def learning_rate(self, step: int) -> float:
        """Return a learning rate that rises, then falls along a cosine to a hundredth."""
        config = self.config
        if step < config.warmup:
            return config.learning_rate * (step + 1) / config.warmup
        share = (step - config.warmup) / max(1, config.steps - config.warmup)
        return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(share, 1.0))))

    def checkpoint(self) -> Checkpoint:
        """Return the averaged weights in half precision."""
        tensors = {
            name: tensor.half() if tensor.is_floating_point() else tensor
            for name, tensor in self.averaged.state_dict().items()
        }
        about = {
            "architecture": self.config.architecture,
            "classes": 1,
            "size": [self.config.height, self.config.width],
        }
        source = json.dumps(
            {"command": "autoseg3d train", "step": self.step, **asdict(self.config)}, sort_keys=True
        )
        return Checkpoint(tensors, about, source)

    def state(self) -> dict[str, Any]:
        """Return what is needed to go on."""
        return {
            "step": self.step,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.step = int(state["step"])
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])

    @torch.no_grad()
    def _follow(self) -> None:
        """Let the averaged weights follow, faster at first."""
        slow = min(self.config.average, (1 + self.step) / (10 + self.step))
        now = self.network.state_dict()
        for name, tensor in self.averaged.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(now[name], 1 - slow)
            else:
                tensor.copy_(now[name])


def _single(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.float()
    return [_single(item) for item in value] if isinstance(value, (list, tuple)) else value


def _replace(path: Path, state: dict[str, Any]) -> None:
    """Write a file whole or not at all."""
    torch.save(state, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)
