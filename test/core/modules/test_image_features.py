"""Image features: a voxel gets what lies at its pixel, and nothing where it has none."""

from __future__ import annotations

import torch

from autoseg3d_core.modules.image_features import ImageFeatures, sample_image
from autoseg3d_core.sparse.tensor import sparse_tensor
from autoseg3d_core.structures import CameraIntrinsics

CAMERA = CameraIntrinsics(fx=10.0, fy=10.0, cx=4.0, cy=2.0, width=8, height=4)


def column_and_row_image(rows: int = 5, columns: int = 9) -> torch.Tensor:
    """A map whose two channels say the camera's column and row, whatever its own resolution."""
    row, column = torch.meshgrid(torch.linspace(0, 4, rows), torch.linspace(0, 8, columns), indexing="ij")
    return torch.stack([column, row])


def test_a_pixel_is_divided_by_the_width_and_height_of_the_image():
    """By hand: pixel (4, 1) of 8 x 4 is at 2 * 4 / 8 - 1 = 0 and 2 * 1 / 4 - 1 = -1/2 of a map from -1 to 1.

    Of 3 columns that is the second, of 2 rows a quarter of the way from the first to the second.
    """
    image = torch.tensor([[[0.0, 10.0, 20.0], [4.0, 110.0, 120.0]]])
    point = torch.tensor([[0.0, -0.1, 1.0]])  # pixel: 10 * 0 + 4, 10 * -0.1 + 2
    expected = torch.tensor([[10 + 0.25 * (110 - 10)]])
    torch.testing.assert_close(sample_image(image, point, CAMERA, torch.eye(4)), expected)


def test_a_point_reads_the_map_at_its_pixel_between_pixels_too():
    xyz = torch.tensor([[0.0, 0.0, 1.0], [0.4, 0.2, 1.0], [-0.25, 0.05, 1.0], [0.8, 0.4, 2.0]])
    expected = torch.tensor([[4.0, 2.0], [8.0, 4.0], [1.5, 2.5], [8.0, 4.0]])
    for image in (column_and_row_image(), column_and_row_image(3, 5)):
        torch.testing.assert_close(sample_image(image, xyz, CAMERA, torch.eye(4)), expected)


def test_points_outside_the_image_or_behind_the_camera_read_zeros():
    xyz = torch.tensor([[3.0, 0.0, 1.0], [0.0, 0.0, -1.0], [0.0, 0.0, 0.0]])
    assert (sample_image(column_and_row_image(), xyz, CAMERA, torch.eye(4)) == 0).all()


def test_the_pose_moves_the_points_before_they_are_projected():
    camera_from_world = torch.eye(4)
    camera_from_world[2, 3] = 3.0
    out = sample_image(column_and_row_image(), torch.tensor([[0.0, 0.0, -2.0]]), CAMERA, camera_from_world)
    torch.testing.assert_close(out, torch.tensor([[4.0, 2.0]]))


def test_sampled_features_are_added_to_the_stem_after_a_relu():
    torch.manual_seed(0)
    module = ImageFeatures(6, 4).eval()
    stem = sparse_tensor(torch.zeros(2, 4), torch.tensor([[0, 0, 0], [0, 0, 1]]))
    sampled = torch.randn(2, 6)
    with torch.no_grad():
        out = module(stem, sampled).features
        expected = (sampled @ module.linear.weight.T / (1 + module.norm.eps) ** 0.5).clamp(min=0)
    torch.testing.assert_close(out, expected)
    assert (out > 0).any()
