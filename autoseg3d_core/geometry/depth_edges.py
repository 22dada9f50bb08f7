"""Which readings of a depth image stray: flying pixels, lone ones, and what a mask spills over an edge.

Where a near surface ends before a far one, a sensor reads depths between the two, where nothing is; and a
mask that is a pixel or two too wide takes points of what is behind. Both stretch boxes. So the pixels
beside an edge are left out, but for those of thin things, which have no others.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor
from torch.nn import functional

ACROSS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Half of the directions to a pixel's neighbours; the other half are opposite."""
FLYING_PX, SPILL_PX, THIN_PX = 2, 3, 3
"""How far a flying pixel's two surfaces, a mask's own edge, and both sides of a thin thing are looked for."""
REACH = max(FLYING_PX, SPILL_PX, THIN_PX)
SQUARE = [1, 0, 3, 2]
"""The direction square to each."""
STRAIGHT = 2
"""The first directions are along rows and columns."""
LEAST_KNOWN = 3
"""A pixel with fewer known neighbours is not judged by them."""


def strays(
    depth: Float[Tensor, "height width"],
    mask: Int[Tensor, "height width"],
    pixel: Int64[Tensor, " pixels"],
    tolerance: float,
) -> Bool[Tensor, " pixels"]:
    """Tell which of some pixels (flat indices) stray; depths differ from a share `tolerance` of a pixel's on.

    A pixel beside an edge strays, unless it is on a thin thing: nearer than both its sides, and no corner.
    A pixel flies where one of two opposite neighbours is nearer and the other farther, is alone where no
    neighbour is at its depth, and is spilled where its own mask has a nearer surface close by.
    """
    depth = torch.where(torch.isfinite(depth), depth, 0.0)
    close = _may_stray(depth, pixel, tolerance).nonzero()[:, 0]
    found = torch.zeros_like(pixel, dtype=torch.bool)
    return found.index_copy(0, close, _stray(depth, mask, pixel[close], tolerance))


def _may_stray(depth: Tensor, pixel: Tensor, tolerance: float) -> Bool[Tensor, " pixels"]:
    """Tell which pixels have anything within `REACH` that is not at their depth; no other strays."""
    farthest = _highest_around(depth).flatten()[pixel]
    nearest = -_highest_around(torch.where(depth > 0, -depth, -torch.inf)).flatten()[pixel]
    here = depth.flatten()[pixel]
    limit = tolerance * here
    return (farthest - here > limit) | (nearest - here < -limit)


def _highest_around(values: Float[Tensor, "height width"]) -> Float[Tensor, "height width"]:
    """Return the highest value in the square that reaches `REACH` pixels to each side."""
    for axis in (0, 1):
        length = values.shape[axis]
        pad = [REACH, REACH, 0, 0] if axis == 1 else [0, 0, REACH, REACH]
        wide, width = functional.pad(values, pad, value=-torch.inf), 1
        while width < 2 * REACH + 1:  # the highest of twice as many, as far as the square goes
            step = min(width, 2 * REACH + 1 - width)
            left = wide.shape[axis] - step
            wide = torch.maximum(wide.narrow(axis, 0, left), wide.narrow(axis, step, left))
            width += step
        values = wide.narrow(axis, 0, length)
    return values


def _stray(depth: Tensor, mask: Tensor, pixel: Tensor, tolerance: float) -> Bool[Tensor, " pixels"]:
    near = _look_around(depth, pixel, tolerance)
    (nearer_ahead, nearer_behind), (farther_ahead, farther_behind) = near.nearer, near.farther
    beside = slice(0, 1)
    is_step = near.nearer[:, :, beside] | near.farther[:, :, beside]
    at_edge = is_step.any(dim=(0, 1, 2))
    opposite = (nearer_ahead & farther_behind) | (farther_ahead & nearer_behind)
    flying = opposite[:, :FLYING_PX].any(dim=(0, 1))
    known = near.known[:, :, beside]
    alone = (known.sum(dim=(0, 1, 2)) >= LEAST_KNOWN) & ~(known & ~is_step).any(dim=(0, 1, 2))
    falls_ahead, falls_behind = (side[:, :THIN_PX].any(dim=1) for side in (farther_ahead, farther_behind))
    goes_on = (falls_ahead == falls_behind)[SQUARE]  # a corner falls on one side only of the line through it
    thin = (falls_ahead & falls_behind & goes_on).any(dim=0)
    own, labels = mask.flatten()[pixel], functional.pad(mask, [REACH] * 4, value=-1).flatten()
    same = labels[near.place[:, :STRAIGHT, :SPILL_PX]] == own
    spilled = (near.nearer[:, :STRAIGHT, :SPILL_PX] & same).any(dim=(0, 1, 2))
    return (at_edge & ~thin) | flying | alone | (spilled & (own >= 0))


@dataclass(frozen=True, eq=False)
class _Neighbourhood:
    """The neighbours of some pixels, ahead and behind in each direction, one to `REACH` steps away.

    `place` is their flat index in an image with a rim of `REACH`; one that is unknown or outside the image is
    neither nearer nor farther.
    """

    place: Int64[Tensor, "2 directions steps pixels"]
    known: Bool[Tensor, "2 directions steps pixels"]
    nearer: Bool[Tensor, "2 directions steps pixels"]
    farther: Bool[Tensor, "2 directions steps pixels"]


def _look_around(depth: Tensor, pixel: Tensor, tolerance: float) -> _Neighbourhood:
    width, wide = depth.shape[1], depth.shape[1] + 2 * REACH
    rimmed = functional.pad(depth, [REACH] * 4).flatten()
    middle = (pixel // width + REACH) * wide + pixel % width + REACH
    way = torch.tensor([down * wide + right for down, right in ACROSS], device=pixel.device)
    steps = way[:, None] * torch.arange(1, REACH + 1, device=pixel.device)  # (directions, steps)
    place = middle + torch.stack([steps, -steps])[..., None]
    here, there = rimmed[middle], rimmed[place]
    known = there > 0
    step, limit = there - here, tolerance * here
    return _Neighbourhood(place, known, known & (step < -limit), step > limit)
