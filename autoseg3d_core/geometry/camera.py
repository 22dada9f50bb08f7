"""The pinhole camera: pixels with depth to points, points to pixels."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from autoseg3d_core.structures import CameraIntrinsics


def back_project(
    pixel: Int64[Tensor, " points"], depth: Float[Tensor, " points"], camera: CameraIntrinsics
) -> Float[Tensor, "points 3"]:
    """Return camera-frame points in metres (x right, y down, z forward) of flat pixel indices.

    `pixel` is `row * width + column`; `depth` is metric depth along the optical axis.
    """
    row = torch.div(pixel, camera.width, rounding_mode="floor")
    column = pixel - row * camera.width
    x = (column.to(depth.dtype) - camera.cx) * (depth / camera.fx)
    y = (row.to(depth.dtype) - camera.cy) * (depth / camera.fy)
    return torch.stack([x, y, depth], dim=1)


def project(
    points: Float[Tensor, "points 3"], camera: CameraIntrinsics
) -> tuple[Float[Tensor, "points 2"], Float[Tensor, " points"]]:
    """Return the (column, row) in pixels and the depth in metres of camera-frame points."""
    depth = points[:, 2]
    column = points[:, 0] / depth * camera.fx + camera.cx
    row = points[:, 1] / depth * camera.fy + camera.cy
    return torch.stack([column, row], dim=1), depth


def resized(camera: CameraIntrinsics, width: int, height: int) -> CameraIntrinsics:
    """Return the camera of the same view on an image of another size."""
    across, down = width / camera.width, height / camera.height
    return dataclasses.replace(
        camera,
        fx=camera.fx * across,
        fy=camera.fy * down,
        cx=(camera.cx + 0.5) * across - 0.5,
        cy=(camera.cy + 0.5) * down - 0.5,
        width=width,
        height=height,
    )
