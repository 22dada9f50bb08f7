"""Free space: what is seen through loses its votes; holes, edges, grazing rays and noise carve nothing."""

import dataclasses

import numpy as np
import pytest
import torch
from mask_maker_of import MaskMakerOf
from raycast_rooms import CAMERA, CRATE, CUPBOARD, TABLE, jittered, looking, masks_of, segmenter, view

from autoseg3d_core.carving import CarvingConfig, FreeSpace
from autoseg3d_core.geometry.voxels import cells_of, pack, unpack
from autoseg3d_core.scene_map import MapConfig, SceneMap
from autoseg3d_core.structures import CameraIntrinsics, EventKind, Frame, MaskImage, Presence
from autoseg3d_core.tracking.presence import is_seen_through, presence_of

VOXEL = 0.04


def free_space(depth, **config):
    frame = Frame(np.zeros((*depth.shape, 3), np.uint8), depth, CAMERA, np.eye(4), 1)
    return FreeSpace.of(frame, CarvingConfig(**config), VOXEL)


def on_axis(*depths):
    return torch.tensor([[0.0, 0.0, z] for z in depths])


def wall(depth=3.0):
    return np.full((CAMERA.height, CAMERA.width), depth, np.float32)


def test_what_lies_before_a_wall_is_seen_through_and_the_wall_and_what_lies_behind_it_is_not():
    seen = free_space(wall()).sees_through(on_axis(1.0, 2.0, 2.8, 2.95, 3.0, 3.2, -1.0))
    assert seen.tolist() == [True, True, True, False, False, False, False]


def test_nothing_beyond_the_farthest_depth_or_outside_the_image_is_seen_through():
    free = free_space(wall(9.0), farthest_m=2.0)
    assert free.sees_through(on_axis(1.9, 2.1)).tolist() == [True, False]
    assert not free.sees_through(torch.tensor([[5.0, 0, 1.5], [0, -5.0, 1.5], [-0.85, 0, 1.5]])).any()


@pytest.mark.parametrize(("margin", "share", "last"), [(0.3, 0.0, 2.7), (0.0, 0.2, 2.5), (0.3, 0.2, 2.25)])
def test_a_place_is_free_where_the_wall_is_farther_by_more_than_both_margins(margin, share, last):
    free = free_space(wall(3.0), margin_m=margin, margin_share=share)
    assert free.sees_through(on_axis(last - 0.01, last + 0.01)).tolist() == [True, False]


def test_depth_that_errs_within_the_margin_carves_nothing_of_a_surface_and_beyond_it_carves_it():
    noise = np.random.default_rng(0).uniform(0.5, 1.0, (CAMERA.height, CAMERA.width))
    far = (2.0 + 0.1 * noise).astype(np.float32)  # all readings 5 to 10 cm too far
    surface = on_axis(2.0)
    assert not free_space(far, margin_m=0.1, margin_share=0.0).sees_through(surface).any()
    assert not free_space(far, margin_m=0.0, margin_share=0.05).sees_through(surface).any()
    assert free_space(far, margin_m=0.04, margin_share=0.0).sees_through(surface).all()
    assert free_space(far, margin_m=0.0, margin_share=0.02).sees_through(surface).all()


def test_a_place_so_near_that_the_error_of_the_pose_hides_it_is_never_free():
    for pose_error_m, is_free in (
        (0.3, True),
        (0.34, False),
    ):  # 31.2 and 35 px; 16 tiles of 2 px are the most
        free = free_space(wall(), pose_error_m=pose_error_m, pose_error_deg=0.0)
        assert free.sees_through(on_axis(1.5)).tolist() == [is_free]


def test_what_lies_before_a_near_wall_is_seen_through_too():
    assert free_space(wall(0.9)).sees_through(on_axis(0.5)).all()


@pytest.mark.parametrize("nothing", [0.0, np.nan, np.inf])
def test_a_hole_in_depth_carves_nothing_and_single_missing_pixels_do_no_harm(nothing):
    hole = wall()
    hole[52:68, 72:88] = nothing
    assert not free_space(hole).sees_through(on_axis(1.5)).any()
    sparse = wall()
    sparse[::5, ::5] = nothing  # a pixel of some tiles of 2 x 2
    assert free_space(sparse).sees_through(on_axis(1.5)).all()


def test_beside_something_nearer_nothing_is_seen_through():
    edge = wall()
    edge[:, 84:] = 1.0  # 5 px to the right of the axis
    assert not free_space(edge).sees_through(on_axis(1.5)).any()
    edge[:] = 3.0
    edge[:, 130:] = 1.0
    assert free_space(edge).sees_through(on_axis(1.5)).all()


