"""Voxel memory: what is kept, what is near, what is dropped, and that distance costs nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from autoseg3d_core.modules import voxel_store
from autoseg3d_core.modules.voxel_memory import VoxelMemoryAdapter
from autoseg3d_core.modules.voxel_store import VoxelRows, VoxelStore
from autoseg3d_core.sparse.keys import pack_cells
from autoseg3d_core.sparse.tensor import sparse_batch, sparse_tensor


def some_rows(seed: int, shift: tuple[int, int, int] = (0, 0, 0), count: int = 400, span: int = 60):
    generator = torch.Generator().manual_seed(seed)
    cells = torch.unique(torch.randint(-span, span, (count, 3), generator=generator), dim=0)
    features = torch.randn(len(cells), 4, generator=generator)
    keys = pack_cells(torch.nn.functional.pad(cells + torch.tensor(shift), (1, 0)))
    return VoxelRows(keys, features)


def everything(store: VoxelStore) -> dict[tuple[int, ...], torch.Tensor]:
    return {
        tuple(cell): row
        for tile in store.tiles.values()
        for cell, row in zip(tile.rows.cells.tolist(), tile.rows.features, strict=True)
    }


def test_a_store_holds_the_voxelwise_maximum_of_all_it_saw():
    store, expected = VoxelStore(10**6), {}
    for seed in range(6):
        rows = some_rows(seed, shift=(7 * seed - 20, 0, -3 * seed))
        store = store.accumulated(rows)
        for cell, row in zip(map(tuple, rows.cells.tolist()), rows.features, strict=True):
            expected[cell] = torch.maximum(expected[cell], row) if cell in expected else row
    found = everything(store)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[cell], row) for cell, row in expected.items())
    assert store.voxels == len(expected)
    assert store.time == 6


def test_what_is_within_a_box_is_sorted_and_includes_its_border():
    rows = some_rows(0)
    store = VoxelStore(10**6).accumulated(rows)
    low, high = torch.tensor([-33.0, -10.0, 1.0]), torch.tensor([12.0, 31.5, 33.0])
    inside = ((rows.cells >= low) & (rows.cells <= high)).all(dim=1)
    found = store.within(low, high)
    assert torch.equal(found.keys, rows.keys[inside])
    assert torch.equal(found.features, rows.features[inside])
    corner = rows.cells[0].double()
    assert len(store.within(corner, corner)) == 1


def test_accumulating_leaves_the_old_store_as_it_was():
    first = VoxelStore(10**6).accumulated(some_rows(0))
    before = {cell: row.clone() for cell, row in everything(first).items()}
    first.accumulated(some_rows(1))
    assert all(torch.equal(everything(first)[cell], row) for cell, row in before.items())


def test_a_full_store_drops_what_was_touched_longest_ago_and_stays_within_its_cap():
    store = VoxelStore(max_voxels=1500)
    frames = [some_rows(seed, shift=(200 * seed, 0, 0)) for seed in range(10)]
    for frame in frames:
        store = store.accumulated(frame)
        assert store.voxels <= 1500
        assert store.voxels == len(everything(store))
    assert store.dropped > 0
    kept = everything(store)
    assert all(tuple(cell) in kept for cell in frames[-1].cells.tolist())
    assert not any(tuple(cell) in kept for cell in frames[0].cells.tolist())


def test_a_place_seen_again_outlives_one_seen_before_it_and_never_again():
    here, there, elsewhere = (some_rows(seed, shift=(200 * seed, 0, 0)) for seed in range(3))
    store = VoxelStore(max_voxels=len(here) + len(there) + len(elsewhere) - 1)
    for frame in (here, there, here, elsewhere):
        store = store.accumulated(frame)
    kept = everything(store)
    assert all(tuple(cell) in kept for cell in here.cells.tolist())
    assert not all(tuple(cell) in kept for cell in there.cells.tolist())
    touched = [tile.touched for tile in store.tiles.values()]
    assert touched == sorted(touched)


def test_a_frame_larger_than_the_cap_is_kept_whole():
    rows = some_rows(0)
    assert VoxelStore(max_voxels=10).accumulated(rows).voxels == len(rows)


def test_an_empty_frame_only_passes_time():
    store = VoxelStore(100).accumulated(some_rows(0, count=0))
    assert store.is_empty
    assert store.time == 1


def test_tiles_far_from_the_camera_are_not_touched():
    far = VoxelStore(10**6)
    for seed in range(5):
        far = far.accumulated(some_rows(seed, shift=(1000 * (seed + 1), 500, 0)))
    after = far.accumulated(some_rows(9))
    assert all(after.tiles[index] is tile for index, tile in far.tiles.items())


@pytest.mark.parametrize("told", [1, 2, 256])
def test_tiles_are_told_whole_however_many_they_are(told, monkeypatch):
    monkeypatch.setattr(voxel_store, "TOLD", told)
    cells = some_rows(3, span=200).cells - 100
    tiles = voxel_store.Tiles.of(cells)
    expected, sizes = np.unique(cells.numpy() >> voxel_store.TILE_BITS, axis=0, return_counts=True)
    assert tiles.index == [tuple(tile) for tile in expected.tolist()]
    assert tiles.sizes == sizes.tolist()
    assert (torch.tensor(tiles.index)[tiles.of_cell] == cells >> voxel_store.TILE_BITS).all()
    assert len(tiles.index) > 2


def test_a_tile_keeps_no_memory_of_others_alive():
    store = VoxelStore(10**6).accumulated(some_rows(0))
    for tile in store.tiles.values():
        assert tile.rows.features.untyped_storage().nbytes() == tile.rows.features.numel() * 4


def levels_of(cells: torch.Tensor, seed: int):
    torch.manual_seed(seed)
    finest = sparse_tensor(torch.zeros(len(cells), 1), cells)
    geometry = finest.geometry
    return [
        type(finest)(torch.rand(len(geometry.level(s)), width), s, geometry) for s, width in ((2, 4), (4, 6))
    ]


def filled_adapter() -> VoxelMemoryAdapter:
    torch.manual_seed(0)
    adapter = VoxelMemoryAdapter((4, 6)).eval()
    for parameter in adapter.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return adapter


def test_a_new_adapter_changes_nothing_but_remembers():
    cells = some_rows(0).cells
    levels = levels_of(cells, 0)
    adapter = VoxelMemoryAdapter((4, 6)).eval()
    adapted, [memory] = adapter(levels, [adapter.new_memory()])
    for level, out, store in zip(levels, adapted, memory.stores, strict=True):
        assert torch.equal(level.features, out.features)
        assert store.voxels == len(level)


def test_a_new_adapter_learns_with_all_of_its_parts():
    torch.manual_seed(0)
    adapter = VoxelMemoryAdapter((4, 6)).train()
    memories = [adapter.new_memory()]
    optimizer = torch.optim.SGD(adapter.parameters(), lr=1e-3)
    for _ in range(2):  # the first step opens the way to the kernels
        optimizer.zero_grad()
        outs, _ = adapter(levels_of(some_rows(0).cells, 0), memories)
        sum((out.features.square().sum() for out in outs), torch.zeros(())).backward()
        optimizer.step()
    assert all(bool(p.grad.abs().sum() > 0) for p in adapter.parameters())


def test_a_batch_of_two_scenes_is_two_scenes():
    adapter = filled_adapter()
    start = adapter.new_memory()
    clouds = [
        [some_rows(10 * scene + t, shift=(9 * t, 5 * scene, 0)).cells for t in range(3)] for scene in (0, 1)
    ]
    alone = []
    for scene, frames in enumerate(clouds):
        memories = [start]
        for t, cells in enumerate(frames):
            outs, memories = adapter(levels_of(cells, 10 * scene + t), memories)
        alone.append(outs)
    memories = [start, start]
    for t in range(3):
        singles = [levels_of(clouds[scene][t], 10 * scene + t) for scene in (0, 1)]
        finest = sparse_batch([torch.zeros(len(c[t]), 1) for c in clouds], [c[t] for c in clouds])
        joined = [
            type(finest)(torch.cat([a.features, b.features]), a.stride, finest.geometry)
            for a, b in zip(*singles, strict=True)
        ]
        outs, memories = adapter(joined, memories)
    for out, a, b in zip(outs, *alone, strict=True):
        torch.testing.assert_close(out.features, torch.cat([a.features, b.features]), rtol=1e-5, atol=1e-5)


def test_an_empty_frame_first_or_between_does_not_fail():
    adapter = filled_adapter()
    memories = [adapter.new_memory()]
    none = torch.zeros(0, 3, dtype=torch.int64)
    for cells in (none, some_rows(0).cells, none, some_rows(1).cells):
        outs, memories = adapter(levels_of(cells, 1), memories)
        assert all(torch.isfinite(out.features).all() for out in outs)
    assert memories[0].stores[0].time == 4


def test_gradients_reach_the_adapter_through_what_it_remembered():
    adapter = filled_adapter().train()
    memories = [adapter.new_memory()]
    total = torch.zeros(())
    for t in range(2):
        outs, memories = adapter(levels_of(some_rows(t).cells, t), memories)
        total = sum((out.features.sum() for out in outs), torch.zeros(()))
    total.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in adapter.parameters())


@pytest.mark.parametrize(("level", "cap"), [(0, 1000), (1, 500), (3, 125)])
def test_every_level_may_take_the_same_number_of_bytes(level, cap):
    assert VoxelMemoryAdapter((4, 6, 8, 8)).new_memory(max_voxels=1000).stores[level].max_voxels == cap
