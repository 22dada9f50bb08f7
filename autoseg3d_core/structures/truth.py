"""Ground truth of frames and scenes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from autoseg3d_core.structures.clouds import LabelledCloud


@dataclass(frozen=True, eq=False)
class FrameTruth:
    """What is really in a frame: the instance and part id per pixel (0 none), and the exact pose."""

    instance: Int32[np.ndarray, "height width"]
    part: Int32[np.ndarray, "height width"]
    world_from_camera: Float64[np.ndarray, "4 4"]


@dataclass(frozen=True, eq=False)
class SceneTruth:
    """What is really in a scene: its labelled surface as the camera saw it, and its objects.

    `ids`, `labels` and `boxes` have a row per object; a label is an index into `label_names`. The
    cloud's `ids` are those of the objects, 0 on walls, floor and ceiling. `segments` are those of the mesh
    on which the annotation was made, one per point of the cloud, -1 none; None where there is no such mesh.
    """

    cloud: LabelledCloud
    ids: Int64[np.ndarray, " objects"]
    labels: Int64[np.ndarray, " objects"]
    boxes: Float32[np.ndarray, "objects 6"]
    label_names: tuple[str, ...]
    segments: Int64[np.ndarray, " points"] | None = None