@pytest.mark.parametrize(
    ("pose_error_m", "pose_error_deg", "tiles"),
    [(0.0, 0.0, 2), (0.03, 0.0, 3), (0.0, 3.0, 6), (0.03, 3.0, 8)],
)
def test_how_far_around_a_place_all_has_to_be_farther_follows_from_the_errors_of_the_pose(
    pose_error_m, pose_error_deg, tiles
):
    """A voxel of 4 cm at 1.5 m takes 3.2 px to each side; 3 cm there are 2.8 px, and 3 degrees 7.3 px."""
    own, tile = 39, 2  # the place lies on the edge of the fortieth tile of 2 pixels
    for nearer_from, is_free in ((own + tiles, False), (own + tiles + 1, True)):
        depth = wall()
        depth[:, tile * nearer_from :] = 1.0
        free = free_space(depth, pose_error_m=pose_error_m, pose_error_deg=pose_error_deg)
        assert free.sees_through(on_axis(1.5)).tolist() == [is_free]


def test_a_picture_of_twice_the_size_is_looked_at_as_finely_and_says_the_same():
    random = np.random.default_rng(0)
    depth = np.kron(random.uniform(1.0, 4.0, (15, 20)), np.ones((8, 8))).astype(np.float32)
    xyz = torch.from_numpy(random.uniform([-1, -0.8, 0.5], [1, 0.8, 3.5], (3000, 3))).float()
    twice = CameraIntrinsics(280.0, 280.0, 159.5, 119.5, 320, 240)
    large = np.kron(depth, np.ones((2, 2), np.float32))
    frame = Frame(np.zeros((240, 320, 3), np.uint8), large, twice, np.eye(4), 1)
    few = free_space(depth).sees_through(xyz)
    many = FreeSpace.of(frame, CarvingConfig(), VOXEL).sees_through(xyz)
    assert 0.02 < few.float().mean() < 0.9
    assert (few == many).float().mean() > 0.97  # but for half a pixel of the middle


@pytest.mark.parametrize(("yaw", "pitch"), [(0.0, -50.0), (37.0, 20.0), (160.0, 20.0)])
def test_the_cubes_in_view_are_those_that_hold_a_place_in_view(yaw, pitch):
    pose = looking(yaw, pitch, place=(3.0, -2.0, 1.0))
    frame = dataclasses.replace(view(looking(0), {}), world_from_camera=pose)
    free = FreeSpace.of(frame, CarvingConfig(farthest_m=3.0), VOXEL)
    random = np.random.default_rng(0)
    ray = np.column_stack(
        [
            (random.uniform(0, 160, 4000) - 79.5) / 140,
            (random.uniform(0, 120, 4000) - 59.5) / 140,
            np.ones(4000),
        ]
    )
    inside = (ray * random.uniform(0.1, 2.99, (4000, 1))) @ pose[:3, :3].T + pose[:3, 3]
    cubes = free.cubes_in_view(0.32)
    assert torch.isin(pack(cells_of(torch.from_numpy(inside), 0.32)), cubes).all()
    assert 150 < len(cubes) < 1500  # the frustum holds 5.9 m3, which is 180 cubes, and its surface more
    middles = (unpack(cubes).double() + 0.5) * 0.32
    assert torch.cdist(middles, torch.from_numpy(inside)).amin(dim=1).max() < 0.8


def test_votes_taken_from_a_voxel_agree_with_counting_and_the_last_one_frees_it():
    scene = SceneMap(MapConfig(max_votes=9))
    keys = pack(torch.tensor([[0, 0, 0], [9, 0, 0], [0, 30, 0]]))
    for now, ids in enumerate(([1, 1, 2], [1, 0, 2], [1, 0, 0])):
        scene.integrate(keys, torch.tensor(ids), torch.zeros(3, 3, dtype=torch.uint8), now)
    before = {int(k): (int(i), int(v)) for k, i, v in zip(*_columns(scene), strict=True)}
    assert [before[int(k)] for k in keys] == [(1, 9), (1, 1), (2, 5)]
    change = scene.take_votes(torch.cat([keys, pack(torch.tensor([[500, 0, 0], [1, 0, 0]]))]), 4)
    after = {int(k): (int(i), int(v)) for k, i, v in zip(*_columns(scene), strict=True)}
    assert [after[int(k)] for k in keys] == [(1, 5), (0, 0), (2, 1)]
    assert len(after) == len(before)
    moved = {i: int(change.voxels[change.ids == i].sum()) for i in (1, 2)}
    firm = {i: int(change.firm[change.ids == i].sum()) for i in (1, 2)}
    assert (moved, firm) == ({1: -1, 2: 0}, {1: 0, 2: -1})


