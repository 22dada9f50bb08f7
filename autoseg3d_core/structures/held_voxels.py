"""Voxels of the scene map as its blocks hold them."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Int64
from torch import Tensor


@dataclass(frozen=True, eq=False)
class HeldVoxels:
    """Voxels by their block and their place in it.

    `corners` are the first cells of the blocks, `inside` the cell of each place of a block, the same in all.
    """

    corners: Int64[Tensor, "blocks 3"]
    inside: Int64[Tensor, "places 3"]
    block: Int64[Tensor, " voxels"]
    local: Int64[Tensor, " voxels"]

    def __len__(self) -> int:
        """Return the number of voxels."""
        return len(self.block)

    def cells_of(self, wanted: Bool[Tensor, " voxels"]) -> Int64[Tensor, "wanted 3"]:
        """Return the cells of some of the voxels."""
        row = wanted.nonzero()[:, 0]  # a GPU is waited for once
        return self.corners[self.block[row]] + self.inside[self.local[row]]
