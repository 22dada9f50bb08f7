"""The scene map: a bounded voxel grid in which every voxel votes for the track it belongs to.

Voxels live in cubic blocks of 8 x 8 x 8; a sorted directory maps the key of a block to its row of
storage. A voxel keeps one track id and its votes: an observation of the same id adds one, of another
takes one away, and an id without votes gives way (the majority vote of Boyer and Moore). What a frame
costs depends on what it sees; when storage is full, the blocks seen least and longest ago go.

A voxel knows the keyframe at which it was first given its id. When keyframes prove to have been elsewhere,
blocks are taken out and put down where they belong, a bounded number per frame and the nearest first; those
that wait are not seen.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64, Int64, UInt8
from torch import Tensor

from autoseg3d_core.geometry.voxels import unpack
from autoseg3d_core.scene_map.blocks import Blocks, voxel_keys
from autoseg3d_core.scene_map.config import MapConfig
from autoseg3d_core.scene_map.places import BLOCK_BITS, BLOCK_CELLS, BLOCK_VOXELS, change_of
from autoseg3d_core.scene_map.relocation import Relocation, blocks_of, meet, merge
from autoseg3d_core.structures import (
    NO_ID,
    NO_VOTE,
    HeldVoxels,
    InputError,
    MapBlocks,
    MapChange,
    MapContent,
    MapVoxels,
    Moves,
    TogetherVotes,
)

RELABEL_MARGIN_M = 0.3


class SceneMap:
    """Bounded votes for track ids; `integrate` writes, `ids_at` reads, `relabel` follows joins."""

    def __init__(self, config: MapConfig, device: torch.device | str = "cpu") -> None:
        self.config = config
        self.device = torch.device(device)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._blocks = Blocks(self.config.max_blocks, self.device)
        self._waiting: tuple[Relocation, ...] = ()

    def __len__(self) -> int:
        """Return the number of blocks held, without those that wait to be moved."""
        return len(self._blocks)

    @property
    def bytes_held(self) -> int:
        """Return the bytes of the blocks held."""
        return (len(self) + self.waiting) * self._blocks.bytes_per_block

    @property
    def waiting(self) -> int:
        """The number of blocks that wait to be moved."""
        return sum(len(relocation.keys) for relocation in self._waiting)

    @property
    def block_edge_m(self) -> float:
        """The edge of a block in metres."""
        return self.config.voxel_size_m * (1 << BLOCK_BITS)

    def ids_at(self, keys: Int64[Tensor, " voxels"]) -> Int64[Tensor, " voxels"]:
        """Return the track id that each voxel votes for, `NO_ID` where the map has none."""
        address, known = self._blocks.locate(keys)
        return torch.where(known, self._blocks.ids.view(-1)[address].long(), NO_ID)

    def integrate(
        self,
        keys: Int64[Tensor, " voxels"],
        ids: Int64[Tensor, " voxels"],
        rgb: UInt8[Tensor, "voxels 3"],
        now: int,
        keyframe: int = 0,
    ) -> tuple[MapChange, int]:
        """Let each voxel (keys are distinct) vote for an id, `NO_ID` for none, or not (`NO_VOTE`).

        `now` counts frames; what changes hands belongs to the keyframe. Returns what the ids gained and lost,
        and the blocks dropped to make room.
        """
        blocks = self._blocks
        wanted = blocks_of(keys)
        dropped, evicted = self._make_room(wanted)
        self._mark_seen(wanted, now)
        address, held = blocks.locate(keys)
        if len(blocks.free) == 0:  # there may have been no room for all of one frame
            address, keys, ids, rgb = address[held], keys[held], ids[held], rgb[held]
        old_ids, old_votes = blocks.ids.view(-1)[address].long(), blocks.votes.view(-1)[address].long()
        fresh, held, says = old_votes < 0, old_votes.clamp(min=0), ids != NO_VOTE
        weight = torch.where(ids == NO_ID, 1, self.config.object_votes)
        votes = torch.where(old_ids == ids, held + weight, held - weight)
        wins = says & (votes < 1)  # an id without votes gives way
        new_ids = torch.where(wins, ids, old_ids)
        votes = torch.where(says, torch.where(wins, weight, votes), held).clamp(max=self.config.max_votes)
        blocks.ids.view(-1)[address] = new_ids.int()
        blocks.votes.view(-1)[address] = votes.short()
        blocks.anchors.view(-1)[address[wins | fresh]] = keyframe
        self._blend(address, rgb, fresh)
        change = change_of(keys, old_ids, self._is_firm(held), new_ids, self._is_firm(votes))
        return dropped.append(change), evicted

    def relabel(
        self,
        old: Int64[Tensor, " pairs"],
        new: Int64[Tensor, " pairs"],
        boxes: Float[Tensor, "pairs 6"],
    ) -> MapChange:
        """Rewrite ids within the boxes (the tracks' own, in metres) of the tracks that lose them.

        A new id of 0 takes the votes away. Returns what the ids gained and lost; blocks that wait to be moved
        follow when they are.
        """
        if len(old) == 0:
            return self._nothing()
        self._waiting = tuple(relocation.rename(old, new) for relocation in self._waiting)
        blocks = self._blocks.touching(boxes, self.block_edge_m, RELABEL_MARGIN_M)
        rows = self._blocks.rows[blocks]
        here = self._blocks.ids[rows].long()  # (blocks, BLOCK_VOXELS)
        order = torch.argsort(old)
        place = torch.searchsorted(old[order], here).clamp(max=len(old) - 1)
        hit = old[order][place] == here
        there = torch.where(hit, new[order][place], here)
        firm = self._is_firm(self._blocks.votes[rows])
        self._blocks.ids[rows] = there.int()
        self._blocks.votes[rows] = torch.where(hit & (there == 0), 0, self._blocks.votes[rows])
        block, local = hit.nonzero(as_tuple=True)
        keys = voxel_keys(self._blocks.keys[blocks[block]], local)
        return change_of(keys, here[hit], firm[hit], there[hit], firm[hit] & (there[hit] > 0))

    def owned_in(self, blocks: Int64[Tensor, " blocks"], most: int, turn: int) -> HeldVoxels:
        """Return the voxels that carry an id, in the blocks of these keys that are held.

        Of more than `most` blocks those are taken whose turn it is: successive turns come to all of them.
        """
        held = self._blocks.places_of(blocks)
        apart = -(-len(held) // most)
        held = held[turn % apart :: apart] if apart > 1 else held
        ids = self._blocks.ids.index_select(0, self._blocks.rows[held])
        place = (ids.flatten() > 0).nonzero()[:, 0]
        block, local = place >> (3 * BLOCK_BITS), place & (BLOCK_VOXELS - 1)
        inside = BLOCK_CELLS.to(self.device)
        return HeldVoxels(unpack(self._blocks.keys[held]) << BLOCK_BITS, inside, block, local)

    def take_votes(self, keys: Int64[Tensor, " voxels"], votes: int) -> MapChange:
        """Take votes from voxels that the map holds; those left without any then belong to no track."""
        blocks = self._blocks
        address, known = blocks.locate(keys)
        address, keys = address[known], keys[known]
        ids, held = blocks.ids.view(-1)[address].long(), blocks.votes.view(-1)[address].long()
        left = torch.where(held < 0, held, (held - votes).clamp(min=0))
        kept = torch.where(left > 0, ids, NO_ID)
        blocks.ids.view(-1)[address], blocks.votes.view(-1)[address] = kept.int(), left.short()
        return change_of(keys, ids, self._is_firm(held), kept, self._is_firm(left))

    def relocate(self, moves: Moves, near: Float64[Tensor, "3"]) -> None:
        """Let everything move with its keyframe; `carry_on` does it, nearest to a place first."""
        keys, rows = self._blocks.detach()
        fresh = Relocation(keys, rows, moves).nearest_first(near, self.block_edge_m)
        waiting = (*(relocation.then(moves) for relocation in self._waiting), fresh)
        self._waiting = tuple(relocation for relocation in waiting if len(relocation.keys))

    def carry_on(self, most: int) -> tuple[MapChange, int, TogetherVotes]:
        """Move so many of the blocks that wait, at most.

        Returns what the ids gained and lost, the blocks dropped to make room, and which ids met how often.
        """
        if not self._waiting:
            return self._nothing(), 0, TogetherVotes.empty(self.device)
        (batch, rest), others = self._waiting[0].split(most), self._waiting[1:]
        self._waiting = (rest, *others) if len(rest.keys) else others
        before, row = self._blocks.read(batch.keys, batch.rows)
        seen, times = self._blocks.last_seen[row], self._blocks.times_seen[row]
        self._blocks.free = torch.cat([self._blocks.free, batch.rows])
        after = batch.moved(before, self.config.voxel_size_m)
        landing = blocks_of(after.keys)
        dropped, evicted = self._make_room(landing)
        met = meet(after, self._blocks.read_at(landing))
        there = self._blocks.known_at(torch.unique(after.keys))
        merged = merge(there.append(after), self.config.max_votes)
        self._blocks.write(merged)
        address, held = self._blocks.locate(after.keys)
        row = (address // self._blocks.ids.shape[1])[held]
        self._blocks.last_seen.scatter_reduce_(0, row, seen[held], "amax")
        self._blocks.times_seen.scatter_reduce_(0, row, times[held], "amax")
        lost = self._gained(before.append(there))
        lost = MapChange(lost.ids, lost.keys, -lost.voxels, -lost.firm)
        gained = self._gained(merged[self._blocks.locate(merged.keys)[1]])
        return dropped.append(lost).append(gained), evicted, met

    def voxels(self) -> MapVoxels:
        """Return every voxel seen so far; costs as much as the map is large."""
        found = self._blocks.read(self._blocks.keys, self._blocks.rows)[0]
        for relocation in self._waiting:
            waiting = self._blocks.read(relocation.keys, relocation.rows)[0]
            found = merge(
                found.append(relocation.moved(waiting, self.config.voxel_size_m)), self.config.max_votes
            )
        return found

    def content(self) -> MapContent:
        """Return all that the map holds when nothing waits to be moved; costs as much as the map is large."""
        assert not self._waiting, "carry on first"
        rows = self._blocks.rows
        seen, times = self._blocks.last_seen[rows], self._blocks.times_seen[rows]
        return MapContent(MapBlocks(self._blocks.keys, seen, times), self.voxels())

    def restore(self, content: MapContent) -> None:
        """Hold what another map held, and nothing else; raises `InputError` where there is no room for it."""
        count, room = len(content.blocks), self.config.max_blocks
        if count > room:
            raise InputError(
                f"the saved scene map has {count} blocks: set map.max_blocks={count}, now {room}"
            )
        self.clear()
        blocks, order = self._blocks, torch.argsort(content.blocks.keys)
        blocks.hold(content.blocks.keys[order])
        blocks.last_seen[blocks.rows] = content.blocks.last_seen[order]
        blocks.times_seen[blocks.rows] = content.blocks.times_seen[order]
        blocks.write(content.voxels)

    def _is_firm(self, votes: Tensor) -> Tensor:
        """Tell which voxels have more votes than one sighting gives."""
        return votes > self.config.object_votes

    def _gained(self, voxels: MapVoxels) -> MapChange:
        """Return what ids gain by voxels that carry them."""
        none = torch.zeros_like(voxels.ids)
        return change_of(voxels.keys, none, none > 0, voxels.ids, self._is_firm(voxels.votes))

    def _nothing(self) -> MapChange:
        none = self._blocks.keys[:0]
        return MapChange(none, none, none, none)

    def _make_room(self, wanted: Int64[Tensor, " blocks"]) -> tuple[MapChange, int]:
        """Give each block a row, as far as there is room.

        Returns what the ids lost because blocks had to go, and how many did.
        """
        wanted = wanted[: self.config.max_blocks]
        new = wanted[~self._blocks.holds(wanted)]
        dropped, evicted = self._nothing(), 0
        if len(new) > len(self._blocks.free) and self._waiting:
            dropped, evicted = self._drop_waiting(len(new) - len(self._blocks.free))
        lacking = len(new) - len(self._blocks.free)
        if lacking > 0:
            count = min(len(self), max(lacking, self.config.evict_blocks))
            change, count = self._evict(count, protected=wanted)
            dropped, evicted = dropped.append(change), evicted + count
        self._blocks.hold(new)
        return dropped, evicted

    def _mark_seen(self, blocks: Tensor, now: int) -> None:
        seen = self._blocks.rows[self._blocks.places_of(blocks)]
        self._blocks.last_seen[seen] = now
        self._blocks.times_seen[seen] += 1

    def _evict(self, count: int, protected: Tensor) -> tuple[MapChange, int]:
        """Drop the blocks seen least and longest ago, save the protected; return what ids lost by it."""
        blocks, is_protected = self._blocks, torch.isin(self._blocks.keys, protected)
        times = blocks.times_seen[blocks.rows].clamp(max=self.config.max_votes)
        worth = blocks.last_seen[blocks.rows] + times
        worth = torch.where(is_protected, torch.iinfo(torch.int64).max, worth)
        count = min(count, len(self) - int(is_protected.sum()))
        gone = torch.topk(worth, count, largest=False).indices
        lost = self._lost_with(blocks.keys[gone], blocks.rows[gone])
        blocks.drop(gone)
        return lost, count

    def _drop_waiting(self, count: int) -> tuple[MapChange, int]:
        """Drop blocks that wait to be moved, those last in the row; return what ids lost by it."""
        last = self._waiting[-1]
        kept, gone = last.split(max(len(last.keys) - count, 0))
        self._waiting = (*self._waiting[:-1], *((kept,) if len(kept.keys) else ()))
        self._blocks.free = torch.cat([self._blocks.free, gone.rows])
        return self._lost_with(gone.keys, gone.rows), len(gone.keys)

    def _lost_with(self, keys: Tensor, rows: Tensor) -> MapChange:
        """Return what ids lose with blocks of such keys in such rows."""
        held = self._blocks.read(keys, rows)[0]
        none = torch.zeros_like(held.ids)
        return change_of(held.keys, held.ids, self._is_firm(held.votes), none, none > 0)

    def _blend(self, address: Tensor, rgb: Tensor, fresh: Tensor) -> None:
        """Let a voxel's colour follow what is seen; a fresh voxel takes it over."""
        colors = self._blocks.rgb.view(-1, 3)
        old = torch.where(fresh[:, None], rgb, colors[address]).short()
        colors[address] = ((3 * old + rgb.short()) // 4).to(torch.uint8)
