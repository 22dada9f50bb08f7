"""Voxels on their way to where corrected keyframes saw them, and what becomes of those that meet."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from autoseg3d_core.geometry.voxels import coarsen, pack, unpack
from autoseg3d_core.scene_map.places import block_of
from autoseg3d_core.structures import MapVoxels, Moves, TogetherVotes


@dataclass(frozen=True, eq=False)
class Relocation:
    """Blocks that still lie where poses used to be, those to be moved first in front, and how to move them.

    `renames` are the ids that were given up since, and what became of them, in order.
    """

    keys: Int64[Tensor, " blocks"]
    rows: Int64[Tensor, " blocks"]
    moves: Moves
    renames: tuple[tuple[Int64[Tensor, " ended"], Int64[Tensor, " ended"]], ...] = ()

    def nearest_first(self, place: Float64[Tensor, "3"], edge_m: float) -> Relocation:
        """Return the blocks ordered by how far they will be from a place; most moves are alike."""
        back = torch.linalg.inv(self.moves.moves[-1])
        before = back[:3, :3] @ place + back[:3, 3]
        off = (unpack(self.keys).double() + 0.5) * edge_m - before.to(self.keys.device)
        order = torch.argsort(off.square().sum(dim=1))
        return dataclasses.replace(self, keys=self.keys[order], rows=self.rows[order])

    def split(self, count: int) -> tuple[Relocation, Relocation]:
        """Return the first blocks, and the others."""
        return (
            dataclasses.replace(self, keys=self.keys[:count], rows=self.rows[:count]),
            dataclasses.replace(self, keys=self.keys[count:], rows=self.rows[count:]),
        )

    def then(self, moves: Moves) -> Relocation:
        """Return the same blocks with a later move after the one that they wait for."""
        both = moves.of(self.moves.numbers) @ self.moves.moves
        return dataclasses.replace(self, moves=Moves(self.moves.numbers, both))

    def rename(self, old: Int64[Tensor, " ended"], new: Int64[Tensor, " ended"]) -> Relocation:
        """Return the same blocks, in which an id will be another, or `NO_ID`."""
        return dataclasses.replace(self, renames=(*self.renames, (old, new)))

    def moved(self, voxels: MapVoxels, voxel_size_m: float) -> MapVoxels:
        """Return voxels of these blocks where they belong, under the ids of now; several may meet."""
        moves = self.moves.of(voxels.anchors.cpu()).to(voxels.keys.device)
        center = (unpack(voxels.keys).double() + 0.5) * voxel_size_m
        there = (moves[:, :3, :3] @ center[:, :, None])[:, :, 0] + moves[:, :3, 3]
        ids, votes = voxels.ids, voxels.votes
        for old, new in self.renames:
            ids, votes = _renamed(ids, votes, old, new)
        keys = pack(torch.floor(there / voxel_size_m).long())
        return dataclasses.replace(voxels, keys=keys, ids=ids, votes=votes)


def merge(voxels: MapVoxels, most_votes: int) -> MapVoxels:
    """Return one voxel for each key, in their order: votes for one id add, those for others take away.

    It carries the id with most votes, the lower of two in doubt, and the colour and the keyframe of the first
    voxel that has it.
    """
    keys, cell = torch.unique(voxels.keys, return_inverse=True)
    ids, name = torch.unique(voxels.ids, return_inverse=True)
    pairs, pair = torch.unique(cell * len(ids) + name, return_inverse=True)  # by cell, then by id
    votes = torch.zeros_like(pairs).index_add_(0, pair, voxels.votes)
    of_pair = pairs // max(len(ids), 1)
    total = torch.zeros_like(keys).index_add_(0, of_pair, votes)
    best = torch.zeros_like(keys).scatter_reduce(0, of_pair, votes, "amax")
    wins = votes == best[of_pair]
    winner = _first(of_pair[wins], wins.nonzero()[:, 0], len(keys))
    first = _first(pair, torch.arange(len(pair), device=pair.device), len(pairs))[winner]
    return MapVoxels(
        keys,
        ids[pairs[winner] % max(len(ids), 1)],
        (2 * best - total).clamp(0, most_votes),
        voxels.rgb[first],
        voxels.anchors[first],
    )


def meet(landed: MapVoxels, there: MapVoxels) -> TogetherVotes:
    """Return how many landed voxels of two ids lie where the other one is, in cubes of two voxels a side."""
    ids = torch.cat([landed.ids, there.ids])
    cubes, cube = torch.unique(coarsen(torch.cat([landed.keys, there.keys]), 1), return_inverse=True)
    named = ids > 0
    spread = cube[named], ids[named]
    low = torch.full_like(cubes, torch.iinfo(torch.int64).max).scatter_reduce(0, *spread, "amin")
    high = torch.zeros_like(cubes).scatter_reduce(0, *spread, "amax")
    of_landed = cube[: len(landed)]
    low, high = low[of_landed], high[of_landed]
    both = (landed.ids > 0) & (low < high) & ((landed.ids == low) | (landed.ids == high))
    pairs, counts = torch.unique(torch.stack([low[both], high[both]]), dim=1, return_counts=True)
    return TogetherVotes(pairs[0], pairs[1], counts)


def blocks_of(keys: Int64[Tensor, " voxels"]) -> Int64[Tensor, " blocks"]:
    """Return the keys of the blocks of voxels, ascending."""
    return torch.unique(block_of(keys))


def _renamed(ids: Tensor, votes: Tensor, old: Tensor, new: Tensor) -> tuple[Tensor, Tensor]:
    """Return the ids with old ones replaced, in any order; those replaced by none lose their votes."""
    order = torch.argsort(old)
    place = torch.searchsorted(old[order], ids).clamp(max=len(old) - 1)
    hit = old[order][place] == ids
    there = torch.where(hit, new[order][place], ids)
    return there, torch.where(hit & (there == 0), 0, votes)


def _first(group: Tensor, value: Tensor, count: int) -> Tensor:
    """Return the least value of each group; none is empty."""
    most = torch.iinfo(torch.int64).max
    return torch.full((count,), most, device=group.device).scatter_reduce(0, group, value, "amin")
