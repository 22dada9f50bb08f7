import pytest
import torch

from autoseg3d_core.geometry.voxels import pack
from autoseg3d_core.scene_map import MapConfig, SceneMap

WHOLE_SPACE = torch.tensor([[-1e6, -1e6, -1e6, 1e6, 1e6, 1e6]])


def cube(low, high):
    axis = torch.arange(low, high)
    return pack(torch.cartesian_prod(axis, axis, axis))


def vote(scene, keys, track_id, now=0):
    ids = torch.full_like(keys, track_id)
    color = torch.full((len(keys), 3), 100, dtype=torch.uint8)
    return scene.integrate(keys, ids, color, now)


class DictionaryMap:
    """The slow twin: one dictionary entry per voxel."""

    def __init__(self, max_votes, object_votes):
        self.max_votes, self.object_votes, self.voxels = max_votes, object_votes, {}

    def integrate(self, keys, ids):
        for key, new in zip(keys.tolist(), ids.tolist(), strict=True):
            old, votes = self.voxels.get(key, (0, 0))
            weight = self.object_votes if new > 0 else 1
            if new == -1:
                self.voxels[key] = (old, votes)
            elif old == new:
                self.voxels[key] = (old, min(votes + weight, self.max_votes))
            elif votes - weight < 1:
                self.voxels[key] = (new, weight)
            else:
                self.voxels[key] = (old, votes - weight)


def test_the_map_agrees_with_a_dictionary():
    generator = torch.Generator().manual_seed(0)
    scene, twin = SceneMap(MapConfig(max_votes=9, object_votes=2)), DictionaryMap(9, 2)
    for now in range(40):
        cells = torch.unique(torch.randint(-12, 12, (600, 3), generator=generator), dim=0)
        keys = pack(cells)
        ids = torch.randint(-1, 4, (len(keys),), generator=generator)
        scene.integrate(keys, ids, torch.zeros(len(keys), 3, dtype=torch.uint8), now)
        twin.integrate(keys, ids)
    voxels = scene.voxels()
    found = dict(
        zip(voxels.keys.tolist(), zip(voxels.ids.tolist(), voxels.votes.tolist(), strict=True), strict=True)
    )
    assert found == twin.voxels


def test_the_reported_changes_add_up_to_the_content():
    generator = torch.Generator().manual_seed(1)
    scene, total = SceneMap(MapConfig(max_votes=3)), {}
    for now in range(30):
        keys = pack(torch.unique(torch.randint(-9, 9, (400, 3), generator=generator), dim=0))
        ids = torch.randint(-1, 5, (len(keys),), generator=generator)
        change, _ = scene.integrate(keys, ids, torch.zeros(len(keys), 3, dtype=torch.uint8), now)
        moved = (
            scene.relabel(torch.tensor([3]), torch.tensor([now % 3]), WHOLE_SPACE) if now % 7 == 0 else None
        )
        for part in (change, moved):
            for track_id, count in zip(part.ids.tolist(), part.voxels.tolist(), strict=True) if part else ():
                total[track_id] = total.get(track_id, 0) + count
    ids, counts = torch.unique(scene.voxels().ids, return_counts=True)
    held = {i: n for i, n in zip(ids.tolist(), counts.tolist(), strict=True) if i > 0}
    assert {i: n for i, n in total.items() if n} == held


def test_what_a_frame_finds_no_room_for_leaves_the_rest_as_it_is():
    scene = SceneMap(MapConfig(max_blocks=64))
    corners = 8 * torch.cartesian_prod(torch.arange(5), torch.arange(5), torch.arange(5))  # 125 blocks
    for now in range(3):
        ids = 1 + torch.arange(125)
        scene.integrate(pack(corners), ids, torch.zeros(125, 3, dtype=torch.uint8), now)
    found = scene.ids_at(pack(corners))
    assert int((found > 0).sum()) == 64
    assert torch.equal(found[found > 0], ids[found > 0])


def test_an_empty_map_knows_nothing():
    scene = SceneMap(MapConfig())
    assert torch.equal(scene.ids_at(cube(0, 3)), torch.zeros(27, dtype=torch.int64))
    assert len(scene.voxels()) == 0
    assert torch.equal(scene.ids_at(cube(0, 0)), torch.zeros(0, dtype=torch.int64))