def _columns(scene):
    voxels = scene.voxels()
    return voxels.keys, voxels.ids, voxels.votes


def keys_in(scene, blocks, most, turn):
    held = scene.owned_in(blocks, most, turn)
    return pack(held.cells_of(torch.ones(len(held), dtype=torch.bool)))


def test_map_voxels_are_seen_through_where_their_middles_are_wherever_the_world_begins():
    random = np.random.default_rng(0)
    for far in (0.0, 5000.0):
        pose = looking(37.0, 20.0, place=(far + 3.0, -far - 2.0, 1.0))
        depth = random.uniform(1.0, 4.0, (15, 20)).repeat(8, axis=0).repeat(8, axis=1).astype(np.float32)
        frame = Frame(np.zeros((120, 160, 3), np.uint8), depth, CAMERA, pose, 1)
        free = FreeSpace.of(frame, CarvingConfig(), VOXEL)
        scene = SceneMap(MapConfig())
        xyz = random.uniform(-2.5, 2.5, (6000, 3)) + pose[:3, 3] + 1.5 * pose[:3, 2]
        keys = torch.unique(pack(cells_of(torch.from_numpy(xyz), VOXEL)))
        scene.integrate(keys, torch.ones_like(keys), torch.zeros(len(keys), 3, dtype=torch.uint8), 0)
        held = scene.owned_in(free.cubes_in_view(scene.block_edge_m), 10**6, 0)
        middles = (unpack(keys).double() + 0.5) * VOXEL
        wanted = keys[free.sees_through(middles)]
        found = pack(held.cells_of(free.sees_through_voxels(held)))
        assert len(wanted) > 50
        assert torch.equal(found.sort().values, wanted)


