import dataclasses

import numpy as np
import pytest
import torch

from autoseg3d_core.geometry.transforms import pose_from_quaternion
from autoseg3d_core.lifting import LiftingConfig, check_frame, lift
from autoseg3d_core.structures import InputError, MaskImage

NO_MASKS = MaskImage(np.full((120, 160), -1, np.int32), np.zeros(0, np.float32))


def test_points_lie_where_the_wall_is(wall_frame):
    pose = pose_from_quaternion(np.array([1.0, 2.0, 3.0]), np.array([0, 0, np.sqrt(0.5), np.sqrt(0.5)]))
    cloud = lift(wall_frame(world_from_camera=pose), NO_MASKS, LiftingConfig(points=1000))
    assert len(cloud) == 1000
    assert torch.allclose(cloud.xyz[:, 2], torch.tensor(5.0))
    row, column = cloud.pixel // 160, cloud.pixel % 160
    assert torch.allclose(
        cloud.xyz[:, 1], 2 + (column - 79.5) / 50, atol=1e-5
    )  # the camera is turned by 90 degrees
    assert torch.allclose(cloud.xyz[:, 0], 1 - (row - 59.5) / 50, atol=1e-5)


def test_the_same_frame_gives_the_same_cloud(wall_frame):
    first, second = (lift(wall_frame(), NO_MASKS, LiftingConfig(points=500)) for _ in range(2))
    assert torch.equal(first.pixel, second.pixel)
    other = lift(wall_frame(stamp_ns=2), NO_MASKS, LiftingConfig(points=500))
    assert not torch.equal(first.pixel, other.pixel)


def test_points_are_distinct_pixels_spread_over_the_image(wall_frame):
    pixel = lift(wall_frame(), NO_MASKS, LiftingConfig(points=4000)).pixel
    assert len(torch.unique(pixel)) == 4000
    assert torch.bincount(pixel // 160 // 30, minlength=4).min() > 900


def test_a_frame_with_few_readings_gives_them_all(wall_frame):
    frame = wall_frame()
    frame.depth[:] = 0
    frame.depth[5, 7:10] = 1.0
    assert lift(frame, NO_MASKS, LiftingConfig()).pixel.tolist() == [5 * 160 + 7, 5 * 160 + 8, 5 * 160 + 9]


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -np.inf, -1.0, 0.05, 50.0])
def test_a_reading_without_use_is_never_a_point(wall_frame, value):
    frame = wall_frame()
    frame.depth[:60] = value
    cloud = lift(frame, NO_MASKS, LiftingConfig(points=20000))
    assert (cloud.pixel >= 60 * 160).all()
    assert torch.isfinite(cloud.xyz).all()
    frame.depth[:] = value
    assert len(lift(frame, NO_MASKS, LiftingConfig())) == 0


ALL = LiftingConfig(points=100_000)


def one_mask(columns):
    index = np.full((120, 160), -1, np.int32)
    index[:, columns] = 0
    return MaskImage(index, np.ones(1, np.float32))


def left_out(frame, masks=NO_MASKS):
    return set(range(160)) - set((lift(frame, masks, ALL).pixel % 160).tolist())


def test_pixels_between_two_surfaces_and_beside_an_edge_are_left_out(wall_frame):
    frame = wall_frame()
    frame.depth[:, 80:] = 3.0
    assert left_out(frame) == {79, 80}
    frame.depth[:, 80] = 2.4
    assert left_out(frame) == {79, 80, 81}


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_thin_bar_keeps_its_points_and_none_of_the_wall_behind_it(wall_frame, width):
    frame = wall_frame()
    frame.depth[:, 80 : 80 + width] = 1.0
    cloud = lift(frame, one_mask(slice(78, 82 + width)), ALL)  # the mask is two pixels too wide on both sides
    on_bar = cloud.fragment == 0
    assert set((cloud.pixel[on_bar] % 160).tolist()) == set(range(80, 80 + width))
    assert on_bar.sum() == 120 * width
    assert {70, 77, 82 + width} <= set((cloud.pixel % 160).tolist()), "the wall beside the mask stays"


def test_a_flat_picture_on_a_wall_keeps_every_point(wall_frame):
    cloud = lift(wall_frame(), one_mask(slice(60, 90)), ALL)
    assert len(cloud) == 120 * 160
    assert int((cloud.fragment == 0).sum()) == 120 * 30


def test_of_two_boxes_behind_one_another_each_keeps_its_own(wall_frame):
    frame = wall_frame()
    frame.depth[:, 40:80], frame.depth[:, 80:120] = 1.0, 1.5
    index = np.full((120, 160), -1, np.int32)
    index[:, 40:82], index[:, 82:120] = 0, 1  # the near one's mask spills onto the far one
    cloud = lift(frame, MaskImage(index, np.ones(2, np.float32)), ALL)
    for fragment, columns, depth in ((0, (41, 78), 1.0), (1, (82, 118), 1.5)):
        own = cloud.pixel[cloud.fragment == fragment]
        assert (int((own % 160).min()), int((own % 160).max())) == columns
        assert (torch.from_numpy(frame.depth).flatten()[own] == depth).all()


