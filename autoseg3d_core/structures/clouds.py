"""Points: those of one frame on the way in, and labelled ones on the way out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor

from autoseg3d_core.structures.frames import ImageView
from autoseg3d_core.structures.rows import Rows


@dataclass(frozen=True, eq=False)
class FragmentCloud:
    """Sampled 3D points of one frame, each with the fragment it belongs to.

    `fragment` is -1 where a point lies on no mask; `pixel` is the flat index `row * width + column`.
    `view` is the mask maker's feature map, where there is one; `wholeness` is that of the masks, -1 unknown.
    """

    xyz: Float[Tensor, "points 3"]
    rgb: Float[Tensor, "points 3"]
    fragment: Int64[Tensor, " points"]
    pixel: Int64[Tensor, " points"]
    fragment_score: Float[Tensor, " fragments"]
    view: ImageView | None = None
    wholeness: Float[Tensor, " fragments"] | None = None

    def __len__(self) -> int:
        return len(self.xyz)


@dataclass(frozen=True, eq=False)
class EncodedCloud:
    """A fragment cloud as a model's network sees it: in the scene frame, each point with its features.

    Every point then belongs to a fragment. A model without a network leaves the cloud as it is, and gives no
    features.
    """

    cloud: FragmentCloud
    features: Float[Tensor, "points channels"]


@dataclass(frozen=True, eq=False)
class LabelledCloud(Rows):
    """Coloured points in the world with the track id and label of each (0 and -1 where none)."""

    xyz: Float32[np.ndarray, "points 3"]
    rgb: UInt8[np.ndarray, "points 3"]
    ids: Int64[np.ndarray, " points"]
    labels: Int64[np.ndarray, " points"]
