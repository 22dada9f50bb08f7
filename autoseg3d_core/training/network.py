"""Trains the 3D network on clips of prepared scenes: on single frames first, then on sequences."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from autoseg3d_core.checkpoints.format import Checkpoint, load
from autoseg3d_core.config import section, setting
from autoseg3d_core.datasets.clips import PreparedScene, prepared_scenes
from autoseg3d_core.lifting import LiftingConfig
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.network_shape import PARTS, NetworkShape
from autoseg3d_core.modules.embedding_head import EmbeddingShape
from autoseg3d_core.modules.query_decoder import QueriesShape
from autoseg3d_core.modules.recent_queries import RecentShape
from autoseg3d_core.modules.wholeness import WholenessShape
from autoseg3d_core.structures import InputError
from autoseg3d_core.training.objective import Objective, ObjectiveConfig
from autoseg3d_core.training.samples import Augmentation, ClipSamples, Sample

UNET = "unet."
LATER = ("decoder.boxes.", *(f"{name}." for name in PARTS))
"""What a network to start from may lack; they begin untrained."""
LABEL_HEADS = ("decoder.classes.2.", "decoder.semantics.")
"""Layers with a row for each label; they begin untrained where the labels are others in number."""


@dataclass(frozen=True)
class NetworkTrainingConfig:
    """What the network is, and what it is trained on."""

    scenes: str = setting(
        "out/scenes/train", "folders of scenes written by `autoseg3d prepare`, separated by commas"
    )
    masks: str = setting(
        "fastsam,truth-parts,truth-objects,broken,broken",
        "masks to draw from, separated by commas: names of prepared ones, or ones made from the "
        "ground truth; a name given twice is drawn twice as often",
    )
    start: str = setting("", "weights to start from; parts missing there start untrained")
    unet: str = setting("edge", "U-Net architecture", choices=("edge", "res16unet34c"))
    query_channels: int = setting(128, "number of channels of queries and tracks", low=8, high=1024)
    placement: str = setting(
        "extent", "how queries and points encode their position", choices=("extent", "published")
    )
    class_aware: bool = setting(True, "learn the scenes' classes; false learns only object or not")
    recent: bool = setting(False, "add recent queries (STM)")
    recent_scale: str = setting(
        "query",
        "how distance counts among recent queries: a scale predicted for each query, one scale "
        "shared by all, or not at all",
        choices=("query", "shared", "none"),
    )
    embedding: bool = setting(False, "add ESAM's embedding head")
    wholeness: bool = setting(True, "pass the mask maker's confidence in each mask to the network")
    frames: int = setting(1, "frames per clip", low=1, high=100)
    clips: int = setting(4, "clips per batch", low=1, high=1024)
    widest_step: int = setting(
        2, "consecutive frames of a clip are at most this many recorded frames apart", low=1, high=100
    )
    points: int = setting(12_000, "points sampled from each frame", low=100, high=1_000_000)
    leftovers: int = setting(
        20, "number of fragments made of the points that no mask covers", low=1, high=200
    )
    half: bool = setting(False, "use bfloat16 for matrix products; for GPUs, slower on a CPU")
    augment: bool = setting(True, "rotate, mirror, scale, shift and recolour clips")
    objective: ObjectiveConfig = section(ObjectiveConfig)


@dataclass(frozen=True, eq=False)
class ClipBatch:
    """Clips of one length, and their number, which seeds what is drawn of them."""

    number: int
    clips: Sequence[Sequence[Sample]]


class ClipBatches:
    """Makes batches by number."""

    def __init__(
        self,
        config: NetworkTrainingConfig,
        scenes: Sequence[PreparedScene],
        seed: int,
        labels: Sequence[str] | None = None,
    ) -> None:
        self.clips = config.clips
        self.samples = ClipSamples(
            scenes,
            config.frames,
            tuple(name.strip() for name in config.masks.split(",")),
            LiftingConfig(points=config.points),
            config.leftovers,
            (1, config.widest_step),
            Augmentation() if config.augment else None,
            seed,
            labels,
        )

    def __call__(self, number: int) -> ClipBatch:
        """Return the batch of this number."""
        return ClipBatch(number, [self.samples[number * self.clips + i] for i in range(self.clips)])


class NetworkTrainee:
    """A network and its objective."""

    def __init__(
        self,
        config: NetworkTrainingConfig,
        labels: Sequence[str],
        device: torch.device,
        seed: int = 0,
        command: str = "",
    ) -> None:
        self.config, self.labels, self.device, self.command = config, tuple(labels), device, command
        self.network = Network(network_shape(config, labels), label_names=labels).to(device)
        if config.start:
            start_from(self.network, config.start)
        self.module: nn.Module = self.network
        self._objective = Objective(self.network, config.objective, seed)

    def losses(self, batch: ClipBatch) -> dict[str, Tensor]:
        """Return the parts of the loss of a batch of clips."""
        clips = [[sample.to(self.device) for sample in clip] for clip in batch.clips]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.half):
            return self._objective.losses(clips, batch.number)

    def checkpoint(self, module: nn.Module, step: int) -> Checkpoint:
        """Return weights in half precision."""
        source = {"command": self.command, "step": step, **asdict(self.config)}
        return network_checkpoint(module, self.network.shape, self.labels, source)


def network_checkpoint(
    module: nn.Module, shape: NetworkShape, labels: Sequence[str], source: dict[str, object]
) -> Checkpoint:
    """Return a network as a file's contents, in half precision."""
    tensors = {n: t.half() if t.is_floating_point() else t for n, t in module.state_dict().items()}
    about = {"network": shape.to_json(), "labels": list(labels)}
    return Checkpoint(tensors, about, json.dumps(source, sort_keys=True))


