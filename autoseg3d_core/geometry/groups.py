"""Sums over groups of rows: the mean of each group, its box, and the id that most of it carries.

`group` gives the group of each row; rows of group -1 are ignored.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional


def group_mean(
    values: Float[Tensor, "rows channels"], group: Int64[Tensor, " rows"], count: int
) -> Float[Tensor, "groups channels"]:
    """Return the mean row of each group; zeros for an empty group."""
    total = torch.zeros(count + 1, values.shape[1], dtype=values.dtype, device=values.device)
    total.index_add_(0, group + 1, values)
    return total[1:] / group_size(group, count).clamp(min=1)[:, None]


def group_sum(
    values: Int64[Tensor, " rows"], group: Int64[Tensor, " rows"], count: int
) -> Int64[Tensor, " groups"]:
    """Return the sum of each group; a GPU need not be waited for, as for a mask of the rows that count."""
    return values.new_zeros(count + 1).index_add_(0, group + 1, values)[1:]


def group_size(group: Int64[Tensor, " rows"], count: int) -> Int64[Tensor, " groups"]:
    """Return the number of rows of each group."""
    return _counted(group + 1, count + 1)[1:]


def group_majority(
    member: Int64[Tensor, " rows"], members: int, group: Int64[Tensor, " rows"], count: int
) -> Int64[Tensor, " groups"]:
    """Return the member (0 to `members` - 1, -1 none) that most rows of each group name.

    The lowest wins a tie; -1 where no row of the group names any.
    """
    if members == 0:
        return torch.full((count,), -1, dtype=torch.int64, device=member.device)
    cell = (group + 1) * (members + 1) + member + 1
    votes = _counted(cell, (count + 1) * (members + 1))
    most, best = votes.view(count + 1, members + 1)[1:, 1:].max(dim=1)
    return torch.where(most > 0, best, -1)


def group_boxes(
    xyz: Float[Tensor, "points 3"], group: Int64[Tensor, " points"], count: int, deviations: float = 3.0
) -> Float[Tensor, "groups 6"]:
    """Return the box of each group of points, held back from what lies far from the rest of it.

    Along each axis a point reaches at most `deviations` standard deviations from its group's mean,
    so that a few flying pixels do not stretch the box. An empty group gets a box of zeros.
    """
    mean, row = functional.pad(group_mean(xyz, group, count), (0, 0, 1, 0)), group + 1  # row 0 is nobody's
    off = xyz - mean[row]
    reach = deviations * functional.pad(group_mean(off * off, group, count).sqrt(), (0, 0, 1, 0))[row]
    off = torch.maximum(torch.minimum(off, reach), -reach)
    index = row[:, None].expand(-1, 3)
    low = torch.zeros_like(mean).scatter_reduce(0, index, off, "amin")
    high = torch.zeros_like(mean).scatter_reduce(0, index, off, "amax")
    return torch.cat([mean + low, mean + high], dim=1)[1:]


def _counted(index: Int64[Tensor, " rows"], count: int) -> Int64[Tensor, " count"]:
    """Return how often each index occurs; unlike `torch.bincount` a GPU need not be waited for."""
    return index.new_zeros(count).index_add_(0, index, torch.ones_like(index))
