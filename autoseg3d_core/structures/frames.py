"""What the sensor gives: registered images with a pose, and the 2D masks of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Float32, Float64, Int32, UInt8
from torch import Tensor


@dataclass(frozen=True)
class CameraIntrinsics:
    """A pinhole camera without distortion; pixel centres are whole numbers."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Frame:
    """One registered RGB-D image pair with its pose; depth in metres, 0 where unknown.

    `label_image` holds masks made elsewhere, `number` the place in a recording, `world_from_odometry` where
    odometry's frame is believed to lie at this time; where there are such.
    """

    rgb: UInt8[np.ndarray, "height width 3"]
    depth: Float32[np.ndarray, "height width"]
    camera: CameraIntrinsics
    world_from_camera: Float64[np.ndarray, "4 4"]
    stamp_ns: int
    label_image: Int32[np.ndarray, "height width"] | None = None
    number: int | None = None
    world_from_odometry: Float64[np.ndarray, "4 4"] | None = None


@dataclass(frozen=True, eq=False)
class MaskImage:
    """Disjoint 2D masks of one frame: the mask index per pixel (-1 none), a score per mask.

    `features` is the maker's feature map, `wholeness` the overlap expected with a whole object; where known.
    """

    index: Int32[np.ndarray, "height width"]
    score: Float32[np.ndarray, " masks"]
    features: Float[Tensor, "channels rows columns"] | None = None
    wholeness: Float32[np.ndarray, " masks"] | None = None


@dataclass(frozen=True, eq=False)
class TimedMasks:
    """The 2D masks of one frame, and how long they took, by stage."""

    image: MaskImage
    timings_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ImageView:
    """A feature map over one frame's image, and how points project onto it."""

    features: Float[Tensor, "channels rows columns"]
    camera: CameraIntrinsics
    camera_from_points: Float64[Tensor, "4 4"]
