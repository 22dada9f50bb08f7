"""What a perfect camera sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, UInt8


@dataclass(frozen=True, eq=False)
class Rendered:
    """One view: colour, metric depth along the optical axis, 0 for nothing, and the geometry, -1 for none."""

    rgb: UInt8[np.ndarray, "height width 3"]
    depth: Float32[np.ndarray, "height width"]
    geometry: Int32[np.ndarray, "height width"]
