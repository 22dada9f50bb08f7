import pytest
import torch

from autoseg3d_core.geometry.voxels import pack, unpack
from autoseg3d_core.scene_map import MapConfig, SceneMap
from autoseg3d_core.scene_map.relocation import meet, merge
from autoseg3d_core.structures import MapVoxels, Moves

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


def rigid(turn_deg, place):
    move = torch.eye(4, dtype=torch.float64)
    turn = torch.tensor(turn_deg).deg2rad()
    move[:2, :2] = torch.tensor([[turn.cos(), -turn.sin()], [turn.sin(), turn.cos()]])
    move[:3, 3] = torch.tensor(place)
    return move


def carried(scene, blocks=10_000):
    """Carry out what waits; return what ids gained and lost by it."""
    total = {}
    while scene.waiting:
        change, _, _ = scene.carry_on(blocks)
        for track_id, count, firm in zip(
            change.ids.tolist(), change.voxels.tolist(), change.firm.tolist(), strict=True
        ):
            voxels, firmer = total.get(track_id, (0, 0))
            total[track_id] = voxels + count, firmer + firm
    return total


def content(scene):
    voxels = scene.voxels()
    columns = (voxels.keys, voxels.ids, voxels.votes, voxels.rgb[:, 0], voxels.anchors)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def two_keyframes(seed=0):
    """A map of which keyframe 4 saw one half, under ids 1 and 2, and keyframe 9 the other, under id 2."""
    generator = torch.Generator().manual_seed(seed)
    scene = SceneMap(MapConfig())
    for now, (keyframe, ids) in enumerate([(4, (1, 3)), (9, (2, 3)), (4, (1, 3))]):
        low = -20 if keyframe == 4 else 4
        keys = pack(torch.unique(torch.randint(low, low + 14, (1500, 3), generator=generator), dim=0))
        names = torch.randint(*ids, (len(keys),), generator=generator)
        scene.integrate(keys, names, torch.full((len(keys), 3), 40 * now, dtype=torch.uint8), now, keyframe)
    return scene


def test_every_voxel_moves_with_its_keyframe():
    scene, twin = two_keyframes(), two_keyframes().voxels()
    moves = Moves(torch.tensor([4, 9]), torch.stack([rigid(0.0, [0.8, 0.0, -0.4]), torch.eye(4).double()]))
    scene.relocate(moves, torch.zeros(3, dtype=torch.float64))
    assert len(scene) == 0
    seen = content(scene)
    carried(scene)
    shift = torch.tensor([20, 0, -10]) * (twin.anchors == 4)[:, None]  # which the other half is not near to
    keys = pack(unpack(twin.keys) + shift)
    columns = (keys, twin.ids, twin.votes, twin.rgb[:, 0], twin.anchors)
    want = {}
    for key, *rest in zip(*(column.tolist() for column in columns), strict=True):
        want.setdefault(key, []).append(rest)
    assert {key for key, *_ in content(scene)} == set(want)
    for key, *rest in content(scene):
        assert len(want[key]) > 1 or rest == want[key][0]
    assert seen == content(scene)  # who reads while all wait sees the same


@pytest.mark.parametrize("blocks", [1, 7, 1000])
def test_a_relocation_in_parts_reports_all_that_changes_and_ends_as_at_once(blocks):
    moves = Moves(
        torch.tensor([4, 9]), torch.stack([rigid(25.0, [0.7, 0.2, 0.1]), rigid(-40.0, [0.0, 0.1, 0.0])])
    )
    scene, whole = two_keyframes(), two_keyframes()
    before = counts(scene)
    for each, most in ((scene, blocks), (whole, 10_000)):
        each.relocate(moves, torch.zeros(3, dtype=torch.float64))
        total = carried(each, most)
        after = counts(each)
        for track_id, (voxels, firm) in total.items():
            assert after[track_id] == (before[track_id][0] + voxels, before[track_id][1] + firm)
    assert [row[0] for row in content(scene)] == [row[0] for row in content(whole)]
    assert 0.8 * len(two_keyframes().voxels()) < len(scene.voxels()) <= len(two_keyframes().voxels())


def counts(scene):
    voxels = scene.voxels()
    rows = [(voxels.ids == i) for i in range(1, 4)]
    return {i + 1: (int(row.sum()), int((row & (voxels.votes > 3)).sum())) for i, row in enumerate(rows)}


