"""From the scene map's labels to the truth's points."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64
from scipy.spatial import cKDTree

from autoseg3d_core.structures import LabelledCloud


def ids_on_truth(
    predicted: LabelledCloud, truth: LabelledCloud, max_distance_m: float = np.inf
) -> Int64[np.ndarray, " points"]:
    """Return, for each point of the truth, the id of the nearest predicted point.

    The published protocol has no limit of distance; with one, points farther away get 0.
    """
    if len(predicted) == 0:
        return np.zeros(len(truth), np.int64)
    distance, nearest = cKDTree(predicted.xyz).query(truth.xyz, distance_upper_bound=max_distance_m)
    found = np.isfinite(distance)
    return np.where(found, predicted.ids[np.where(found, nearest, 0)], 0)
