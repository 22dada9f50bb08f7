"""From the scene map's labels to the truth's points, as published and without its two helps.

The published protocol gives every vertex of the mesh the label of the nearest predicted point, however far,
and then every segment of the mesh the label of more than half of its vertices. The truth was annotated on
these segments, so both raise the scores.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64, Int64
from scipy.spatial import cKDTree

from autoseg3d_core.structures import LabelledCloud

PUBLISHED, WITHOUT_SEGMENTS, WITHOUT_MAPPING = "published", "without_segments", "without_mapping"
PROTOCOLS = (PUBLISHED, WITHOUT_SEGMENTS, WITHOUT_MAPPING)
OWN_M = 0.1
"""Without mapping, how near a predicted point has to be for its label to count, in metres."""


def labellings(
    predicted: LabelledCloud, truth: LabelledCloud, segments: Int64[np.ndarray, " points"] | None
) -> dict[str, Int64[np.ndarray, " points"]]:
    """Return an id per point of the truth by each of `PROTOCOLS`; without segments nothing is voted."""
    if len(predicted) == 0:
        return {name: np.zeros(len(truth), np.int64) for name in PROTOCOLS}
    nearest, distance = nearest_points(predicted.xyz, truth.xyz)
    mapped = predicted.ids[nearest]
    return {
        PUBLISHED: mapped if segments is None else vote_of_segments(mapped, segments),
        WITHOUT_SEGMENTS: mapped,
        WITHOUT_MAPPING: np.where(distance <= OWN_M, mapped, 0),
    }


def nearest_points(
    xyz: Float32[np.ndarray, "points 3"], places: Float32[np.ndarray, "places 3"]
) -> tuple[Int64[np.ndarray, " places"], Float64[np.ndarray, " places"]]:
    """Return the index of the point nearest to each place, and its distance; there has to be a point."""
    tree = cKDTree(xyz, balanced_tree=False, compact_nodes=False)  # built four times as fast, asked as fast
    distance, nearest = tree.query(places, workers=-1)
    return nearest.astype(np.int64), distance


def vote_of_segments(
    ids: Int64[np.ndarray, " points"], segments: Int64[np.ndarray, " points"]
) -> Int64[np.ndarray, " points"]:
    """Return for each point the id of more than half of its segment's points, 0 where no id has as many.

    Points of no segment (-1) keep their own.
    """
    _, segment, size = np.unique(segments, return_inverse=True, return_counts=True)
    names, name = np.unique(ids, return_inverse=True)
    pairs, votes = np.unique(segment * len(names) + name, return_counts=True)
    voted, winner = np.divmod(pairs, len(names))
    has_won = 2 * votes > size[voted]
    of_segment = np.zeros(len(size), np.int64)
    of_segment[voted[has_won]] = names[winner[has_won]]
    return np.where(segments >= 0, of_segment[segment], ids)
