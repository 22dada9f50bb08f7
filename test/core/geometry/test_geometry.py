import numpy as np
import pytest
import torch

from autoseg3d_core.geometry.boxes import (
    box_corners,
    box_iou_3d,
    moved_boxes,
    moved_oriented_boxes,
    moved_points,
    standing_boxes,
)
from autoseg3d_core.geometry.camera import back_project, project, resized
from autoseg3d_core.geometry.groups import group_boxes, group_majority, group_mean
from autoseg3d_core.geometry.transforms import (
    check_pose,
    inverse_rigid,
    is_rigid,
    parts_of_screws,
    pose_from_quaternion,
    quaternion_from_rotation,
    transform_points,
)
from autoseg3d_core.geometry.voxels import cells_of, pack, unpack, voxelize
from autoseg3d_core.structures import CameraIntrinsics, InputError

CAMERA = CameraIntrinsics(500.0, 480.0, 319.5, 239.5, 640, 480)


def random_pose(rng):
    quaternion = rng.normal(size=4)
    return pose_from_quaternion(rng.normal(size=3), quaternion / np.linalg.norm(quaternion))


def test_projecting_back_projected_pixels_returns_the_pixels():
    pixel = torch.arange(0, 640 * 480, 997)
    depth = torch.rand(len(pixel), dtype=torch.float64) * 5 + 0.2
    column_row, z = project(back_project(pixel, depth, CAMERA), CAMERA)
    assert torch.allclose(column_row[:, 0], (pixel % 640).double())
    assert torch.allclose(column_row[:, 1], (pixel // 640).double())
    assert torch.allclose(z, depth)


def test_the_principal_point_looks_straight_ahead():
    camera = CameraIntrinsics(500.0, 500.0, 320.0, 240.0, 640, 480)
    point = back_project(torch.tensor([240 * 640 + 320]), torch.tensor([2.0]), camera)
    assert torch.equal(point, torch.tensor([[0.0, 0.0, 2.0]]))


def test_a_resized_camera_sees_the_corners_of_the_image_in_the_same_directions():
    half = resized(CAMERA, 320, 240)
    assert (half.cx + 0.5) / half.fx == pytest.approx((CAMERA.cx + 0.5) / CAMERA.fx)
    assert (half.height - 0.5 - half.cy) / half.fy == pytest.approx((479.5 - CAMERA.cy) / CAMERA.fy)


def test_inverse_and_quaternion_round_trips():
    rng = np.random.default_rng(0)
    for _ in range(20):
        pose = random_pose(rng)
        assert is_rigid(pose)
        assert np.allclose(pose @ inverse_rigid(pose), np.eye(4))
        again = pose_from_quaternion(pose[:3, 3], quaternion_from_rotation(pose[:3, :3]))
        assert np.allclose(again, pose)
        points = rng.normal(size=(5, 3))
        assert np.allclose(transform_points(inverse_rigid(pose), transform_points(pose, points)), points)


@pytest.mark.parametrize(
    ("pose", "message"),
    [
        (np.full((4, 4), np.nan), "NaN or infinite"),
        (np.diag([1.0, 1, 1, np.inf]), "NaN or infinite"),
        (np.diag([2.0, 1, 1, 1]), "not a rigid"),
        (np.diag([-1.0, 1, 1, 1]), "not a rigid"),
        (np.eye(4)[::-1].copy(), "not a rigid"),
        (np.eye(3), "not a rigid"),
    ],
)
def test_a_bad_pose_is_refused_with_its_source(pose, message):
    with pytest.raises(InputError, match=rf"pose/7\.txt.*{message}"):
        check_pose(pose, "pose/7.txt")


def test_box_iou_known_answers():
    unit = torch.tensor([[0.0, 0, 0, 1, 1, 1]])
    others = torch.tensor(
        [[0.0, 0, 0, 1, 1, 1], [0.5, 0, 0, 1.5, 1, 1], [2, 2, 2, 3, 3, 3], [0, 0, 0, 0, 0, 0]]
    )
    assert torch.allclose(box_iou_3d(unit, others), torch.tensor([[1.0, 1 / 3, 0.0, 0.0]]))
    assert torch.equal(box_iou_3d(others[3:], others[3:]), torch.zeros(1, 1))


def test_cells_floor_below_zero_and_keys_round_trip():
    cells = cells_of(torch.tensor([[-0.01, 0.0, 0.01], [-0.02, 0.0199, -20000.0]]), 0.02)
    assert torch.equal(cells, torch.tensor([[-1, 0, 0], [-1, 0, -1000000]]))
    assert torch.equal(unpack(pack(cells)), cells)


def test_keys_keep_the_order_of_cells():
    cells = torch.tensor([[-3, 5, 5], [-3, 5, 6], [-3, 6, -9], [0, -9, -9], [2, 0, 0]])
    assert torch.equal(pack(cells).argsort(), torch.arange(5))


def test_every_point_lies_in_its_voxel():
    xyz = torch.randn(500, 3)
    voxels = voxelize(xyz, 0.1)
    assert torch.equal(unpack(voxels.keys)[voxels.point_voxel], cells_of(xyz, 0.1))
    assert len(torch.unique(voxels.keys)) == len(voxels)


def test_group_sums_agree_with_a_loop():
    generator = torch.Generator().manual_seed(0)
    group = torch.randint(-1, 6, (300,), generator=generator)
    group[group == 4] = 0  # group 4 stays empty
    values = torch.randn(300, 3, generator=generator)
    member = torch.randint(-1, 5, (300,), generator=generator)
    mean, major = group_mean(values, group, 6), group_majority(member, 5, group, 6)
    for g in range(6):
        rows, names = values[group == g], member[(group == g) & (member >= 0)]
        expected = rows.mean(dim=0) if len(rows) else torch.zeros(3)
        assert torch.allclose(mean[g], expected, atol=1e-6)
        assert major[g] == (torch.bincount(names, minlength=5).argmax() if len(names) else -1)


def test_group_boxes_hold_the_group_but_not_its_outlier():
    xyz = torch.rand(400, 3)
    xyz[7] = torch.tensor([50.0, 0.5, 0.5])
    group = torch.zeros(400, dtype=torch.int64)
    box = group_boxes(xyz, group, 2)
    assert torch.allclose(box[0, 1:3], xyz[:, 1:].amin(dim=0))
    assert box[0, 3] < 10
    assert torch.equal(box[1], torch.zeros(6))


def test_moving_the_points_moves_the_boxes():
    xyz, group = torch.rand(200, 3), torch.randint(0, 3, (200,))
    shift = torch.tensor([1.0, -2.0, 3.0])
    moved = group_boxes(xyz + shift, group, 3)
    assert torch.allclose(moved, group_boxes(xyz, group, 3) + shift.repeat(2), atol=1e-5)


def test_parts_of_a_screw_add_up_and_do_not_depend_on_the_frame():
    rng = np.random.default_rng(5)
    moves = np.stack([np.eye(4), *(random_pose(rng) for _ in range(6))])
    one = np.ones(len(moves))
    np.testing.assert_array_equal(parts_of_screws(moves, 0 * one), np.tile(np.eye(4), (7, 1, 1)))
    np.testing.assert_array_equal(parts_of_screws(moves[:1], one[:1]), moves[:1])
    np.testing.assert_allclose(parts_of_screws(moves, one), moves, atol=1e-12)
    np.testing.assert_allclose(
        parts_of_screws(moves, 0.3 * one) @ parts_of_screws(moves, 0.7 * one), moves, atol=1e-12
    )
    frame = random_pose(rng)
    elsewhere = frame @ moves @ inverse_rigid(frame)
    part = parts_of_screws(moves, 0.4 * one)
    np.testing.assert_allclose(
        parts_of_screws(elsewhere, 0.4 * one), frame @ part @ inverse_rigid(frame), atol=1e-9
    )
    tiny = pose_from_quaternion(np.array([1.0, 2.0, 3.0]), np.array([1e-9, 0.0, 0.0, 1.0]))
    np.testing.assert_allclose(parts_of_screws(tiny[None], one[:1])[0], tiny, atol=1e-12)


def test_a_moved_box_goes_around_the_moved_corners():
    rng = np.random.default_rng(6)
    low = torch.from_numpy(rng.normal(size=(5, 3))).float()
    boxes = torch.cat([low, low + torch.rand(5, 3)], dim=1)
    moves = torch.from_numpy(np.stack([random_pose(rng) for _ in range(5)]))
    ends = [(0, 3), (1, 4), (2, 5)]
    corners = [boxes[:, [x, y, z]] for x in ends[0] for y in ends[1] for z in ends[2]]
    moved = torch.stack([moved_points(side, moves) for side in corners])
    around = torch.cat([moved.amin(dim=0), moved.amax(dim=0)], dim=1)
    torch.testing.assert_close(moved_boxes(boxes, moves), around)
    oriented = moved_oriented_boxes(standing_boxes(boxes), moves)
    turned = box_corners(oriented.double().numpy())
    for found, wanted in zip(turned, moved.permute(1, 0, 2).double().numpy(), strict=True):
        off = np.linalg.norm(found[:, None] - wanted[None], axis=2)
        assert off.min(axis=1).max() < 1e-5
