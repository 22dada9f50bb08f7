"""The one training loop: optimiser, schedule, averaged weights, checkpoints, a log, and several processes."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, distributed, nn
from tqdm import tqdm

from autoseg3d_core.checkpoints.format import Checkpoint, save
from autoseg3d_core.config import setting
from autoseg3d_core.visualization.curves import curves
from autoseg3d_core.visualization.picture_file import write_picture

LOG_EVERY = 20
POWER = 0.9


@dataclass(frozen=True)
class LoopConfig:
    """How long and how fast something is trained."""

    steps: int = setting(4000, "total number of steps", low=1)
    accumulate: int = setting(1, "batches per step (gradient accumulation)", low=1, high=1024)
    learning_rate: float = setting(1e-3, "peak learning rate", low=1e-7, high=1.0)
    weight_decay: float = setting(0.05, "weight decay of AdamW", low=0.0, high=1.0)
    warmup: int = setting(200, "number of steps over which the learning rate rises", low=0)
    average: float = setting(
        0.998, "decay of the averaged weights (EMA); closer to 1 averages over more steps", low=0.0, high=1.0
    )
    clip: float = setting(10.0, "maximum norm of the gradient", low=0.0)
    save_every: int = setting(100, "steps between checkpoints", low=1)
    validate_every: int = setting(1000, "steps between validations", low=1)
    seed: int = setting(0, "seed of weights and batches", low=0)
    workers: int = setting(1, "number of processes that make batches", low=0, high=64)
    device: str = setting("auto", "torch device to train on; auto uses a GPU if there is one")


@runtime_checkable
class Trainee(Protocol):
    """What is trained: a module, what it gets wrong in a batch, and how it is written to a file."""

    module: nn.Module

    def losses(self, batch: Any) -> dict[str, Tensor]:
        """Return the parts of the loss, already weighted."""
        ...

    def checkpoint(self, module: nn.Module, step: int) -> Checkpoint:
        """Return these weights as a file's contents."""
        ...


class Loop:
    """Trains until the last step, going on where the folder was left."""

    def __init__(self, trainee: Trainee, config: LoopConfig, out: Path, device: torch.device) -> None:
        self.trainee, self.config, self.out, self.device, self.step = trainee, config, out, device, 0
        out.mkdir(parents=True, exist_ok=True)
        self.averaged = copy.deepcopy(trainee.module).eval().requires_grad_(False)
        self.optimizer = _optimizer(trainee.module, config)
        if self._state.exists():
            self._restore(torch.load(self._state, map_location=device, weights_only=True))

    def run(
        self, batches: Iterator[Any], validate: Callable[[nn.Module], Mapping[str, float]] | None = None
    ) -> Path:
        """Train; return the file of the averaged weights. best.safetensors has the best validated ones."""
        config, weights = self.config, self.out / "weights.safetensors"
        log = (self.out / "log.jsonl").open("a", encoding="utf-8")
        quiet = True if _rank() else None
        with log, tqdm(total=config.steps, initial=self.step, desc="training", disable=quiet) as bar:
            begin = time.monotonic()
            while self.step < config.steps:
                losses = self.train([next(batches) for _ in range(config.accumulate)])
                bar.update(1)
                if self.step % LOG_EVERY == 0:
                    bar.set_postfix(loss=f"{sum(losses.values()):.3f}")
                    _write(log, self.step, {"seconds": round(time.monotonic() - begin), **losses})
                at_end = self.step == config.steps
                if (self.step % config.save_every == 0 or at_end) and _rank() == 0:
                    _replace(self._state, self._everything())
                    save(weights, self.trainee.checkpoint(self.averaged, self.step))
                    self._draw()
                if validate is not None and (self.step % config.validate_every == 0 or at_end):
                    self._validate(validate, log)
        return weights

    def train(self, batches: list[Any]) -> dict[str, float]:
        """Take one step over some batches; return the parts of the loss."""
        module, config = self.trainee.module, self.config
        module.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        parts: dict[str, Tensor] = {}
        for batch in batches:
            losses = self.trainee.losses(batch)
            (torch.stack(list(losses.values())).sum() / len(batches)).backward()
            parts = {
                name: parts.get(name, 0) + value.detach() / len(batches) for name, value in losses.items()
            }
        average_gradients(module)
        norm = nn.utils.clip_grad_norm_(module.parameters(), config.clip)
        if bool(torch.isfinite(norm)):
            self.optimizer.step()
        self.step += 1
        self._follow()
        return {name: round(float(value), 4) for name, value in parts.items()} | {
            "norm": round(float(norm), 3)
        }

    def learning_rate(self, step: int) -> float:
        """Return a learning rate that rises, then falls as a polynomial to zero (power 0.9, as published)."""
        config = self.config
        if step < config.warmup:
            return config.learning_rate * (step + 1) / config.warmup
        share = (step - config.warmup) / max(1, config.steps - config.warmup)
        return config.learning_rate * (1 - min(share, 1.0)) ** POWER

    @property
    def _state(self) -> Path:
        return self.out / "state.pt"

    def _draw(self) -> None:
        """Draw what the log holds."""
        lines = (self.out / "log.jsonl").read_text(encoding="utf-8").splitlines()
        if lines:
            write_picture(self.out / "curves.png", curves([json.loads(line) for line in lines]))

    def _validate(self, validate: Callable[[nn.Module], Mapping[str, float]], log: Any) -> None:
        """Score the averaged weights, and keep them if they are the best so far; the first score decides."""
        if _rank():
            return
        scores = dict(validate(self.averaged))
        _write(log, self.step, scores)
        score, record = next(iter(scores.values())), self.out / "best.json"
        best = json.loads(record.read_text()) if record.exists() else {}
        if score > next(iter(best.values()), float("-inf")):
            save(self.out / "best.safetensors", self.trainee.checkpoint(self.averaged, self.step))
            record.write_text(json.dumps({**scores, "step": self.step}) + "\n")

    def _everything(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "network": self.trainee.module.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.step = int(state["step"])
        self.trainee.module.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])

    @torch.no_grad()
    def _follow(self) -> None:
        """Let the averaged weights follow, faster at first."""
        slow = min(self.config.average, (1 + self.step) / (10 + self.step))
        now = self.trainee.module.state_dict()
        for name, tensor in self.averaged.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(now[name], 1 - slow)
            else:
                tensor.copy_(now[name])


def average_gradients(module: nn.Module) -> None:
    """Give every process of a group the mean of all their gradients; alone, do nothing."""
    if not distributed.is_initialized():
        return
    given = [p for p in module.parameters() if p.requires_grad]
    flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in given])
    distributed.all_reduce(flat)
    for p, mean in zip(
        given, (flat / distributed.get_world_size()).split([p.numel() for p in given]), strict=True
    ):
        p.grad = mean.view_as(p)


def _optimizer(module: nn.Module, config: LoopConfig) -> torch.optim.Optimizer:
    weights = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.999))


def _rank() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0


def _write(log: Any, step: int, row: Mapping[str, Any]) -> None:
    if _rank() == 0:
        log.write(json.dumps({"step": step, **row}) + "\n")
        log.flush()


def _replace(path: Path, state: dict[str, Any]) -> None:
    """Write a file whole or not at all."""
    torch.save(state, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)