def test_a_lone_reading_is_left_out_and_a_slanted_surface_is_not(wall_frame):
    frame = wall_frame()
    frame.depth[:] = 1.0 + 0.005 * np.arange(160, dtype=np.float32)
    assert len(lift(frame, NO_MASKS, ALL)) == frame.depth.size
    frame.depth[60, 80] = 0.5
    assert 60 * 160 + 80 not in lift(frame, NO_MASKS, ALL).pixel.tolist()


def test_without_a_tolerance_pixels_at_a_depth_edge_are_points_too(wall_frame):
    frame = wall_frame()
    frame.depth[:, 80:] = 30.0
    config = LiftingConfig(points=100_000, max_depth_m=100.0, edge_tolerance=0.0)
    assert len(lift(frame, NO_MASKS, config)) == frame.depth.size


def test_no_reading_is_no_point_however_near_points_may_be(wall_frame):
    frame = wall_frame()
    frame.depth[:60] = 0.0
    cloud = lift(frame, NO_MASKS, LiftingConfig(points=100_000, min_depth_m=0.0))
    assert (cloud.pixel >= 60 * 160).all()


def test_each_point_has_the_mask_of_its_pixel(wall_frame, halves):
    frame = wall_frame()
    masks = halves(frame)
    cloud = lift(frame, masks, LiftingConfig(points=2000))
    assert torch.equal(cloud.fragment, torch.from_numpy(masks.index).flatten()[cloud.pixel].long())
    assert len(cloud.fragment_score) == 2


def at(x, y, z):
    pose = np.eye(4)
    pose[:3, 3] = x, y, z
    return pose


def test_bad_frames_are_refused_with_the_remedy(wall_frame, camera):
    frame = wall_frame()
    table = [
        ({"depth": np.ones((60, 80), np.float32)}, "differ in size.*registered"),
        ({"rgb": np.zeros((60, 80, 3), np.uint8)}, "differ in size"),
        ({"depth": np.ones((120, 160), np.uint16)}, "depth has to be a float32 array, metres; found uint16"),
        ({"rgb": np.zeros((120, 160, 3), np.float32)}, "rgb has to be a uint8 array.*found float32"),
        ({"world_from_camera": [[1.0]]}, "world_from_camera has to be a float64.*found list"),
        ({"depth": np.ones((120, 160, 1), np.float32)}, "depth as height x width"),
        ({"rgb": np.zeros((120, 160, 4), np.uint8)}, "no alpha"),
        ({"camera": dataclasses.replace(camera, fx=0.0)}, "calibrate"),
        ({"camera": dataclasses.replace(camera, fy=float("nan"))}, "calibrate"),
        ({"camera": dataclasses.replace(camera, cx=float("nan"))}, "calibrate"),
        ({"world_from_camera": np.full((4, 4), np.nan)}, "localisation"),
        ({"world_from_camera": at(0, -500_000, 0)}, "500 km from the world's origin.*odom"),
    ]
    for change, message in table:
        with pytest.raises(InputError, match=message):
            check_frame(dataclasses.replace(frame, **change))


def test_depth_limits_must_make_sense():
    with pytest.raises(ValueError, match="must be below"):
        LiftingConfig(min_depth_m=3.0, max_depth_m=2.0)


def test_a_point_projects_back_to_its_pixel_wherever_the_camera_is(wall_frame, camera):
    pose = pose_from_quaternion(np.array([1.0, -2.0, 3.0]), np.array([0.1, -0.5, 0.3, 0.8]))
    masks = dataclasses.replace(NO_MASKS, features=torch.zeros(2, 6, 8))
    cloud = lift(wall_frame(world_from_camera=pose), masks, LiftingConfig(points=500))
    matrix = cloud.view.camera_from_points
    seen = cloud.xyz.double() @ matrix[:3, :3].T + matrix[:3, 3]
    column = camera.fx * seen[:, 0] / seen[:, 2] + camera.cx
    row = camera.fy * seen[:, 1] / seen[:, 2] + camera.cy
    torch.testing.assert_close(column, (cloud.pixel % 160).double(), rtol=0, atol=1e-3)
    torch.testing.assert_close(row, (cloud.pixel // 160).double(), rtol=0, atol=1e-3)
    torch.testing.assert_close(seen[:, 2], torch.full((500,), 2.0, dtype=torch.float64), rtol=0, atol=1e-5)


def test_readings_at_the_limits_are_points_and_those_just_beyond_are_none(wall_frame):
    config = LiftingConfig(points=100_000, min_depth_m=0.5, max_depth_m=4.0)
    for depth, count in ((0.5, 160 * 120), (4.0, 160 * 120), (0.4999, 0), (4.0001, 0)):
        assert len(lift(wall_frame(depth=depth), NO_MASKS, config)) == count


def test_a_camera_may_be_twenty_kilometres_from_the_origin_and_no_metre_more(wall_frame):
    check_frame(wall_frame(world_from_camera=at(20_000, 0, -20_000)))
    with pytest.raises(InputError, match="20 km"):
        check_frame(wall_frame(world_from_camera=at(0, 20_001, 0)))


def test_points_at_depth_edges_do_not_take_the_place_of_others(wall_frame):
    frame = wall_frame()
    frame.depth[:, ::8] = 1.0  # a fence: three columns of eight lie at its edges
    assert len(lift(frame, NO_MASKS, LiftingConfig(points=4000))) == 4000
