"""The scene map: a bounded voxel grid whose voxels vote for tracks, and how it moves with keyframes."""

from autoseg3d_core.scene_map.config import MapConfig as MapConfig
from autoseg3d_core.scene_map.places import centers_of as centers_of
from autoseg3d_core.scene_map.votes import SceneMap as SceneMap
