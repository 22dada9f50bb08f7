"""The settings of everything around mask maker and model."""

from __future__ import annotations

from dataclasses import dataclass

from autoseg3d_core.carving import CarvingConfig
from autoseg3d_core.config import section
from autoseg3d_core.geometry.scene_origin import OriginConfig
from autoseg3d_core.lifting import LiftingConfig
from autoseg3d_core.scene_map import MapConfig
from autoseg3d_core.tracking.keyframes import ClosureConfig
from autoseg3d_core.tracking.lifecycle import TracksConfig
from autoseg3d_core.tracking.moved import MovedConfig


@dataclass(frozen=True)
class PipelineConfig:
    """The policies around the model."""

    lifting: LiftingConfig = section(LiftingConfig)
    origin: OriginConfig = section(OriginConfig)
    tracks: TracksConfig = section(TracksConfig)
    map: MapConfig = section(MapConfig)
    carving: CarvingConfig = section(CarvingConfig)
    moved: MovedConfig = section(MovedConfig)
    closure: ClosureConfig = section(ClosureConfig)