def test_a_later_relocation_of_what_still_waits_goes_on_from_the_first():
    first, second = rigid(30.0, [0.5, 0.3, 0.0]), rigid(-50.0, [0.1, -0.4, 0.2])
    near, numbers = torch.zeros(3, dtype=torch.float64), torch.tensor([4, 9])
    scene, once = two_keyframes(), two_keyframes()
    scene.relocate(Moves(numbers, torch.stack([first, first])), near)
    scene.relocate(Moves(numbers, torch.stack([second, second])), near)
    both = second @ first
    once.relocate(Moves(numbers, torch.stack([both, both])), near)
    carried(scene)
    carried(once)
    assert content(scene) == content(once)


def test_ids_that_end_while_blocks_wait_have_ended_when_they_arrive():
    scene = two_keyframes()
    before = counts(scene)
    moves = Moves(torch.tensor([4]), rigid(0.0, [4.0, 0.0, 0.0])[None])
    scene.relocate(moves, torch.zeros(3, dtype=torch.float64))
    scene.carry_on(2)
    scene.relabel(torch.tensor([1]), torch.tensor([3]), WHOLE_SPACE)
    scene.carry_on(2)
    scene.relabel(torch.tensor([3]), torch.tensor([0]), WHOLE_SPACE)
    carried(scene)
    assert counts(scene) == {1: (0, 0), 2: before[2], 3: (0, 0)}


def test_while_blocks_wait_the_farthest_of_them_make_room():
    scene = SceneMap(MapConfig(max_blocks=64))
    corners = 8 * torch.cartesian_prod(torch.arange(4), torch.arange(4), torch.arange(4))
    keys = pack(corners)
    scene.integrate(keys, torch.ones_like(keys), torch.zeros(64, 3, dtype=torch.uint8), 0)
    scene.relocate(
        Moves(torch.tensor([0]), rigid(0.0, [0.0, 40.0, 0.0])[None]), torch.tensor([0.0, 40.0, 0.0]).double()
    )
    new = pack(corners[:10] - 100)
    change, evicted = scene.integrate(new, 0 * new + 2, torch.zeros(10, 3, dtype=torch.uint8), 1)
    assert evicted == 10
    assert scene.waiting == 54
    assert int(change.voxels[change.ids == 1].sum()) == -10
    lost = unpack(change.keys[change.ids == 1])
    assert lost.sum(dim=1).min() >= 48  # blocks lie at 0 to 24 along each axis
    carried(scene)
    voxels = scene.voxels()
    assert sorted(voxels.ids.tolist()) == [1] * 54 + [2] * 10
    assert len(scene) == 64


def test_where_voxels_meet_votes_for_one_id_add_and_others_take_away():
    keys = torch.tensor([7, 7, 7, 9, 9, 11, 11])
    ids, votes = torch.tensor([2, 2, 5, 3, 4, 0, 6]), torch.tensor([3, 4, 2, 5, 5, 2, 9])
    rgb = torch.arange(21).view(7, 3).to(torch.uint8)
    merged = merge(MapVoxels(keys, ids, votes, rgb, torch.arange(7)), 6)
    assert merged.keys.tolist() == [7, 9, 11]
    assert merged.ids.tolist() == [2, 3, 6]
    assert merged.votes.tolist() == [5, 0, 6]  # 7 - 2, 5 - 5, and 9 - 2, but not above 6
    assert merged.anchors.tolist() == [0, 3, 6]
    assert torch.equal(merged.rgb, rgb[merged.anchors])


def test_ids_that_come_to_lie_in_one_place_are_counted():
    plane = pack(torch.cartesian_prod(torch.arange(10), torch.arange(10), torch.tensor([0])))
    other = pack(torch.cartesian_prod(torch.arange(5, 15), torch.arange(10), torch.tensor([1])))
    far = pack(torch.cartesian_prod(torch.arange(10), torch.arange(10), torch.tensor([3])))
    blank = torch.zeros(100, 3, dtype=torch.uint8)
    one = torch.ones(100, dtype=torch.int64)
    there = MapVoxels(plane, 2 * one, one, blank, one).append(MapVoxels(far, 9 * one, one, blank, one))
    met = meet(MapVoxels(other, 7 * one, one, blank, one), there)
    assert (met.older.tolist(), met.younger.tolist()) == ([2], [7])
    assert met.votes.tolist() == [50]
