"""Which readings of a depth image stray: flying pixels, lone ones, and what a mask spills over an edge.

Where a near surface ends before a far one, a sensor reads depths between the two, where nothing is; and a
mask that is a pixel or two too wide takes points of what is behind. Both stretch boxes. So the pixels
beside an edge are left out, but for those of thin things, which have no others.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor

ACROSS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Half of the directions to a pixel's neighbours; the other half are opposite."""
FLYING_PX, SPILL_PX, THIN_PX = 2, 3, 3
"""How far a flying pixel's two surfaces, a mask's own edge, and both sides of a thin thing are looked for."""
LEAST_KNOWN = 3
"""A pixel with fewer known neighbours is not judged by them."""


def strays(
    depth: Float[Tensor, "height width"],
    mask: Int[Tensor, "height width"],
    pixel: Int64[Tensor, " pixels"],
    tolerance: float,
) -> Bool[Tensor, " pixels"]:
    """Tell which of some pixels (flat indices) stray; depths differ from a share `tolerance` of a pixel's on.

    A pixel beside an edge strays, unless it is on a thin thing, which is nearer than both its sides. A pixel
    flies where one of two opposite neighbours is nearer and the other farther, is alone where no
    neighbour is at its depth, and is spilled where its own mask has a nearer surface close by.
    """
    beside = _Neighbours(depth, pixel, tolerance)
    flying, at_edge, thin = (torch.zeros_like(pixel, dtype=torch.bool) for _ in range(3))
    support, known = torch.zeros_like(pixel), torch.zeros_like(pixel)
    for down, right in ACROSS:
        falls_ahead, falls_behind = torch.zeros_like(flying), torch.zeros_like(flying)
        for step in range(1, THIN_PX + 1):
            ahead, seen_ahead, _ = beside.at(step * down, step * right)
            behind, seen_behind, _ = beside.at(-step * down, -step * right)
            falls_ahead |= ahead > 0
            falls_behind |= behind > 0
            if step <= FLYING_PX:
                flying |= ahead * behind < 0
            if step == 1:
                at_edge |= (ahead != 0) | (behind != 0)
                support += (seen_ahead & (ahead == 0)).long() + (seen_behind & (behind == 0)).long()
                known += seen_ahead.long() + seen_behind.long()
        thin |= falls_ahead & falls_behind
    alone = (known >= LEAST_KNOWN) & (support == 0)
    own, labels = mask.flatten()[pixel], mask.flatten()
    spilled = torch.zeros_like(flying)
    for step in range(1, SPILL_PX + 1):
        for down, right in ((0, step), (0, -step), (step, 0), (-step, 0)):
            jump, _, place = beside.at(down, right)
            spilled |= (jump < 0) & (labels[place] == own)
    return (at_edge & ~thin) | flying | alone | (spilled & (own >= 0))


class _Neighbours:
    """The neighbours of some pixels: whether each is nearer (-1), as far (0) or farther (1)."""

    def __init__(self, depth: Tensor, pixel: Tensor, tolerance: float) -> None:
        self.height, self.width = depth.shape
        self.depth, self.tolerance = depth.flatten(), tolerance
        self.here, self.row, self.column = self.depth[pixel], pixel // self.width, pixel % self.width

    def at(self, down: int, right: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the sign of the step in depth, whether the neighbour is known, and its flat index.

        A neighbour that is unknown or outside the image is as far as the pixel.
        """
        row, column = self.row + down, self.column + right
        inside = (row >= 0) & (row < self.height) & (column >= 0) & (column < self.width)
        place = row.clamp(0, self.height - 1) * self.width + column.clamp(0, self.width - 1)
        there = self.depth[place]
        known = inside & (there > 0) & torch.isfinite(there)
        step = there - self.here
        sign = torch.where(known & (step.abs() > self.tolerance * self.here), step.sign(), 0.0)
        return sign, known, place