def network_shape(config: NetworkTrainingConfig, labels: Sequence[str]) -> NetworkShape:
    """Return the shape of the network to train."""
    return NetworkShape(
        unet=config.unet,
        query_channels=config.query_channels,
        decoder=QueriesShape(
            classes=len(labels) if config.class_aware else 1,
            semantics=len(labels),
            placement=config.placement,
        ),
        embedding=EmbeddingShape() if config.embedding else None,
        recent=RecentShape(config.recent_scale) if config.recent else None,
        wholeness=WholenessShape() if config.wholeness else None,
    )


def start_from(network: Network, path: str) -> None:
    """Take the weights of a file, of a network or of a U-Net alone, and log which parts begin untrained.

    Raises `InputError` when they do not fit.
    """
    stored, own = load(path), network.state_dict()
    about = {**stored.config, **stored.config.get("network", {})}
    if about.get("unet", network.shape.unet) != network.shape.unet:
        raise InputError(f"{path} has another U-Net than the one to train: set network.unet={about['unet']}")
    given = {n: t for n, t in stored.tensors.items() if n in own}
    only_unet = all(name.startswith(UNET) for name in stored.tensors)
    missing = [n for n in own if n not in given]
    needed = [n for n in missing if n.startswith(UNET) or not (only_unet or n.startswith(LATER))]
    unfit = [n for n, t in given.items() if own[n].shape != t.shape]
    relabelled = [n for n in unfit if n.startswith(LABEL_HEADS)]
    wrong = needed + [n for n in unfit if n not in relabelled]
    if wrong:
        raise InputError(f"{path} does not fit the network to train: {', '.join(wrong[:5])}")
    network.load_state_dict({n: t for n, t in given.items() if n not in relabelled}, strict=False)
    if missing or relabelled:
        layers = sorted({".".join(name.split(".")[:2]) for name in missing + relabelled})
        logging.getLogger(__name__).warning("%s: begin untrained: %s", path, ", ".join(layers))


def training_scenes(folders: str, start: str = "") -> tuple[list[PreparedScene], tuple[str, ...]]:
    """Return the scenes of some folders (by comma), and the names of labels to learn.

    Names are those of the weights to start from, where they have names, else those of the first scene.
    Objects of other names are learned as objects, and their names are not.
    """
    scenes = [scene for folder in folders.split(",") for scene in prepared_scenes(Path(folder.strip()))]
    names = tuple(load(start).config.get("labels", ())) if start else ()
    if names:
        return scenes, names
    truth = scenes[0].images.scene_truth()
    if truth is None:
        raise InputError(
            f"{scenes[0].images.path}: has no truth/scene.npz: write it with `autoseg3d prepare`"
        )
    return scenes, truth.label_names
