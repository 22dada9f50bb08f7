"""How sure a mask maker is that a mask is a whole object, as a part of what a fragment is.

A mask maker that knows its masks (whole objects, parts, and how good they are) says so; the network then need
not find it out. Where nobody knows (-1) nothing is added, so weights serve both. Beyond the papers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from autoseg3d_core.geometry.groups import group_size
from autoseg3d_core.modules.part import Around

UNKNOWN = -1.0


@dataclass(frozen=True)
class WholenessShape:
    """A network whose fragments take the scores of their masks as input."""

    def build(self, around: Around) -> WholenessEmbedding:
        """Return the embedding, zeros when new."""
        return WholenessEmbedding(around.unet.channels)


class WholenessEmbedding(nn.Module):
    """Turns wholeness (0-1, below 0 unknown) into a vector to add to a fragment's; it begins as zeros."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer = nn.Linear(2, channels, bias=False)
        nn.init.zeros_(self.layer.weight)

    def forward(self, wholeness: Float[Tensor, " fragments"]) -> Float[Tensor, "fragments channels"]:
        """Return a vector per fragment, zeros where wholeness is unknown."""
        known = (wholeness >= 0).to(wholeness.dtype)
        return self.layer(torch.stack([known, known * wholeness], dim=1))  # type: ignore[no-any-return]


def wholeness_of_groups(
    wholeness: Float[Tensor, " fragments"], group: Int64[Tensor, " fragments"], groups: int
) -> Float[Tensor, " groups"]:
    """Return that of each group of fragments: that of a single fragment, unknown for several."""
    best = wholeness.new_full((groups,), UNKNOWN).scatter_reduce(0, group, wholeness, "amax")
    return torch.where(group_size(group, groups) == 1, best, UNKNOWN)
