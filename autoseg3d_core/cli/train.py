"""`autoseg3d train`: trains the weights that a config file describes, and goes on where it was left."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn

from autoseg3d_core import build
from autoseg3d_core.checkpoints.weights import sha256_of
from autoseg3d_core.cli.arguments import add_settings
from autoseg3d_core.config import load_config, section, setting
from autoseg3d_core.datasets.clips import prepared_scenes
from autoseg3d_core.evaluation.frame_quality import frame_quality, scenes_to_validate
from autoseg3d_core.models.perception import NetworkConfig
from autoseg3d_core.models.selection import SelectionConfig
from autoseg3d_core.training.affinity import AffinityTrainee, AffinityTrainingConfig, affinity_batches
from autoseg3d_core.training.assembly_trainee import AssemblyTrainee, AssemblyTrainingConfig, KeptBatches
from autoseg3d_core.training.association import AssociationTrainee
from autoseg3d_core.training.batches import NumberedBatches, loaded
from autoseg3d_core.training.loop import Loop, LoopConfig, Trainee
from autoseg3d_core.training.masks import MasksTrainingConfig, MaskTrainee, mask_batches
from autoseg3d_core.training.network import (
    ClipBatches,
    NetworkTrainee,
    NetworkTrainingConfig,
    training_scenes,
)
from autoseg3d_core.training.row_batches import AssociationTrainingConfig, RowBatches
from autoseg3d_core.training.rows import scene_rows

Validate = Callable[[nn.Module], Mapping[str, float]]


@dataclass(frozen=True)
class ValidationConfig:
    """What the averaged weights are tried on now and then; the best are kept."""

    scenes: str = setting("", "folder of prepared scenes; empty skips validation")
    masks: str = setting("fastsam", "name of those scenes' masks")
    stride: int = setting(3, "validate on every n-th frame", low=1, high=1000)


@dataclass(frozen=True)
class TrainConfig:
    """What is trained, and how."""

    train: str = setting(
        "network",
        "what to train",
        choices=("masks", "affinity", "network", "assembly", "association"),
    )
    loop: LoopConfig = section(LoopConfig)
    masks: MasksTrainingConfig = section(MasksTrainingConfig)
    affinity: AffinityTrainingConfig = section(AffinityTrainingConfig)
    network: NetworkTrainingConfig = section(NetworkTrainingConfig)
    assembly: AssemblyTrainingConfig = section(AssemblyTrainingConfig)
    association: AssociationTrainingConfig = section(AssociationTrainingConfig)
    validation: ValidationConfig = section(ValidationConfig)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--config", metavar="FILE", help="YAML file, e.g. config/train_masks.yaml")
    add_settings(parser, "--set", "settings that override the file")
    parser.add_argument("--out", required=True, help="folder for weights, training state and log")


def run(args: argparse.Namespace) -> int:
    """Train; returns the exit code."""
    config = load_config(TrainConfig, args.config, tuple(args.set))
    words = [
        "autoseg3d train",
        f"--config {args.config}" if args.config else "",
        *(f"--set {s}" for s in args.set),
    ]
    rank, world = _joined_processes()
    torch.manual_seed(config.loop.seed)
    device = (
        torch.device("cuda", rank)
        if world > 1 and torch.cuda.is_available()
        else build.device(config.loop.device)
    )
    out = Path(args.out)
    trainee, make, validate = TRAINEES[config.train](config, device, " ".join(filter(None, words)), out)
    loop = Loop(trainee, config.loop, out, device)
    first = loop.step * config.loop.accumulate * world + rank
    weights = loop.run(loaded(NumberedBatches(make, first, world), config.loop.workers), validate)
    print(f"written: {weights}")
    return 0


def _masks(
    config: TrainConfig, device: torch.device, command: str, out: Path
) -> tuple[Trainee, Callable[[int], Any], Validate | None]:
    _say_no_validation("masks are scored by `autoseg3d masks`")
    make = mask_batches(config.masks, config.loop.seed)
    return MaskTrainee(config.masks, device, command), make, None


def _affinity(
    config: TrainConfig, device: torch.device, command: str, out: Path
) -> tuple[Trainee, Callable[[int], Any], Validate | None]:
    _say_no_validation("masks are scored by `autoseg3d masks`")
    make = affinity_batches(config.affinity, config.loop.seed)
    return AffinityTrainee(config.affinity, device, command), make, None


def _network(
    config: TrainConfig, device: torch.device, command: str, out: Path
) -> tuple[Trainee, Callable[[int], Any], Validate | None]:
    scenes, labels = training_scenes(config.network.scenes, config.network.start)
    trainee = NetworkTrainee(config.network, labels, device, config.loop.seed, command)
    return (
        trainee,
        ClipBatches(config.network, scenes, config.loop.seed, labels),
        _frame_validation(config.validation),
    )


def _assembly(
    config: TrainConfig, device: torch.device, command: str, out: Path
) -> tuple[Trainee, Callable[[int], Any], Validate | None]:
    scenes, labels = training_scenes(config.assembly.scenes, config.assembly.start)
    trainee = AssemblyTrainee(config.assembly, labels, device, command)
    batches = KeptBatches(config.assembly, trainee.network, scenes, config.loop.seed, labels)
    return trainee, batches, _frame_validation(config.validation)


def _association(
    config: TrainConfig, device: torch.device, command: str, out: Path
) -> tuple[Trainee, Callable[[int], Any], Validate | None]:
    settings = config.association
    _say_no_validation("association is scored by `autoseg3d evaluate`")
    trainee = AssociationTrainee(settings, device, command)
    selection = SelectionConfig(score_threshold=settings.score_threshold)
    names = [name.strip() for name in settings.masks.split(",")]
    scenes = prepared_scenes(Path(settings.scenes))[: settings.limit]
    cache = out / "rows" / f"{sha256_of(Path(settings.start))[:12]}_{settings.score_threshold}"
    rows = scene_rows(trainee.base, scenes, names, NetworkConfig(selection=selection), cache)
    return trainee, RowBatches(settings, rows, config.loop.seed), None


def _frame_validation(config: ValidationConfig) -> Validate | None:
    if not config.scenes:
        _say_no_validation("validation.scenes is empty")
        return None
    scenes, gaps = scenes_to_validate(prepared_scenes(Path(config.scenes)), config.masks)
    for gap in gaps:
        _say(f"validation: {gap}: left out")
    _say(
        f"validation: on {len(scenes)} scenes, by the class-agnostic precision of single frames; tracks, ids "
        "and classes are not validated: use `autoseg3d evaluate`"
    )
    return lambda network: frame_quality(network, scenes, config.masks, NetworkConfig(), config.stride)  # type: ignore[arg-type]


def _say_no_validation(why: str) -> None:
    _say(f"validation: none, {why}; best.safetensors will not be written")


def _say(text: str) -> None:
    """Say something once, however many processes train."""
    if os.environ.get("RANK", "0") == "0":
        print(text)


TRAINEES: dict[str, Callable[..., tuple[Trainee, Callable[[int], Any], Validate | None]]] = {
    "masks": _masks,
    "affinity": _affinity,
    "network": _network,
    "assembly": _assembly,
    "association": _association,
}


def _joined_processes() -> tuple[int, int]:
    """Return the rank and the number of processes; torchrun's join one group."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return 0, 1
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return distributed.get_rank(), world
