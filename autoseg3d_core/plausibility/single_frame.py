"""What can be told from one depth image: whether it is empty, and whether its unit can be right."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from autoseg3d_core.plausibility.checks import Suspicion
from autoseg3d_core.plausibility.remedies import Remedies

STRIDE = 8
LEAST_USABLE = 0.02
"""Share of the readings that has to lie in the range that is used."""


def doubt_of_depth(
    depth: Float32[np.ndarray, "height width"], near_m: float, far_m: float, remedies: Remedies
) -> Suspicion | None:
    """Return what is wrong with a depth image (metres, 0 unknown) of which `near_m` to `far_m` is used."""
    readings = depth[::STRIDE, ::STRIDE]
    readings = readings[readings > 0]
    if len(readings) == 0:
        return Suspicion("no pixel of the depth image has a reading", "sure", remedies.no_depth())
    usable = float(((readings >= near_m) & (readings <= far_m)).mean())
    if usable >= LEAST_USABLE:
        return None
    median = float(np.median(readings))
    used = f"{usable:.0%} of the depth readings lie in {near_m:g} to {far_m:g} m"
    what = f"{used}, and half of them below {median:.3g} m"
    return Suspicion(what, "the unit looks wrong", remedies.depth_unit(median))
