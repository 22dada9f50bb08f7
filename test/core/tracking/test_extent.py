"""Boxes of tracks: what the firm voxels of the scene map say, whatever once ran over."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from autoseg3d_core.geometry.boxes import box_axes, box_corners
from autoseg3d_core.geometry.voxels import cells_of, pack, unpack, voxelize
from autoseg3d_core.scene_map import MapConfig, SceneMap
from autoseg3d_core.structures import EXTENT_BINS, EXTENT_DIRECTIONS, NoRows, SceneOrigin, Tracks
from autoseg3d_core.tracking.boxes import interpolate_reach, measure_boxes, read_boxes
from autoseg3d_core.tracking.extent import LEVEL, STEP, Ruler, count_voxels

SIZE = 0.04
RULER = Ruler(vertical=2, up=1, voxel_size_m=SIZE)
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
    return count_voxels(tracks, change, RULER)


def boxes_of(tracks):
    return read_boxes(tracks, RULER)[0]


@pytest.mark.parametrize("shift", [(0, 0, 0), (-70, 31, 5), (100_000, -250_000, 64)])
def test_the_box_of_a_cuboid_seen_often_is_its_own_wherever_it_stands(shift):
    low = [s - 10 for s in shift]
    high = [s + h for s, h in zip(shift, (30, 5, 12), strict=True)]
    wrong = [-1.0] * 3 + [1.0] * 3
    scene = SceneMap(MapConfig())
    tracks = tracks_at([[SIZE * s for s in shift]], [wrong])
    for now in range(3):
        tracks = see(scene, tracks, surface(low, high), 1, now)
    box = boxes_of(tracks)
    torch.testing.assert_close(box, SIZE * torch.tensor([low + high]).float())


def test_one_bad_frame_does_not_stretch_the_box():
    scene, tracks = SceneMap(MapConfig()), tracks_at([[0.0, 0.0, 0.0]], [[-9.0] * 3 + [9.0] * 3])
    chair = surface((-10, -10, -10), (10, 10, 10))
    for now in range(4):
        tracks = see(scene, tracks, chair, 1, now)
    before = boxes_of(tracks)
    tracks = see(scene, tracks, surface((-40, -40, -12), (40, 40, -10)), 1, 5)
    assert torch.equal(boxes_of(tracks), before)


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(("gap", "share", "is_kept"), [(1, 0.15, False), (0, 0.15, True), (1, 0.3, True)])
def test_a_smaller_part_that_lies_apart_is_none_of_the_object(axis, side, gap, share, is_kept):
    low, high = [-10, -10, 0], [10, 10, 10]
    cells = unpack(surface(low, high))
    block = torch.cartesian_prod(*(torch.arange(8) for _ in range(3)))
    block = block[: int(share * len(cells) / (1 - share))] - 4
    near = block[:, axis].min() if side > 0 else block[:, axis].max()
    block[:, axis] += (10 if side > 0 else -11) - near + side * gap
    keys = torch.unique(pack(torch.cat([cells, block])))
    scene, tracks = SceneMap(MapConfig(voxel_size_m=SIZE)), tracks_at([[0.0, 0.0, 0.2]], EVERYWHERE.tolist())
    for now in range(2):
        tracks = see(scene, tracks, keys, 1, now)
    box = boxes_of(tracks)[0]
    reached = box[3 + axis] if side > 0 else -box[axis]
    assert (reached > 0.4 + SIZE) == is_kept
    other = 1 - axis
    torch.testing.assert_close(box[[other, 3 + other]], torch.tensor([-0.4, 0.4]), atol=1e-5, rtol=0)


def test_feet_below_a_hidden_middle_belong_to_the_object():
    keys = torch.cat([surface([-10, -10, 20], [10, 10, 24]), surface([-9, -9, 0], [-4, -4, 4])])
    scene, tracks = SceneMap(MapConfig(voxel_size_m=SIZE)), tracks_at([[0.0, 0.0, 0.8]], EVERYWHERE.tolist())
    for now in range(2):
        tracks = see(scene, tracks, keys, 1, now)
    torch.testing.assert_close(boxes_of(tracks)[0, [2, 5]], torch.tensor([0.0, 24 * SIZE]))


def test_a_track_seen_once_has_the_box_it_was_seen_in():
    scene, reach = SceneMap(MapConfig()), [[-0.5] * 3 + [0.5] * 3]
    tracks = see(scene, tracks_at([[0.0] * 3], reach), surface((-3, -3, -3), (3, 3, 3)), 1)
    assert torch.equal(boxes_of(tracks), torch.tensor(reach))


def test_what_goes_round_the_ruler_has_the_box_of_its_reach():
    scene, reach = SceneMap(MapConfig()), [[-9.0] * 3 + [9.0] * 3]
    tracks = tracks_at([[0.0] * 3], reach)
    for now in range(3):
        tracks = see(scene, tracks, surface((-90, -3, -3), (90, 3, 3)), 1, now)
    box = boxes_of(tracks)[0]
    assert box[[0, 3]].tolist() == [-9.0, 9.0]
    torch.testing.assert_close(box[[1, 2, 4, 5]], SIZE * torch.tensor([-3.0, -3, 3, 3]))


def test_without_tracks_there_are_no_boxes():
    assert boxes_of(Tracks.empty()).shape == (0, 6)


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
        tracks = count_voxels(tracks, change, RULER)
        if now % 9 == 0:
            heir = torch.tensor([now % 3])
            tracks = count_voxels(tracks, scene.relabel(torch.tensor([3]), heir, EVERYWHERE), RULER)
    voxels = scene.voxels()
    firm = voxels[voxels.votes > scene.config.object_votes]
    anew = torch.zeros(5, EXTENT_DIRECTIONS, EXTENT_BINS, dtype=torch.int16)
    for track_id, (x, y, z) in zip(firm.ids.tolist(), unpack(firm.keys).tolist(), strict=True):
        for direction in range(EXTENT_DIRECTIONS if track_id else 0):
            turn = math.radians(10 * direction)
            along = (x + 0.5) * math.cos(turn) + (y + 0.5) * math.sin(turn) if direction < 18 else z
            anew[track_id - 1, direction, math.floor(along + 1e-9) % EXTENT_BINS] += 1
    assert int(anew.sum()) > 0
    assert torch.equal(tracks.extent, anew)
    assert torch.equal(tracks.voxels, torch.bincount(voxels.ids, minlength=6)[1:])


def sampled_cuboid(size, degrees, center=(0.0, 0.0, 0.0), points=20_000):
    """Points evenly spread over the faces of a cuboid, turned about z."""
    random = np.random.default_rng(0)
    xyz = random.uniform(-0.5, 0.5, (points, 3))
    area = np.array([size[1] * size[2], size[0] * size[2], size[0] * size[1]])
    axis = random.choice(3, points, p=area / area.sum())
    xyz[np.arange(points), axis] = random.choice([-0.5, 0.5], points)
    return Rotation.from_euler("z", degrees, degrees=True).apply(xyz * size) + center


def oriented_box(xyz, ruler=RULER, centroid=None):
    """The oriented box of a track that was seen at these points three times."""
    scene = SceneMap(MapConfig())
    tracks = tracks_at([list(xyz.mean(axis=0) if centroid is None else centroid)], [[-9.0] * 3 + [9.0] * 3])
    keys = voxelize(torch.from_numpy(xyz), SIZE).keys
    for now in range(3):
        ids = torch.ones_like(keys)
        change, _ = scene.integrate(keys, ids, torch.zeros(len(keys), 3, dtype=torch.uint8), now)
        tracks = measure_boxes(count_voxels(tracks, change, ruler), change, ruler)
    return tracks.oriented_boxes[0].double().numpy(), tracks.boxes[0].double().numpy()


def yaw_of(oriented):
    """The angle of a box about z, in degrees."""
    return math.degrees(2 * math.atan2(oriented[8], oriented[9]))


def apart(first, second, period=180.0):
    return abs((first - second + period / 2) % period - period / 2)


@pytest.mark.parametrize("degrees", [0, 7, 15, 25.5, 33, 45, 64, 88, 117, 153, 171])
@pytest.mark.parametrize("size", [(1.6, 0.7, 0.75), (0.6, 0.4, 1.2), (2.2, 0.3, 0.9)])
def test_a_turned_cuboid_has_its_own_angle_size_and_place(size, degrees):
    center = (3.1, -2.3, 0.4)
    box, _ = oriented_box(sampled_cuboid(size, degrees, center))
    assert apart(yaw_of(box), degrees) < 3
    np.testing.assert_allclose(box[:3], center, atol=0.75 * SIZE)
    np.testing.assert_allclose(box[3:6], size, atol=2.5 * SIZE)
    np.testing.assert_allclose(box[6:8], 0, atol=1e-7)


@pytest.mark.parametrize("degrees", [20, 64, 117])
@pytest.mark.parametrize("off", [(0.6, 0.0, 0.0), (0.0, 0.3, 0.0), (-0.5, 0.25, 0.2)])
def test_a_turned_box_is_in_its_place_wherever_in_it_the_centroid_is(degrees, off):
    center, size = np.array([3.1, -2.3, 0.4]), (1.6, 0.7, 0.75)
    seen_more = center + Rotation.from_euler("z", degrees, degrees=True).apply(off)
    box, _ = oriented_box(sampled_cuboid(size, degrees, center), centroid=seen_more)
    np.testing.assert_allclose(box[:3], center, atol=0.75 * SIZE)
    np.testing.assert_allclose(box[3:6], size, atol=2.5 * SIZE)


@pytest.mark.parametrize("turn", [12, 40, 71, 130])
def test_turning_the_world_turns_the_box_with_it(turn):
    seat = sampled_cuboid((1.8, 0.8, 0.4), 20)
    back = sampled_cuboid((1.8, 0.2, 0.5), 20, center=(-0.1026, 0.2819, 0.4))  # behind the seat
    xyz = np.concatenate([seat, back])
    still, _ = oriented_box(xyz)
    turned, _ = oriented_box(Rotation.from_euler("z", turn, degrees=True).apply(xyz))
    assert apart(yaw_of(turned), yaw_of(still) + turn) < 4
    np.testing.assert_allclose(turned[3:6], still[3:6], atol=1.5 * SIZE)


@pytest.mark.parametrize("world", [(0, 1), (0, -1), (1, 1), (1, -1), (2, -1)])
def test_the_box_stands_on_the_vertical_of_the_world(world):
    axis, up = world
    upward = up * np.eye(3)[axis]
    level = np.roll(np.abs(upward), 1)
    rotation = np.column_stack([level, np.cross(upward, level), upward])
    origin = SceneOrigin(torch.from_numpy(rotation.T.copy()), torch.zeros(3, dtype=torch.float64))
    center = np.array([0.3, -0.2, 1.1])
    upright = sampled_cuboid((1.6, 0.7, 0.9), 33, center)
    box, _ = oriented_box(upright @ rotation.T, Ruler.of(origin, SIZE))
    np.testing.assert_allclose(box[:3], rotation @ center, atol=0.75 * SIZE)
    np.testing.assert_allclose(box[3:6], (1.6, 0.7, 0.9), atol=2.5 * SIZE)
    axes = box_axes(box[None])[0]
    np.testing.assert_allclose(axes[:, 2], upward, atol=1e-6)
    own = rotation @ Rotation.from_euler("z", 33, degrees=True).as_matrix()
    assert abs(axes[:, 0] @ own[:, 0]) > math.cos(math.radians(4))


@pytest.mark.parametrize("degrees", [0, 13, 44.5, 71])
def test_between_two_directions_a_rectangle_reaches_as_far_as_its_corners(degrees):
    corners = torch.tensor([[2.0, 0.5], [2.0, -0.5], [-2.0, 0.5], [-2.0, -0.5]], dtype=torch.float64)
    turn = math.radians(degrees)
    cosine, sine = math.cos(turn), math.sin(turn)
    corners = corners @ torch.tensor([[cosine, sine], [-sine, cosine]], dtype=torch.float64)

    def reach(steps):
        along = torch.stack([(steps * STEP).cos(), (steps * STEP).sin()])
        return (corners @ along).amax(dim=0)[None]

    steps = torch.linspace(0, 36, 501, dtype=torch.float64)[None, :-1]
    between = interpolate_reach(reach(torch.arange(36, dtype=torch.float64)), steps)
    torch.testing.assert_close(between, reach(steps[0]), rtol=0, atol=1e-12)


def test_a_round_thing_has_no_larger_box_than_the_axis_aligned_one():
    turn = np.random.default_rng(1).uniform(0, 2 * np.pi, 40_000)
    height = np.random.default_rng(2).uniform(0, 0.7, 40_000)
    for radius in (0.15, 0.4, 0.62, 1.1):
        wall = np.column_stack([radius * np.cos(turn), radius * np.sin(turn), height])
        oriented, box = oriented_box(wall)
        assert oriented[3:6].prod() <= (box[3:] - box[:3]).prod() + 1e-9
        np.testing.assert_allclose(oriented[3:5], 2 * radius, atol=2.5 * SIZE)


def test_the_sides_are_sorted_and_the_corners_are_those_of_the_points():
    box, _ = oriented_box(sampled_cuboid((0.5, 1.4, 0.3), 25, (1.0, 2.0, 3.0)))
    assert box[3] > box[4]
    assert apart(yaw_of(box), 115) < 4
    turned = Rotation.from_euler("z", 25, degrees=True).apply
    expected = turned([[x, y, z] for x in (-0.25, 0.25) for y in (-0.7, 0.7) for z in (-0.15, 0.15)])
    expected += np.array([1.0, 2.0, 3.0])
    found = box_corners(box[None])[0]
    nearest = np.linalg.norm(expected[:, None] - found[None], axis=2)
    assert nearest.min(axis=1).max() < 0.12
    assert len(set(nearest.argmin(axis=1).tolist())) == 8


def test_where_the_slices_know_nothing_the_oriented_box_is_the_reach():
    reach = [[-0.5, -1.0, -0.25, 0.5, 1.0, 0.25]]
    seen_once = see(SceneMap(MapConfig()), tracks_at([[0.0] * 3], reach), surface((-3, -3, -3), (3, 3, 3)), 1)
    oriented = read_boxes(seen_once, RULER)[1][0].double().numpy()
    np.testing.assert_allclose(oriented[:6], [0, 0, 0, 2.0, 1.0, 0.5], atol=1e-6)
    assert apart(yaw_of(oriented), 90) < 1e-3
    low, high = box_corners(oriented[None])[0].min(axis=0), box_corners(oriented[None])[0].max(axis=0)
    np.testing.assert_allclose(np.concatenate([low, high]), reach[0], atol=1e-6)


def test_only_what_was_touched_is_measured_anew():
    scene, tracks = SceneMap(MapConfig()), tracks_at([[0.0] * 3, [0.0] * 3], [[-9.0] * 3 + [9.0] * 3] * 2)
    tracks = dataclasses.replace(tracks, misses=torch.tensor([4, 4]))
    keys = surface((-10, -3, -3), (10, 3, 3))
    for now in range(2):
        ids = torch.full_like(keys, 2)
        change, _ = scene.integrate(keys, ids, torch.zeros(len(keys), 3, dtype=torch.uint8), now)
        tracks = measure_boxes(count_voxels(tracks, change, RULER), change, RULER)
    assert (tracks.boxes[0] == 0).all()
    torch.testing.assert_close(tracks.boxes, torch.stack([tracks.boxes[0], boxes_of(tracks)[1]]))
    torch.testing.assert_close(tracks.boxes[1], SIZE * torch.tensor([-10.0, -3, -3, 10, 3, 3]))


def test_the_ruler_and_the_grid_count_alike():
    xyz = torch.tensor([[-0.01, 0.0, 0.05]])
    assert torch.equal(unpack(pack(cells_of(xyz, SIZE))), torch.tensor([[-1, 0, 1]]))


@pytest.mark.parametrize("seed", range(4))
def test_a_box_leaves_out_at_most_its_share_of_the_voxels_at_each_end(seed):
    random = np.random.default_rng(seed)
    tracks = tracks_at([[0.01] * 3], [[-9.0] * 3 + [9.0] * 3])
    extent, expected = torch.zeros_like(tracks.extent), []
    for direction, axis in ((0, 0), (LEVEL // 2, 1), (LEVEL, 2)):
        counts = np.zeros(EXTENT_BINS, np.int64)
        counts[20:100] = random.integers(1, 4, 80)
        counts[60] += (500 if seed % 2 else 400) - counts.sum()  # the share is whole, or is not
        inside = np.cumsum(counts) > 0.006 * counts.sum() + 1e-9
        reversed_inside = np.cumsum(counts[::-1]) > 0.006 * counts.sum() + 1e-9
        expected.append((axis, inside.argmax() - 64, 64 - reversed_inside.argmax()))
        first = -64  # the slice at which the ruler begins
        extent[0, direction, (first + np.arange(EXTENT_BINS)) % EXTENT_BINS] = torch.tensor(counts).short()
    tracks = dataclasses.replace(tracks, extent=extent, voxels=extent[0, 0].sum(dtype=torch.int64)[None])
    box = boxes_of(tracks)[0]
    for axis, low, high in expected:
        torch.testing.assert_close(box[[axis, axis + 3]], SIZE * torch.tensor([low, high]).float())
