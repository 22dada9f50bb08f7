"""How well the boxes of tracks fit the objects that they follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64

from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.evaluation.oriented_boxes import oriented_iou, smallest_box
from autoseg3d_core.evaluation.scene_match import MIN_POINTS
from autoseg3d_core.geometry.boxes import box_axes, box_iou_3d
from autoseg3d_core.geometry.groups import group_majority, group_size
from autoseg3d_core.structures import LabelledCloud, Rows

FOUND = 0.5
"""An object is found where the points of a track overlap its own by more than this."""
TOO_LONG, SLACK_M = 1.5, 0.05
"""A box is too long where a side is so many times the object's, and longer by more than the slack."""


@dataclass(frozen=True, eq=False)
class BoxFit(Rows):
    """How a track's boxes fit their object, a row per object found: intersection over union, and length.

    `iou` is that of the axis-aligned boxes, `oriented_iou` that of the oriented ones. A box is too long where
    it is more than 1.5 times as long as the object along some axis, and by more than 5 cm, about a voxel.
    """

    iou: Float[np.ndarray, " found"]
    oriented_iou: Float[np.ndarray, " found"]
    is_too_long: Bool[np.ndarray, " found"]


def box_fit(tracks: KnownTracks, predicted_ids: Int64[np.ndarray, " points"], truth: LabelledCloud) -> BoxFit:
    """Return the fit of box and object for every object that a track has found.

    `predicted_ids` are those of the truth's points. The object's boxes are those of its points: the
    axis-aligned one, and the upright one that covers the least ground.
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
    ours = torch.from_numpy(tracks.boxes)[best[found]]
    length, true_length = (b[:, 3:] - b[:, :3] for b in (ours, boxes))
    too_long = (length > TOO_LONG * true_length) & (length > true_length + SLACK_M)
    turned = tracks.oriented_boxes[best[found].numpy()].astype(np.float64)
    rows = found.nonzero()[:, 0].tolist()
    pairs = zip(rows, box_axes(turned)[:, :, 2], strict=True)
    true_boxes = [smallest_box(truth.xyz[group == row], up) for row, up in pairs]
    return BoxFit(
        box_iou_3d(ours, boxes).diagonal().numpy(),
        oriented_iou(turned, np.array(true_boxes).reshape(-1, 10)),
        too_long.any(dim=1).numpy(),
    )


def _rows_of(tracks: KnownTracks, ids: Int64[np.ndarray, " points"]) -> torch.Tensor:
    """Return the row of each point's track, -1 where it has none."""
    row = np.searchsorted(tracks.ids, ids).clip(max=max(len(tracks) - 1, 0))
    known = tracks.ids[row] == ids if len(tracks) else np.zeros(len(ids), bool)
    return torch.from_numpy(np.where(known, row, -1))
