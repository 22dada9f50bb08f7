"""Boxes of tracks: what the firm voxels of the scene map say, whatever once ran over."""

import dataclasses

import pytest
import torch

from autoseg3d_core.geometry.voxels import cells_of, pack, unpack
from autoseg3d_core.scene_map import MapConfig, SceneMap
from autoseg3d_core.structures import EXTENT_BINS, NoRows, Tracks
from autoseg3d_core.tracking.extent import count_voxels, track_boxes

SIZE = 0.04
EVERYWHERE = torch.tensor([[-1e6, -1e6, -1e6, 1e6, 1e6, 1e6]])


def tracks_at(centroids, reach):
    empty, count = Tracks.empty(), len(centroids)
    rows = {
        field.name: getattr(empty, field.name).new_zeros(count, *getattr(empty, field.name).shape[1:])
        for field in dataclasses.fields(empty)
        if field.name != "remembered"
    }
    rows |= {
        "remembered": NoRows.of(count),
        "ids": 1 + torch.arange(count),
        "centroids": torch.tensor(centroids),
        "world_reach": torch.tensor(reach),
    }
    return Tracks(**rows)


def surface(low, high):
    """The voxels of the faces of a cuboid, in cells from `low` until `high`."""
    cells = torch.cartesian_prod(*(torch.arange(a, b) for a, b in zip(low, high, strict=True)))
    outer = ((cells == torch.tensor(low)) | (cells == torch.tensor(high) - 1)).any(dim=1)
    return pack(cells[outer])


def see(scene, tracks, keys, track_id, now=0):
    ids = torch.full_like(keys, track_id)
    change, _ = scene.integrate(keys, ids, torch.zeros(len(keys), 3, dtype=torch.uint8), now)
    return count_voxels(tracks, change)


@pytest.mark.parametrize("shift", [(0, 0, 0), (-70, 31, 5), (100_000, -250_000, 64)])
def test_the_box_of_a_cuboid_seen_often_is_its_own_wherever_it_stands(shift):
    low = [s - 10 for s in shift]
    high = [s + h for s, h in zip(shift, (30, 5, 12), strict=True)]
    wrong = [-1.0] * 3 + [1.0] * 3
    scene = SceneMap(MapConfig())
    tracks = tracks_at([[SIZE * s for s in shift]], [wrong])
    for now in range(3):
        tracks = see(scene, tracks, surface(low, high), 1, now)
    box = track_boxes(tracks, SIZE)
    torch.testing.assert_close(box, SIZE * torch.tensor([low + high]).float())


def test_one_bad_frame_does_not_stretch_the_box():
    scene, tracks = SceneMap(MapConfig()), tracks_at([[0.0, 0.0, 0.0]], [[-9.0] * 3 + [9.0] * 3])
    chair = surface((-10, -10, -10), (10, 10, 10))
    for now in range(4):
        tracks = see(scene, tracks, chair, 1, now)
    before = track_boxes(tracks, SIZE)
    tracks = see(scene, tracks, surface((-40, -40, -12), (40, 40, -10)), 1, 5)
    assert torch.equal(track_boxes(tracks, SIZE), before)


def test_a_track_seen_once_has_the_box_it_was_seen_in():
    scene, reach = SceneMap(MapConfig()), [[-0.5] * 3 + [0.5] * 3]
    tracks = see(scene, tracks_at([[0.0] * 3], reach), surface((-3, -3, -3), (3, 3, 3)), 1)
    assert torch.equal(track_boxes(tracks, SIZE), torch.tensor(reach))


def test_what_goes_round_the_ruler_has_the_box_of_its_reach():
    scene, reach = SceneMap(MapConfig()), [[-9.0] * 3 + [9.0] * 3]
    tracks = tracks_at([[0.0] * 3], reach)
    for now in range(3):
        tracks = see(scene, tracks, surface((-90, -3, -3), (90, 3, 3)), 1, now)
    box = track_boxes(tracks, SIZE)[0]
    assert box[[0, 3]].tolist() == [-9.0, 9.0]
    torch.testing.assert_close(box[[1, 2, 4, 5]], SIZE * torch.tensor([-3.0, -3, 3, 3]))


def test_without_tracks_there_are_no_boxes():
    assert track_boxes(Tracks.empty(), SIZE).shape == (0, 6)


def test_counts_kept_up_are_those_of_the_map_counted_anew():
    generator = torch.Generator().manual_seed(3)
    scene = SceneMap(MapConfig(max_blocks=64, evict_blocks=4))
    tracks = tracks_at([[0.0] * 3] * 5, [[0.0] * 6] * 5)
    for now in range(60):
        middle = torch.randint(-40, 40, (1, 3), generator=generator)
        near = torch.randint(-9, 9, (3000, 3), generator=generator)
        keys = torch.unique(pack(middle + near))
        noise = torch.randint(-1, 6, (len(keys),), generator=generator)
        ids = torch.where(noise > 2, 1 + unpack(keys)[:, 0] // 9 % 5, noise)
        change, _ = scene.integrate(keys, ids, torch.zeros(len(keys), 3, dtype=torch.uint8), now)
        tracks = count_voxels(tracks, change)
        if now % 9 == 0:
            heir = torch.tensor([now % 3])
            tracks = count_voxels(tracks, scene.relabel(torch.tensor([3]), heir, EVERYWHERE))
    voxels = scene.voxels()
    firm = voxels[voxels.votes > scene.config.object_votes]
    anew = torch.zeros(5, 3, EXTENT_BINS, dtype=torch.int32)
    for track_id, cell in zip(firm.ids.tolist(), unpack(firm.keys).tolist(), strict=True):
        if track_id:
            for axis in range(3):
                anew[track_id - 1, axis, cell[axis] % EXTENT_BINS] += 1
    assert int(anew.sum()) > 0
    assert torch.equal(tracks.extent, anew)
    assert torch.equal(tracks.voxels, torch.bincount(voxels.ids, minlength=6)[1:])


def test_the_ruler_and_the_grid_count_alike():
    xyz = torch.tensor([[-0.01, 0.0, 0.05]])
    assert torch.equal(unpack(pack(cells_of(xyz, SIZE))), torch.tensor([[-1, 0, 1]]))
