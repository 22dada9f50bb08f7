"""From config names to objects: the only file that imports every class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from autoseg3d_core.best_views import BestViews
from autoseg3d_core.carving import CarvingConfig
from autoseg3d_core.checkpoints.affinity_weights import load_affinity_network
from autoseg3d_core.checkpoints.mask_network import mask_network
from autoseg3d_core.checkpoints.network_weights import load_network
from autoseg3d_core.checkpoints.sam_network import sam_network
from autoseg3d_core.checkpoints.weights import weights_path
from autoseg3d_core.config import ConfigError, load_config, section, setting
from autoseg3d_core.geometry.scene_origin import OriginConfig
from autoseg3d_core.lifting import LiftingConfig
from autoseg3d_core.mask_makers.edge import EdgeConfig, EdgeMaskMaker
from autoseg3d_core.mask_makers.fastsam import FastSamConfig, FastSamMaskMaker
from autoseg3d_core.mask_makers.geometric import GeometricConfig, GeometricMaskMaker
from autoseg3d_core.mask_makers.interface import MaskMaker
from autoseg3d_core.mask_makers.precomputed import (
    LabelImageFolder,
    PrecomputedConfig,
    PrecomputedMaskMaker,
)
from autoseg3d_core.mask_makers.sam import SamConfig, SamMaskMaker
from autoseg3d_core.models.autoseg3d import AutoSeg3D, AutoSeg3DConfig
from autoseg3d_core.models.esam import Esam
from autoseg3d_core.models.interface import Model
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.overlap import Overlap, OverlapConfig
from autoseg3d_core.models.perception import NetworkConfig
from autoseg3d_core.models.samosaic3d import Samosaic3D, SamosaicConfig, in_two_stages
from autoseg3d_core.pipeline import OnlineSegmenter
from autoseg3d_core.policies import PipelineConfig
from autoseg3d_core.scene_map import MapConfig
from autoseg3d_core.sparse.backends import backend_on
from autoseg3d_core.structures import UNNAMED, InputError
from autoseg3d_core.tracking.assignment import Assigner, InStages, ManyToOne, OneToOne, WithPieces
from autoseg3d_core.tracking.keyframes import ClosureConfig
from autoseg3d_core.tracking.lifecycle import TracksConfig
from autoseg3d_core.tracking.moved import MovedConfig


@dataclass(frozen=True)
class MasksConfig:
    """What makes the 2D masks, and the settings of each mask maker."""

    name: str = setting(
        "auto",
        "mask maker, which splits each image into 2D masks; auto is edge, whose weights are bundled",
        choices=("auto", "edge", "geometric", "fastsam", "sam", "precomputed"),
    )
    edge: EdgeConfig = section(EdgeConfig)
    geometric: GeometricConfig = section(GeometricConfig)
    fastsam: FastSamConfig = section(FastSamConfig)
    sam: SamConfig = section(SamConfig)
    precomputed: PrecomputedConfig = section(PrecomputedConfig)


@dataclass(frozen=True)
class ModelConfig:
    """Which model, and the settings of each."""

    name: str = setting(
        "samosaic3d",
        "model that finds instances and associates them with tracks; overlap needs no weights",
        choices=("overlap", "esam", "autoseg3d", "samosaic3d"),
    )
    class_names: bool = setting(
        False,
        'publish predicted class names instead of "object"; the bundled networks know simulated '
        "furniture only, and their names are often wrong in real rooms",
    )
    overlap: OverlapConfig = section(OverlapConfig)
    autoseg3d: AutoSeg3DConfig = section(AutoSeg3DConfig)
    samosaic3d: SamosaicConfig = section(SamosaicConfig)
    network: NetworkConfig = section(NetworkConfig)


@dataclass(frozen=True)
class Config:
    """All settings of the core; sections are those of the YAML file and the ROS parameters."""

    device: str = setting(
        "auto", "torch device of the core, e.g. cpu or cuda; auto uses a GPU if there is one"
    )
    masks: MasksConfig = section(MasksConfig)
    lifting: LiftingConfig = section(LiftingConfig)
    origin: OriginConfig = section(OriginConfig)
    model: ModelConfig = section(ModelConfig)
    tracks: TracksConfig = section(TracksConfig)
    map: MapConfig = section(MapConfig)
    carving: CarvingConfig = section(CarvingConfig)
    moved: MovedConfig = section(MovedConfig)
    closure: ClosureConfig = section(ClosureConfig)


def _geometric(config: Config) -> MaskMaker:
    return GeometricMaskMaker(config.masks.geometric)


def _precomputed(config: Config) -> MaskMaker:
    settings = config.masks.precomputed
    return PrecomputedMaskMaker(LabelImageFolder(settings.folder) if settings.folder else None, settings.void)


def _edge(config: Config) -> MaskMaker:
    settings = config.masks.edge
    network = load_affinity_network(weights_path(settings.weights))
    return EdgeMaskMaker(network, settings, device(config.device))


def _fastsam(config: Config) -> MaskMaker:
    settings = config.masks.fastsam
    return FastSamMaskMaker(mask_network(weights_path(settings.weights)), settings, device(config.device))


def _sam(config: Config) -> MaskMaker:
    settings = config.masks.sam
    network, family = sam_network(weights_path(settings.weights))
    return SamMaskMaker(network, family, settings, device(config.device))


MASK_MAKERS: dict[str, Callable[[Config], MaskMaker]] = {
    "edge": _edge,
    "geometric": _geometric,
    "fastsam": _fastsam,
    "sam": _sam,
    "precomputed": _precomputed,
}
"""How each mask maker is made; its name is that of its section, too."""


def _overlap(config: Config, network: Network | None) -> tuple[Model, Assigner]:
    return Overlap(config.model.overlap), ManyToOne(config.model.overlap.min_affinity)


def _esam(config: Config, network: Network | None) -> tuple[Model, Assigner]:
    return Esam(network or load_from(config), config.model.network), OneToOne(0.0)


def autoseg3d(config: Config, network: Network | None = None) -> tuple[AutoSeg3D, Assigner]:
    """Return AutoSeg3D around a network, or around the one that the config names, and its assigner."""
    own = config.model.autoseg3d
    dormant = config.tracks.dormant_after_frames
    model = AutoSeg3D(network or load_from(config), config.model.network, own, dormant)
    return model, learned_assigner(own)


def learned_assigner(settings: AutoSeg3DConfig) -> Assigner:
    """Return what turns learned affinities into pairs: active tracks, dormant ones, then pieces."""
    active = OneToOne(settings.min_affinity)
    stages = InStages(active, active) if settings.recall else InStages(active)
    return WithPieces(stages, settings.piece_affinity)


def samosaic3d(config: Config, network: Network | None = None) -> tuple[Samosaic3D, Assigner]:
    """Return SAMosaic3D around a network, or around the one that the config names, and its assigner."""
    network = network or load_from(config)
    model = Samosaic3D(network, config.model.network, config.model.samosaic3d)
    return model, in_two_stages(config.model.samosaic3d)


OWN_WEIGHTS = {"esam": "esam-edge", "autoseg3d": "autoseg3d-edge", "samosaic3d": "samosaic3d-edge"}
"""The bundled weights of each model that has a network."""


def load_from(config: Config) -> Network:
    """Return the network that the config names, on its device."""
    settings, place = config.model.network, device(config.device)
    without = [part.strip() for part in settings.without.split(",") if part.strip()]
    backend = backend_on(place, settings.backend)
    weights = weights_path(settings.weights or OWN_WEIGHTS[config.model.name])
    network = load_network(weights, backend, without).to(place)
    return network.halve_unet() if in_half_precision(settings.precision, place) else network


def in_half_precision(name: str, place: torch.device) -> bool:
    """Tell whether the voxel parts of a network are halved; auto halves them on a GPU.

    Raises `ConfigError` where half precision is asked for on another device.
    """
    on_gpu = place.type == "cuda"
    if name == "half" and not on_gpu:
        raise ConfigError(
            f"model.network.precision=half needs a GPU, but the device is {place}: set full or auto"
        )
    return on_gpu and name != "full"


MODELS: dict[str, Callable[[Config, Network | None], tuple[Model, Assigner]]] = {
    "overlap": _overlap,
    "esam": _esam,
    "autoseg3d": autoseg3d,
    "samosaic3d": samosaic3d,
}
"""How each model is made around a network (or around the one that the config names), and its assigner."""


def load(path: str | Path | None = None, overrides: tuple[str, ...] = ()) -> Config:
    """Return the config of a YAML file (or the defaults) with `section.key=value` overrides."""
    return load_config(Config, path, overrides)


def online_segmenter(
    config: Config, chosen: MaskMaker | None = None, keep_views: bool = False
) -> OnlineSegmenter:
    """Return the pipeline that a config describes; `chosen` makes the masks instead of the one it names.

    With `keep_views`, `OnlineSegmenter.objects` has a picture of each object.
    """
    if not isinstance(config, Config):
        raise ConfigError(
            f"online_segmenter takes a Config, not {type(config).__name__}: online_segmenter(load(FILE))"
        )
    model, assigner = MODELS[config.model.name](config, None)
    return OnlineSegmenter(
        chosen or mask_maker(config),
        model,
        assigner,
        pipeline_config(config),
        device(config.device),
        label_names(config, model),
        BestViews() if keep_views else None,
    )


def mask_maker(config: Config) -> MaskMaker:
    """Return the mask maker that a config names."""
    return MASK_MAKERS[mask_maker_name(config)](config)


def mask_maker_name(config: Config) -> str:
    """Return the name of the mask maker; left open, it is the one that needs nothing but what is bundled.

    Who names weights for FastSAM wants FastSAM.
    """
    if config.masks.name != "auto":
        return config.masks.name
    return "edge" if config.masks.fastsam.weights == FastSamConfig().weights else "fastsam"


def description(config: Config, place: torch.device, masks: str | None = None) -> str:
    """Return which model runs on which masks and device, in a few words; `masks` are those made before."""
    return f"model {config.model.name} on {masks or mask_maker_name(config)} masks, {place}"


def label_names(config: Config, model: Model) -> tuple[str, ...]:
    """Return the name of each of a model's labels as people are shown it (`model.class_names`)."""
    return model.label_names if config.model.class_names else (UNNAMED,) * len(model.label_names)


def pipeline_config(config: Config) -> PipelineConfig:
    """Return the policies around the model."""
    return PipelineConfig(
        config.lifting,
        config.origin,
        config.tracks,
        config.map,
        config.carving,
        config.moved,
        config.closure,
    )


def reconfigure(pipeline: OnlineSegmenter, config: Config) -> None:
    """Give a running pipeline the settings that may change live; its memory and networks stay.

    What may not, such as the names of the model and of the mask maker, has to be as it was.
    """
    model, assigner = MODELS[config.model.name](config, pipeline.model.network)
    own_settings = getattr(config.masks, mask_maker_name(config))
    pipeline.mask_maker = pipeline.mask_maker.with_config(own_settings)
    pipeline.model, pipeline.assigner = model, assigner
    pipeline.label_names = label_names(config, model)
    pipeline.reconfigure(pipeline_config(config))


def device(name: str) -> torch.device:
    """Return the torch device of a name; raises `InputError` when it is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device={name}: cannot be used ({error}); set device=cpu or auto") from error
    return torch.device(name)
