"""Where the voxels of the scene map lie, and what ids gain and lose when one changes."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from autoseg3d_core.geometry.voxels import AXIS_BITS, coarsen, unpack
from autoseg3d_core.structures import MapChange

BLOCK_BITS = 3
"""A block is a cube of 8 x 8 x 8 voxels."""
BLOCK_VOXELS = 1 << (3 * BLOCK_BITS)


def centers_of(keys: Int64[Tensor, " voxels"], voxel_size_m: float) -> Float[Tensor, "voxels 3"]:
    """Return the centres of voxels in metres."""
    return ((unpack(keys).double() + 0.5) * voxel_size_m).float()


def block_of(keys: Int64[Tensor, " voxels"]) -> Int64[Tensor, " voxels"]:
    """Return the key of the block of each voxel."""
    return coarsen(keys, BLOCK_BITS)


def place_in_block(keys: Int64[Tensor, " voxels"]) -> Int64[Tensor, " voxels"]:
    """Return the place of each voxel in the storage of its block: its cell there, x first."""
    last = (1 << BLOCK_BITS) - 1
    x = (keys >> (2 * AXIS_BITS - 2 * BLOCK_BITS)) & (last << (2 * BLOCK_BITS))
    y = (keys >> (AXIS_BITS - BLOCK_BITS)) & (last << BLOCK_BITS)
    return x | y | (keys & last)


def local_cell(local: Int64[Tensor, " voxels"]) -> Int64[Tensor, "voxels 3"]:
    """Return the cell of voxels within their block, by their place in its storage."""
    mask = (1 << BLOCK_BITS) - 1
    columns = [local >> (2 * BLOCK_BITS), (local >> BLOCK_BITS) & mask, local & mask]
    return torch.stack(columns, dim=1)


BLOCK_CELLS = local_cell(torch.arange(BLOCK_VOXELS))
"""The cell within its block of each place in a block's storage."""


def change_of(keys: Tensor, old_ids: Tensor, was_firm: Tensor, new_ids: Tensor, is_firm: Tensor) -> MapChange:
    """Return a row for each id that lost or gained a voxel, or its firmness; id 0 is no track."""
    changed = (old_ids != new_ids) | (was_firm != is_firm)
    lost, gained = ((changed & (ids > 0)).nonzero()[:, 0] for ids in (old_ids, new_ids))
    one = torch.ones_like(keys)
    return MapChange(
        torch.cat([old_ids[lost], new_ids[gained]]),
        torch.cat([keys[lost], keys[gained]]),
        torch.cat([-one[lost], one[gained]]),
        torch.cat([-was_firm[lost].long(), is_firm[gained].long()]),
    )