def test_relabel_stays_within_the_box():
    scene = SceneMap(MapConfig(voxel_size_m=0.1))
    vote(scene, cube(0, 4), 1)
    vote(scene, cube(100, 104), 1)
    scene.relabel(torch.tensor([1]), torch.tensor([2]), torch.tensor([[0.0, 0, 0, 0.4, 0.4, 0.4]]))
    assert (scene.ids_at(cube(0, 4)) == 2).all()
    assert (scene.ids_at(cube(100, 104)) == 1).all()


def test_relabel_to_none_takes_the_votes_away():
    scene = SceneMap(MapConfig())
    for now in range(5):
        vote(scene, cube(0, 4), 1, now)
    scene.relabel(torch.tensor([1]), torch.tensor([0]), WHOLE_SPACE)
    vote(scene, cube(0, 4), 2, 6)
    assert (scene.ids_at(cube(0, 4)) == 2).all()


def test_a_full_map_drops_what_was_seen_least_and_longest_ago():
    scene = SceneMap(MapConfig(max_blocks=64, evict_blocks=8))
    steady, fleeting = cube(0, 8), cube(80, 88)
    for now in range(10):
        vote(scene, steady, 1, now)
    vote(scene, fleeting, 2, 10)
    dropped = 0
    for now in range(11, 90):
        vote(scene, steady, 1, now)
        change, blocks = vote(scene, cube(800 * now, 800 * now + 8), 100 + now, now)
        dropped += blocks
        assert len(scene) <= 64
        assert (change.voxels[change.ids == 1] >= 0).all()
    assert dropped > 0
    assert (scene.ids_at(steady) == 1).all()
    assert (scene.ids_at(fleeting) == 0).all()


def test_a_frame_larger_than_the_map_is_cut_and_nothing_fails():
    scene = SceneMap(MapConfig(max_blocks=64))
    vote(scene, cube(0, 48), 1)
    assert len(scene) == 64
    vote(scene, cube(-48, 0), 2, 1)
    assert len(scene) == 64


def test_a_voxel_takes_its_first_colour_over_and_a_quarter_of_each_later_one():
    scene, keys = SceneMap(MapConfig()), cube(0, 1)
    for rgb, expected in (([200, 100, 40], [200, 100, 40]), ([0, 100, 80], [150, 100, 50])):
        scene.integrate(keys, torch.ones_like(keys), torch.tensor([rgb], dtype=torch.uint8), 0)
        assert scene.voxels().rgb.tolist() == [expected]


@pytest.mark.parametrize(("sightings", "most", "stays"), [(3, 60, False), (30, 60, True), (30, 5, False)])
def test_what_was_seen_often_outlasts_what_was_seen_later_but_once(sightings, most, stays):
    scene = SceneMap(MapConfig(max_blocks=64, evict_blocks=1, max_votes=most))
    often, once = cube(0, 8), pack(8 * torch.tensor([[row, 0, 0] for row in range(1, 64)]))
    for now in range(sightings):
        vote(scene, often, 1, now)
    vote(scene, once, 2, sightings + 10)
    vote(scene, cube(8000, 8008), 3, sightings + 20)
    assert len(scene) == 64
    assert bool((scene.ids_at(often) == 1).all()) == stays
    assert bool((scene.ids_at(once) == 2).all()) != stays


def test_a_block_takes_six_and_a_half_kilobytes():
    scene = SceneMap(MapConfig())
    assert scene.bytes_held == 0
    vote(scene, cube(0, 9), 1)
    assert len(scene) == 8
    assert scene.bytes_held == 8 * 512 * (4 + 2 + 4 + 3)  # the id, votes, keyframe and colour of each voxel


def test_a_join_reaches_a_hand_beyond_the_box_of_what_was_seen():
    scene, box = SceneMap(MapConfig(voxel_size_m=0.1)), torch.tensor([[0.2, 0, 0, 0.6, 0.5, 0.5]])
    near, far = pack(torch.tensor([[8, 0, 0], [-1, 0, 0]])), pack(torch.tensor([[16, 0, 0], [-9, 0, 0]]))
    vote(scene, torch.cat([near, far]), 1)
    scene.relabel(torch.tensor([1]), torch.tensor([2]), box)  # blocks end at multiples of 0.8 m
    assert (scene.ids_at(near) == 2).all()
    assert (scene.ids_at(far) == 1).all()
