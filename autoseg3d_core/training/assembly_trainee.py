"""Trains the assembly of fragments on a U-Net that stays as it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from autoseg3d_core.checkpoints.format import Checkpoint, load
from autoseg3d_core.checkpoints.network_weights import shape_of
from autoseg3d_core.checkpoints.weights import sha256_of
from autoseg3d_core.config import section, setting
from autoseg3d_core.datasets.clips import PreparedScene
from autoseg3d_core.lifting import LiftingConfig
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.modules.assembly_decoder import AssemblyDecoder, AssemblyShape
from autoseg3d_core.structures import InputError
from autoseg3d_core.training.assembly import AssemblyObjectiveConfig, LossWeights, assembly_losses
from autoseg3d_core.training.kept_frames import KeptFrame, KeptFrames
from autoseg3d_core.training.network import network_checkpoint
from autoseg3d_core.training.samples import Augmentation, ClipSamples

UNET_PARTS = ("unet", "voxel_memory")


@dataclass(frozen=True)
class AssemblyTrainingConfig:
    """What assembles fragments, and what it is trained on."""

    start: str = setting(
        "",
        "weights that provide the U-Net and the voxel memory, which stay frozen, and the decoder to go on "
        "from, if they have one of the same kind and labels",
    )
    scenes: str = setting("out/scenes/train", "folder of scenes written by `autoseg3d prepare`")
    masks: str = setting(
        "truth-parts,truth-objects,broken",
        "masks to draw from, separated by commas: names of prepared ones, or ones made from the ground truth",
    )
    by: str = setting(
        "centers",
        "how fragments are assembled: by centres as in the paper, or by pairs",
        choices=("centers", "pairs"),
    )
    query_channels: int = setting(128, "number of channels of queries", low=8, high=1024)
    class_aware: bool = setting(True, "learn the scenes' classes; false learns only object or not")
    frames: int = setting(2, "frames per drawn clip", low=1, high=100)
    widest_step: int = setting(
        2, "consecutive frames of a clip are at most this many recorded frames apart", low=1, high=100
    )
    draws: int = setting(20_000, "maximum number of clips drawn; after that they are reused", low=1)
    renew: int = setting(3, "number of batches per newly drawn clip", low=1, high=1000)
    again: int = setting(5, "additional frames per batch, taken from clips drawn earlier", low=0, high=1000)
    points: int = setting(12_000, "points sampled from each frame", low=100, high=1_000_000)
    mask_points: int = setting(
        1024, "points of a frame on which the mask losses are computed", low=64, high=1_000_000
    )
    leftovers: int = setting(
        20, "number of fragments made of the points that no mask covers", low=1, high=200
    )
    kept: str = setting("out/kept_frames", "cache folder for the U-Net's output on drawn frames")
    objective: AssemblyObjectiveConfig = section(AssemblyObjectiveConfig)


@dataclass(frozen=True, eq=False)
class KeptBatch:
    """Frames, and the number that seeds what is drawn of them."""

    number: int
    frames: Sequence[KeptFrame]


class KeptBatches:
    """Makes batches by number: the newest clip, and frames of some that were newest before."""

    def __init__(
        self,
        config: AssemblyTrainingConfig,
        network: Network,
        scenes: Sequence[PreparedScene],
        seed: int,
        labels: Sequence[str] | None = None,
    ) -> None:
        self.config, self.seed = config, seed
        samples = ClipSamples(
            scenes,
            config.frames,
            tuple(name.strip() for name in config.masks.split(",")),
            LiftingConfig(points=config.points),
            config.leftovers,
            (1, config.widest_step),
            Augmentation(),
            seed,
            labels,
        )
        sizes = (config.frames, config.widest_step, config.points, config.leftovers, config.mask_points)
        drawn = repr((sizes, config.masks, seed, labels, [scene.images.name for scene in scenes]))
        name = f"{sha256_of(Path(config.start))[:12]}_{sha256(drawn.encode()).hexdigest()[:12]}"
        self.kept = KeptFrames(network, samples, config.mask_points, Path(config.kept) / name)

    def __call__(self, number: int) -> KeptBatch:
        """Return the batch of this number."""
        rng = np.random.default_rng((self.seed, number))
        newest = number // self.config.renew
        known = min(newest + 1, self.config.draws)
        frames = self.kept(newest if newest < known else int(rng.integers(known)))
        for draw in rng.integers(known, size=self.config.again).tolist():
            clip = self.kept(draw)
            frames.append(clip[int(rng.integers(len(clip)))])
        return KeptBatch(number, frames)


class AssemblyTrainee:
    """A network of which the decoder learns."""

    def __init__(
        self, config: AssemblyTrainingConfig, labels: Sequence[str], device: torch.device, command: str = ""
    ) -> None:
        if not config.start:
            raise InputError("assembly.start is not set: give weights to take the U-Net from")
        self.config, self.labels, self.device, self.command = config, tuple(labels), device, command
        stored = load(config.start)
        base = shape_of(stored, config.start)
        shape = NetworkShape(
            unet=base.unet,
            voxel_m=base.voxel_m,
            query_channels=config.query_channels,
            decoder=AssemblyShape(config.by, classes=len(labels) if config.class_aware else 1),
            voxel_memory=base.voxel_memory,
            embedding=None,
        )
        self.network = Network(shape, label_names=labels).to(device)
        goes_on = base.decoder == shape.decoder and stored.config.get("labels", ()) == [*labels]
        parts = (*UNET_PARTS, "decoder") if goes_on else UNET_PARTS
        taken = {n: t for n, t in stored.tensors.items() if n.split(".")[0] in parts}
        self.network.load_state_dict(taken, strict=False)
        self.network.requires_grad_(False)
        self.network.decoder.requires_grad_(True)
        self.module: nn.Module = self.network

    def losses(self, batch: KeptBatch) -> dict[str, Tensor]:
        """Return the weighted parts of the loss, means over frames."""
        decoder, total = self.network.decoder, defaultdict[str, list[Tensor]](list)
        assert isinstance(decoder, AssemblyDecoder)
        own = np.random.default_rng(batch.number).random(len(batch.frames)) < self.config.objective.own_share
        for frame, grouped in zip(batch.frames, own.tolist(), strict=True):
            on = frame.to(self.device)
            parts, _, _ = assembly_losses(
                decoder, on.seen, on.truth, LossWeights(), self.config.objective, grouped
            )
            for name, value in parts.items():
                total[name].append(value)
        return {name: torch.stack(values).sum() / len(batch.frames) for name, values in total.items()}

    def checkpoint(self, module: nn.Module, step: int) -> Checkpoint:
        """Return the whole network."""
        source = {"command": self.command, "step": step, **asdict(self.config)}
        return network_checkpoint(module, self.network.shape, self.labels, source)