def test_blocks_that_are_more_than_the_budget_have_their_turns():
    scene = SceneMap(MapConfig())
    corners = 8 * torch.cartesian_prod(torch.arange(5), torch.arange(4), torch.arange(3))
    keys = pack(corners)
    scene.integrate(keys, torch.ones_like(keys), torch.zeros(len(keys), 3, dtype=torch.uint8), 0)
    blocks = torch.cat([pack(corners // 8), pack(torch.tensor([[77, 0, 0]]))])
    assert torch.equal(keys_in(scene, blocks, 100, 3).sort().values, keys.sort().values)
    parts = [keys_in(scene, blocks, 16, turn) for turn in range(4)]
    assert max(len(part) for part in parts) <= 16
    assert torch.equal(torch.cat(parts).sort().values, keys.sort().values)


def test_furniture_taken_out_while_the_camera_looks_elsewhere_is_gone_and_the_rest_stays():
    online, things = segmenter(), {1: CUPBOARD, 2: TABLE, 3: CRATE}
    events, stamp = [], 0

    def look(yaw, frames):
        nonlocal stamp
        for _ in range(frames):
            stamp += 1
            pose = looking(yaw + 4 * np.sin(stamp), 18 + 14 * np.sin(0.7 * stamp))
            update = online.step(view(pose, things, stamp_ns=stamp))
            events.extend(e for e in update.events if e.kind is EventKind.GONE)
        return update

    ids = {}
    for name, yaw in ((1, 0.0), (2, 76.0), (3, 200.0)):
        update = look(yaw, 8)
        ids[name] = int(update.tracks.ids[update.tracks.misses == 0][0])
    assert not events
    del things[1]
    update = look(76.0, 4)
    assert not events
    assert update.tracks.presence[update.tracks.ids == ids[1]] == Presence.UNSEEN
    for _ in range(24):
        update = look(0.0, 1)
        if events:
            break
    assert [(e.track_id, e.reason) for e in events] == [(ids[1], "its place is empty")]
    assert ids[1] not in update.tracks.ids
    assert not (online.scene.voxels().ids == ids[1]).any()
    assert {ids[2], ids[3]} <= set(update.tracks.ids.tolist())
    assert look(76.0, 2).tracks.presence[update.tracks.ids == ids[2]] == Presence.PRESENT


@pytest.mark.parametrize(
    ("carved", "backed", "misses", "presence", "is_gone"),
    [
        (0, 0, 0, Presence.PRESENT, False),
        (0, 0, 5, Presence.UNSEEN, False),
        (14, 0, 5, Presence.UNSEEN, False),
        (16, 0, 5, Presence.ABSENT, False),
        (16, 8, 5, Presence.ABSENT, False),
        (16, 9, 5, Presence.UNSEEN, False),
        (26, 13, 5, Presence.ABSENT, True),
        (26, 14, 5, Presence.UNSEEN, False),
    ],
)
def test_what_was_seen_through_of_an_object_says_if_it_is_there(carved, backed, misses, presence, is_gone):
    online = segmenter()
    for i in range(3):
        online.step(view(looking(0.0), {1: CUPBOARD}, stamp_ns=i))
    tracks = online.memory.tracks
    assert len(tracks) == 1
    numbers = {"carved": carved, "voxels": 100 - carved, "backed": backed, "misses": misses}
    tracks = dataclasses.replace(tracks, **{name: torch.tensor([value]) for name, value in numbers.items()})
    assert presence_of(tracks).tolist() == [presence]
    assert is_seen_through(tracks, 0.25).tolist() == [is_gone]


def test_a_bin_before_a_wall_that_was_taken_out_is_gone_though_poses_err_and_it_was_seen_from_afar():
    """30 cm from the wall and 35 cm high, seen from 3 m: most of what is around it in the image is nearer."""
    waste_bin, random, events = np.array([[1.9, -0.17, 0.0], [2.2, 0.17, 0.35]]), np.random.default_rng(0), []
    online = segmenter()
    for i in range(40):
        pose = looking(4 * np.sin(i), 24 + 3 * np.sin(0.7 * i), place=(-0.9, 0.3 * np.sin(i / 3), 1.4))
        things = {1: waste_bin, 2: CRATE} if i < 12 else {2: CRATE}
        update = online.step(view(pose, things, jittered(pose, random), i, 0.003, random))
        events += [(i, event.track_id) for event in update.events if event.kind is EventKind.GONE]
    assert [track_id for _, track_id in events] == [1]
    assert events[0][0] >= 12


def test_without_carving_what_was_taken_out_stays():
    online = segmenter(votes=0)
    for i in range(30):
        update = online.step(view(looking(0.0), {1: CUPBOARD} if i < 8 else {}, stamp_ns=i))
    assert update.tracks.ids.tolist() == [1]


@pytest.mark.parametrize(("scale", "stays"), [(1.03, True), (1.2, False)])
def test_an_object_whose_depth_reads_too_far_stays_within_the_margin_and_is_gone_beyond_it(scale, stays):
    online, seen = segmenter(), view(looking(0.0), {1: CUPBOARD})
    for i in range(6):
        online.step(dataclasses.replace(seen, stamp_ns=i))
    online.mask_maker = MaskMakerOf(
        lambda frame: MaskImage(np.full(frame.depth.shape, -1, np.int32), np.zeros(0, np.float32))
    )
    far, events = np.float32(scale) * seen.depth, []
    for i in range(6, 30):
        events += online.step(dataclasses.replace(seen, depth=far, stamp_ns=i)).events
    assert [event.kind for event in events if event.kind is EventKind.GONE] == [EventKind.GONE] * (not stays)
    assert online.memory.tracks.carved.tolist() == [0] * stays


def watched(frames, **carving):
    """The tracks and the GONE events of a static room seen with noise; half-way the masks stop."""
    random, online = np.random.default_rng(0), segmenter(**carving)
    things, events = {1: CUPBOARD, 2: TABLE, 3: CRATE}, []
    for i in range(frames):
        pose = looking(15.0 * i, 18 + 8 * np.sin(i / 7), (0.3 * np.sin(i / 11), 0.3 * np.cos(i / 13), 1.4))
        frame = view(pose, things, jittered(pose, random), i, depth_noise=0.003, random=random)
        seen = masks_of(frame)
        if 2 * i > frames:  # only depth speaks for the objects
            seen = MaskImage(np.full_like(seen.index, -1), np.zeros(0, np.float32))
        online.mask_maker = MaskMakerOf(lambda _, masks=seen: masks)
        events += [event for event in online.step(frame).events if event.kind is EventKind.GONE]
    tracks = online.memory.tracks
    return tracks[tracks.hits >= 3], events


def test_a_static_room_with_noise_in_pose_and_depth_loses_nothing():
    tracks, events = watched(frames=48)
    assert not events
    assert len(tracks) >= 3
    assert (tracks.carved < 0.1 * (tracks.carved + tracks.voxels)).all()
