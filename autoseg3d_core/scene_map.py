"""The scene map: a bounded voxel grid in which every voxel votes for the track it belongs to.

Voxels live in cubic blocks of 8 x 8 x 8; a sorted directory maps the key of a block to its row of
storage. A voxel keeps one track id and its votes: an observation of the same id adds one, of another
takes one away, and an id without votes gives way (the majority vote of Boyer and Moore). What a frame
costs depends on what it sees; when storage is full, the blocks seen least and longest ago go.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from autoseg3d_core.config import setting
from autoseg3d_core.geometry.voxels import pack, unpack
from autoseg3d_core.structures import (
    NO_ID,
    NO_VOTE,
    InputError,
    MapBlocks,
    MapChange,
    MapContent,
    MapVoxels,
)

BLOCK_BITS = 3
BLOCK_VOXELS = 1 << (3 * BLOCK_BITS)
RELABEL_MARGIN_M = 0.3


@dataclass(frozen=True)
class MapConfig:
    """How fine the scene map is and how much it may hold."""

    voxel_size_m: float = setting(
        0.04, "edge of a voxel; a smaller one needs more memory and time", unit="m", low=0.005, high=0.5
    )
    max_blocks: int = setting(
        40_000,
        "maximum number of blocks (8x8x8 voxels, 4.6 kB); those seen least and longest ago are dropped first",
        unit="blocks",
        low=64,
        high=4_000_000,
    )
    max_votes: int = setting(
        60,
        "maximum votes of a voxel; a higher limit makes ids change later",
        unit="votes",
        low=1,
        high=10_000,
    )
    object_votes: int = setting(
        3,
        "votes of one sighting on an object; one on no object takes one vote away",
        unit="votes",
        low=1,
        high=1000,
    )
    evict_blocks: int = setting(
        256, "blocks dropped at once when the map is full", unit="blocks", low=1, high=100_000
    )


class SceneMap:
    """Bounded votes for track ids; `integrate` writes, `ids_at` reads, `relabel` follows joins."""

    def __init__(self, config: MapConfig, device: torch.device | str = "cpu") -> None:
        self.config = config
        self.device = torch.device(device)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        rows, device = self.config.max_blocks, self.device
        self._keys = torch.zeros(0, dtype=torch.int64, device=device)
        self._rows = torch.zeros(0, dtype=torch.int64, device=device)
        self._free = torch.arange(rows, device=device)
        self._ids = torch.empty(rows, BLOCK_VOXELS, dtype=torch.int32, device=device)
        self._votes = torch.empty(rows, BLOCK_VOXELS, dtype=torch.int16, device=device)
        self._rgb = torch.empty(rows, BLOCK_VOXELS, 3, dtype=torch.uint8, device=device)
        self._last_seen = torch.zeros(rows, dtype=torch.int64, device=device)
        self._times_seen = torch.zeros(rows, dtype=torch.int64, device=device)

    def __len__(self) -> int:
        """Return the number of blocks held."""
        return len(self._keys)

    @property
    def bytes_held(self) -> int:
        """Return the bytes of the blocks held."""
        per_block = self._ids.element_size() + self._votes.element_size() + 3
        return len(self) * BLOCK_VOXELS * per_block

    def ids_at(self, keys: Int64[Tensor, " voxels"]) -> Int64[Tensor, " voxels"]:
        """Return the track id that each voxel votes for, `NO_ID` where the map has none."""
        address, known = self._locate(keys)
        return torch.where(known, self._ids.view(-1)[address].long(), NO_ID)

    def integrate(
        self,
        keys: Int64[Tensor, " voxels"],
        ids: Int64[Tensor, " voxels"],
        rgb: UInt8[Tensor, "voxels 3"],
        now: int,
    ) -> tuple[MapChange, int]:
        """Let each voxel (keys are distinct) vote for an id, `NO_ID` if it is nobody's, or not (`NO_VOTE`).

        `now` counts frames. Returns what the ids gained and lost, and the blocks dropped to make room.
        """
        dropped, evicted = self._make_room(keys, now)
        address, held = self._locate(keys)
        if len(self) == self.config.max_blocks:  # there may have been no room for all of one frame
            address, keys, ids, rgb = address[held], keys[held], ids[held], rgb[held]
        old_ids, old_votes = self._ids.view(-1)[address].long(), self._votes.view(-1)[address].long()
        held, says = old_votes.clamp(min=0), ids != NO_VOTE
        weight = torch.where(ids == NO_ID, 1, self.config.object_votes)
        votes = torch.where(old_ids == ids, held + weight, held - weight)
        wins = says & (votes < 1)  # an id without votes gives way
        new_ids = torch.where(wins, ids, old_ids)
        votes = torch.where(says, torch.where(wins, weight, votes), held).clamp(max=self.config.max_votes)
        fresh = self._votes.view(-1)[address] < 0
        self._ids.view(-1)[address] = new_ids.int()
        self._votes.view(-1)[address] = votes.short()
        self._blend(address, rgb, fresh)
        change = _change(keys, old_ids, self._is_firm(held), new_ids, self._is_firm(votes))
        return dropped.append(change), evicted

    def relabel(
        self,
        old: Int64[Tensor, " pairs"],
        new: Int64[Tensor, " pairs"],
        boxes: Float[Tensor, "pairs 6"],
    ) -> MapChange:
        """Rewrite ids within the boxes (the tracks' own, in metres) of the tracks that lose them.

        A new id of 0 takes the votes away. Returns what the ids gained and lost.
        """
        if len(old) == 0:
            return self._nothing()
        blocks = self._blocks_in(boxes)
        rows = self._rows[blocks]
        here = self._ids[rows].long()  # (blocks, BLOCK_VOXELS)
        order = torch.argsort(old)
        place = torch.searchsorted(old[order], here).clamp(max=len(old) - 1)
        hit = old[order][place] == here
        there = torch.where(hit, new[order][place], here)
        firm = self._is_firm(self._votes[rows])
        self._ids[rows] = there.int()
        self._votes[rows] = torch.where(hit & (there == 0), 0, self._votes[rows])
        block, local = hit.nonzero(as_tuple=True)
        keys = self._voxel_keys(blocks[block], local)
        return _change(keys, here[hit], firm[hit], there[hit], firm[hit] & (there[hit] > 0))

    def owned_in(self, blocks: Int64[Tensor, " blocks"], most: int, turn: int) -> Int64[Tensor, " voxels"]:
        """Return the keys of the voxels that carry an id, in the blocks of these keys that are held.

        Of more than `most` blocks those are taken whose turn it is: successive turns come to all of them.
        """
        place = torch.searchsorted(self._keys, blocks).clamp(max=max(len(self) - 1, 0))
        held = place[self._keys[place] == blocks] if len(self) else place[:0]
        apart = -(-len(held) // most)
        held = held[turn % apart :: apart] if apart > 1 else held
        block, local = (self._ids[self._rows[held]] > 0).nonzero(as_tuple=True)
        return self._voxel_keys(held[block], local)

    def take_votes(self, keys: Int64[Tensor, " voxels"], votes: int) -> MapChange:
        """Take votes from voxels that the map holds; those left without any are nobody's from then on."""
        address, known = self._locate(keys)
        address, keys = address[known], keys[known]
        ids, held = self._ids.view(-1)[address].long(), self._votes.view(-1)[address].long()
        left = torch.where(held < 0, held, (held - votes).clamp(min=0))
        kept = torch.where(left > 0, ids, NO_ID)
        self._ids.view(-1)[address], self._votes.view(-1)[address] = kept.int(), left.short()
        return _change(keys, ids, self._is_firm(held), kept, self._is_firm(left))

    @property
    def block_edge_m(self) -> float:
        """The edge of a block in metres."""
        return self.config.voxel_size_m * (1 << BLOCK_BITS)

    def voxels(self) -> MapVoxels:
        """Return every voxel seen so far; costs as much as the map is large."""
        seen = self._votes[self._rows] >= 0  # (blocks, BLOCK_VOXELS)
        block, local = seen.nonzero(as_tuple=True)
        row, keys = self._rows[block], self._voxel_keys(block, local)
        ids, votes = self._ids[row, local].long(), self._votes[row, local].long()
        return MapVoxels(keys, ids, votes, self._rgb[row, local])

    def content(self) -> MapContent:
        """Return all that the map holds; costs as much as the map is large."""
        seen, times = self._last_seen[self._rows], self._times_seen[self._rows]
        return MapContent(MapBlocks(self._keys, seen, times), self.voxels())

    def restore(self, content: MapContent) -> None:
        """Hold what another map held, and nothing else; raises `InputError` where there is no room for it."""
        count, room = len(content.blocks), self.config.max_blocks
        if count > room:
            raise InputError(
                f"the saved scene map has {count} blocks: set map.max_blocks={count}, now {room}"
            )
        self.clear()
        rows, self._free = self._free[:count], self._free[count:]
        order = torch.argsort(content.blocks.keys)
        self._keys, self._rows = content.blocks.keys[order], rows[order]
        self._last_seen[rows], self._times_seen[rows] = content.blocks.last_seen, content.blocks.times_seen
        self._ids[rows], self._votes[rows] = 0, -1
        address, known = self._locate(content.voxels.keys)
        address, voxels = address[known], content.voxels[known]
        self._ids.view(-1)[address] = voxels.ids.int()
        self._votes.view(-1)[address] = voxels.votes.short()
        self._rgb.view(-1, 3)[address] = voxels.rgb

    def _locate(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Return the flat storage address of each voxel, and whether the map holds its block."""
        cells = unpack(keys)
        known = torch.zeros(len(keys), dtype=torch.bool, device=self.device)
        if len(self) == 0:
            return torch.zeros_like(keys), known
        block = pack(cells >> BLOCK_BITS)
        place = torch.searchsorted(self._keys, block).clamp(max=len(self) - 1)
        known = self._keys[place] == block
        inside = cells & ((1 << BLOCK_BITS) - 1)
        local = (inside[:, 0] << (2 * BLOCK_BITS)) | (inside[:, 1] << BLOCK_BITS) | inside[:, 2]
        address = self._rows[place] * BLOCK_VOXELS + local
        return torch.where(known, address, 0), known

    def _is_firm(self, votes: Tensor) -> Tensor:
        """Tell which voxels have more votes than one sighting gives."""
        return votes > self.config.object_votes

    def _nothing(self) -> MapChange:
        none = self._keys[:0]
        return MapChange(none, none, none, none)

    def _voxel_keys(self, block: Tensor, local: Tensor) -> Tensor:
        """Return the keys of voxels by their block's place in the directory and their place in the block."""
        return pack((unpack(self._keys[block]) << BLOCK_BITS) + _local_cell(local))

    def _make_room(self, keys: Tensor, now: int) -> tuple[MapChange, int]:
        """Give every block of these voxels a row, and mark it seen.

        Returns what the ids lost because blocks had to go, and how many did.
        """
        wanted = torch.unique(pack(unpack(keys) >> BLOCK_BITS))
        wanted = wanted[: self.config.max_blocks]
        new = wanted[~torch.isin(wanted, self._keys)]
        dropped, evicted = self._nothing(), 0
        if len(new) > len(self._free):
            evicted = min(len(self), max(len(new) - len(self._free), self.config.evict_blocks))
            dropped, evicted = self._evict(evicted, protected=wanted)
        rows, self._free = self._free[: len(new)], self._free[len(new) :]
        self._ids[rows], self._votes[rows], self._times_seen[rows] = 0, -1, 0
        keys_now = torch.cat([self._keys, new])
        order = torch.argsort(keys_now)
        self._keys, self._rows = keys_now[order], torch.cat([self._rows, rows])[order]
        seen = self._rows[torch.searchsorted(self._keys, wanted)]
        self._last_seen[seen] = now
        self._times_seen[seen] += 1
        return dropped, evicted

    def _evict(self, count: int, protected: Tensor) -> tuple[MapChange, int]:
        """Drop the blocks seen least and longest ago, save the protected; return what ids lost by it."""
        worth = self._last_seen[self._rows] + self._times_seen[self._rows].clamp(max=self.config.max_votes)
        worth = torch.where(torch.isin(self._keys, protected), torch.iinfo(torch.int64).max, worth)
        count = min(count, len(self) - int(torch.isin(protected, self._keys).sum()))
        gone = torch.topk(worth, count, largest=False).indices
        held = self._ids[self._rows[gone]].long()
        block, local = (held > 0).nonzero(as_tuple=True)
        ids, firm = held[block, local], self._is_firm(self._votes[self._rows[gone]][block, local])
        lost = _change(
            self._voxel_keys(gone[block], local), ids, firm, torch.zeros_like(ids), torch.zeros_like(firm)
        )
        self._free = torch.cat([self._free, self._rows[gone]])
        kept = torch.ones(len(self), dtype=torch.bool, device=self.device)
        kept[gone] = False
        self._keys, self._rows = self._keys[kept], self._rows[kept]
        return lost, count

    def _blocks_in(self, boxes: Tensor) -> Tensor:
        """Return the places in the directory of the blocks that touch any of the boxes."""
        edge = self.block_edge_m
        low = unpack(self._keys).float() * edge - RELABEL_MARGIN_M
        high = low + edge + 2 * RELABEL_MARGIN_M
        touches = (low[:, None] <= boxes[None, :, 3:]) & (high[:, None] >= boxes[None, :, :3])
        return touches.all(dim=2).any(dim=1).nonzero()[:, 0]

    def _blend(self, address: Tensor, rgb: Tensor, fresh: Tensor) -> None:
        """Let a voxel's colour follow what is seen; a fresh voxel takes it over."""
        colors = self._rgb.view(-1, 3)
        old = torch.where(fresh[:, None], rgb, colors[address]).short()
        colors[address] = ((3 * old + rgb.short()) // 4).to(torch.uint8)


def centers_of(keys: Int64[Tensor, " voxels"], voxel_size_m: float) -> Float[Tensor, "voxels 3"]:
    """Return the centres of voxels in metres."""
    return ((unpack(keys).double() + 0.5) * voxel_size_m).float()


def _local_cell(local: Tensor) -> Tensor:
    mask = (1 << BLOCK_BITS) - 1
    columns = [local >> (2 * BLOCK_BITS), (local >> BLOCK_BITS) & mask, local & mask]
    return torch.stack(columns, dim=1)


def _change(keys: Tensor, old_ids: Tensor, was_firm: Tensor, new_ids: Tensor, is_firm: Tensor) -> MapChange:
    """Return a row for each id that lost or gained a voxel, or its firmness; id 0 is nobody."""
    changed = (old_ids != new_ids) | (was_firm != is_firm)
    lost, gained = changed & (old_ids > 0), changed & (new_ids > 0)
    one = torch.ones_like(keys)
    return MapChange(
        torch.cat([old_ids[lost], new_ids[gained]]),
        torch.cat([keys[lost], keys[gained]]),
        torch.cat([-one[lost], one[gained]]),
        torch.cat([-was_firm[lost].long(), is_firm[gained].long()]),
    )
