"""How well the boxes of tracks fit the objects that they follow."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int64

from autoseg3d_core.evaluation.average_precision import MIN_POINTS
from autoseg3d_core.geometry.boxes import box_iou_3d
from autoseg3d_core.geometry.groups import group_majority, group_size
from autoseg3d_core.structures import LabelledCloud, TrackTable

FOUND = 0.5
"""An object is found where the points of a track overlap its own by more than this."""


def box_overlaps(
    tracks: TrackTable, predicted_ids: Int64[np.ndarray, " points"], truth: LabelledCloud
) -> Float[np.ndarray, " found"]:
    """Return intersection over union of box and object for every object that a track has found.

    `predicted_ids` are those of the truth's points, and the object's box is that of its points.
    """
    names, group = np.unique(truth.ids, return_inverse=True)
    objects, place, xyz = torch.from_numpy(names), torch.from_numpy(group), torch.from_numpy(truth.xyz)
    count = len(objects)
    own = _rows_of(tracks, predicted_ids)
    best = group_majority(own, len(tracks), place, count)
    shared = group_size(torch.where(own == best[place], place, -1), count)
    size, taken = group_size(place, count), group_size(own, len(tracks))
    union = size + torch.cat([taken, taken.new_zeros(1)])[best] - shared
    found = (objects > 0) & (size >= MIN_POINTS) & (best >= 0) & (shared > FOUND * union)
    index = place[:, None].expand(-1, 3)
    low = torch.zeros(count, 3).scatter_reduce(0, index, xyz, "amin", include_self=False)
    high = torch.zeros(count, 3).scatter_reduce(0, index, xyz, "amax", include_self=False)
    boxes = torch.cat([low, high], dim=1)[found]
    return box_iou_3d(torch.from_numpy(tracks.boxes)[best[found]], boxes).diagonal().numpy()


def _rows_of(tracks: TrackTable, ids: Int64[np.ndarray, " points"]) -> torch.Tensor:
    """Return the row of each point's track, -1 where it has none."""
    row = np.searchsorted(tracks.ids, ids).clip(max=max(len(tracks) - 1, 0))
    known = tracks.ids[row] == ids if len(tracks) else np.zeros(len(ids), bool)
    return torch.from_numpy(np.where(known, row, -1))
