"""The settings of the scene map."""

from __future__ import annotations

from dataclasses import dataclass

from autoseg3d_core.config import setting


@dataclass(frozen=True)
class MapConfig:
    """How fine the scene map is and how much it may hold."""

    voxel_size_m: float = setting(
        0.04, "edge of a voxel; a smaller one needs more memory and time", unit="m", low=0.005, high=0.5
    )
    max_blocks: int = setting(
        40_000,
        "maximum number of blocks (8x8x8 voxels, 6.7 kB); those seen least and longest ago are dropped first",
        unit="blocks",
        low=64,
        high=4_000_000,
    )
    max_votes: int = setting(
        60,
        "maximum votes of a voxel; a higher limit makes ids change later",
        unit="votes",
        low=1,
        high=10_000,
    )
    object_votes: int = setting(
        3,
        "votes of one sighting on an object; one on no object takes one vote away",
        unit="votes",
        low=1,
        high=1000,
    )
    evict_blocks: int = setting(
        256, "blocks dropped at once when the map is full", unit="blocks", low=1, high=100_000
    )
