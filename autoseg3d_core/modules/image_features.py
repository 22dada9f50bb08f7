"""Image features: adds what a 2D network saw at a voxel's pixel to the voxel's first features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from autoseg3d_core.modules.blocks import Norm
from autoseg3d_core.modules.part import Around
from autoseg3d_core.sparse.tensor import SparseTensor
from autoseg3d_core.structures import CameraIntrinsics

NEAREST_M = 1e-3
"""What is nearer than this, or behind the camera, has no pixel."""


@dataclass(frozen=True)
class ImageFeaturesShape:
    """A network whose voxels take the features of a 2D network as input, in so many channels."""

    channels: int

    def build(self, around: Around) -> ImageFeatures:
        """Return what adds image features."""
        return ImageFeatures(self.channels, around.unet.stem_channels)


class ImageFeatures(nn.Module):
    """Projects voxels into one frame's 2D feature map, and adds what it finds to the stem's features."""

    def __init__(self, inputs: int = 960, outputs: int = 32) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.norm = Norm(outputs)

    def forward(
        self,
        stem: SparseTensor,
        sampled: Float[Tensor, "voxels inputs"],
    ) -> SparseTensor:
        """Return the stem with sampled 2D features added."""
        return stem.replaced(stem.features + functional.relu(self.norm(self.linear(sampled))))


def sample_image(
    image: Float[Tensor, "channels rows columns"],
    xyz: Float[Tensor, "voxels 3"],
    camera: CameraIntrinsics,
    camera_from_world: Float[Tensor, "4 4"],
) -> Float[Tensor, "voxels channels"]:
    """Return the feature map bilinearly at each world point's pixel; zeros outside the image.

    As published, a pixel's place is divided by the image's width and height, and then read with
    `align_corners`: the map's last column lies at pixel `width`, one beyond the image's last.
    """
    seen = xyz @ camera_from_world[:3, :3].T + camera_from_world[:3, 3]
    depth = seen[:, 2].clamp(min=NEAREST_M)
    column = (seen[:, 0] / depth * camera.fx + camera.cx) / camera.width * 2 - 1
    row = (seen[:, 1] / depth * camera.fy + camera.cy) / camera.height * 2 - 1
    grid = torch.stack([column, row], dim=1)[None, None].to(image.dtype)
    sampled = functional.grid_sample(image[None], grid, align_corners=True)[0, :, 0].T
    return sampled * (seen[:, 2:] > NEAREST_M)
