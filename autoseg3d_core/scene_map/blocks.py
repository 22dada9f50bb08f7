"""The storage of the scene map: blocks of voxels in rows, found by a sorted directory of their keys."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from autoseg3d_core.geometry.voxels import pack, unpack
from autoseg3d_core.scene_map.places import BLOCK_BITS, BLOCK_VOXELS, block_of, local_cell, place_in_block
from autoseg3d_core.structures import MapVoxels

UNSEEN = -1
"""In place of the votes of a voxel that was never seen."""


class Blocks:
    """Rows of voxels for so many blocks at most; `keys` ascend, and `rows` are their rows in the storage."""

    def __init__(self, most: int, device: torch.device) -> None:
        self.device = device
        self.keys = torch.zeros(0, dtype=torch.int64, device=device)
        self.rows = torch.zeros(0, dtype=torch.int64, device=device)
        self.free = torch.arange(most, device=device)
        self.ids = torch.empty(most, BLOCK_VOXELS, dtype=torch.int32, device=device)
        self.votes = torch.empty(most, BLOCK_VOXELS, dtype=torch.int16, device=device)
        self.anchors = torch.empty(most, BLOCK_VOXELS, dtype=torch.int32, device=device)
        self.rgb = torch.empty(most, BLOCK_VOXELS, 3, dtype=torch.uint8, device=device)
        self.last_seen = torch.zeros(most, dtype=torch.int64, device=device)
        self.times_seen = torch.zeros(most, dtype=torch.int64, device=device)

    def __len__(self) -> int:
        """Return the number of blocks in the directory."""
        return len(self.keys)

    @property
    def bytes_per_block(self) -> int:
        """The bytes of one block."""
        return (
            BLOCK_VOXELS * sum(x.element_size() for x in (self.ids, self.votes, self.anchors))
            + 3 * BLOCK_VOXELS
        )

    def locate(
        self, keys: Int64[Tensor, " voxels"]
    ) -> tuple[Int64[Tensor, " voxels"], Bool[Tensor, " voxels"]]:
        """Return the flat storage address of each voxel (0 if none), and whether its block is held."""
        if len(self) == 0:
            return torch.zeros_like(keys), torch.zeros(len(keys), dtype=torch.bool, device=self.device)
        block = block_of(keys)
        place = torch.searchsorted(self.keys, block).clamp(max=len(self) - 1)
        known = self.keys[place] == block
        address = self.rows[place] * BLOCK_VOXELS + place_in_block(keys)
        return torch.where(known, address, 0), known

    def holds(self, blocks: Int64[Tensor, " blocks"]) -> Bool[Tensor, " blocks"]:
        """Tell which blocks are held."""
        if len(self) == 0:
            return torch.zeros(len(blocks), dtype=torch.bool, device=self.device)
        return self.keys[torch.searchsorted(self.keys, blocks).clamp(max=len(self) - 1)] == blocks

    def places_of(self, blocks: Int64[Tensor, " blocks"]) -> Int64[Tensor, " held"]:
        """Return the places in the directory of those of the blocks that are held."""
        if len(self) == 0:
            return torch.zeros_like(blocks[:0])
        place = torch.searchsorted(self.keys, blocks).clamp(max=len(self) - 1)
        return place[self.keys[place] == blocks]

    def hold(self, new: Int64[Tensor, " blocks"]) -> None:
        """Give blocks that are not held empty rows; there have to be enough, or the last ones get none."""
        rows, self.free = self.free[: len(new)], self.free[len(new) :]
        self.ids[rows], self.votes[rows], self.anchors[rows] = 0, UNSEEN, 0
        self.last_seen[rows], self.times_seen[rows] = 0, 0
        keys = torch.cat([self.keys, new[: len(rows)]])
        order = torch.argsort(keys)
        self.keys, self.rows = keys[order], torch.cat([self.rows, rows])[order]

    def drop(self, places: Int64[Tensor, " dropped"]) -> None:
        """Free the rows of blocks, by their places in the directory."""
        self.free = torch.cat([self.free, self.rows[places]])
        kept = torch.ones(len(self), dtype=torch.bool, device=self.device)
        kept[places] = False
        self.keys, self.rows = self.keys[kept], self.rows[kept]

    def detach(self) -> tuple[Int64[Tensor, " blocks"], Int64[Tensor, " blocks"]]:
        """Return the whole directory, keys and rows, and hold nothing; the rows are not free."""
        keys, rows = self.keys, self.rows
        self.keys, self.rows = keys[:0], rows[:0]
        return keys, rows

    def read(
        self, keys: Int64[Tensor, " blocks"], rows: Int64[Tensor, " blocks"]
    ) -> tuple[MapVoxels, Tensor]:
        """Return the voxels seen in blocks of such keys in such rows, and the row of each."""
        block, local = (self.votes[rows] >= 0).nonzero(as_tuple=True)
        row = rows[block]
        return self._at(voxel_keys(keys[block], local), row * BLOCK_VOXELS + local), row

    def read_at(self, blocks: Int64[Tensor, " blocks"]) -> MapVoxels:
        """Return the voxels seen in those of the blocks that are held."""
        places = self.places_of(blocks)
        return self.read(self.keys[places], self.rows[places])[0]

    def known_at(self, keys: Int64[Tensor, " voxels"]) -> MapVoxels:
        """Return those of the voxels that were seen."""
        address, held = self.locate(keys)
        held &= self.votes.view(-1)[address] >= 0
        return self._at(keys[held], address[held])

    def write(self, voxels: MapVoxels) -> Int64[Tensor, " voxels"]:
        """Put voxels in the place of what is there; return their rows. Those without a block are left out."""
        address, held = self.locate(voxels.keys)
        address, voxels = address[held], voxels[held]
        self.ids.view(-1)[address] = voxels.ids.int()
        self.votes.view(-1)[address] = voxels.votes.short()
        self.anchors.view(-1)[address] = voxels.anchors.int()
        self.rgb.view(-1, 3)[address] = voxels.rgb
        return address // BLOCK_VOXELS

    def touching(
        self, boxes: Float[Tensor, "boxes 6"], edge_m: float, margin_m: float
    ) -> Int64[Tensor, " blocks"]:
        """Return the places in the directory of the blocks that touch any of the boxes."""
        low = unpack(self.keys).float() * edge_m - margin_m
        high = low + edge_m + 2 * margin_m
        touches = (low[:, None] <= boxes[None, :, 3:]) & (high[:, None] >= boxes[None, :, :3])
        return touches.all(dim=2).any(dim=1).nonzero()[:, 0]

    def _at(self, keys: Tensor, address: Tensor) -> MapVoxels:
        return MapVoxels(
            keys,
            self.ids.view(-1)[address].long(),
            self.votes.view(-1)[address].long(),
            self.rgb.view(-1, 3)[address],
            self.anchors.view(-1)[address].long(),
        )


def voxel_keys(blocks: Int64[Tensor, " voxels"], local: Int64[Tensor, " voxels"]) -> Int64[Tensor, " voxels"]:
    """Return the keys of voxels by the keys of their blocks and their places in these."""
    return pack((unpack(blocks) << BLOCK_BITS) + local_cell(local))
