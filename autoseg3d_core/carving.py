"""Free space: which places a frame's depth sees through, so that the map forgets what is no longer there.

Projective carving, as Curless and Levoy (1996) do it for surfaces. A place is free only where everything
around it in the image was measured and is farther away; how far around follows from the size of a voxel and
the error of the pose. So holes, edges, grazing rays and noise make nothing free.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64, Shaped
from torch import Tensor

from autoseg3d_core.config import setting
from autoseg3d_core.geometry.transforms import inverse_rigid
from autoseg3d_core.geometry.voxels import pack
from autoseg3d_core.structures import CameraIntrinsics, Frame, HeldVoxels

TILES_ACROSS = 80
"""Depth is looked at in square tiles, about so many next to each other."""
REACHES = (0, 1, 2, 3, 4, 6, 8, 12, 16)
"""So many tiles around a place may have to be farther; what is so near that it needs more is never free."""
INFINITE = np.float32(np.inf).view(np.uint32) - np.uint32(1)
"""What the bits of an infinite depth are less one; those of depth 0 become the largest of all."""
LEAST_MEASURED = 0.7
"""A tile with a smaller share of measured pixels is unknown."""


@dataclass(frozen=True)
class CarvingConfig:
    """When the map forgets what a frame sees through."""

    votes: int = setting(
        3,
        "votes that a map voxel loses per frame that sees through it; 0 turns carving off",
        unit="votes",
        low=0,
        high=1000,
        live=True,
    )
    margin_m: float = setting(
        0.05,
        "depth has to be farther than a voxel by at least this for the voxel to be free; raise it "
        "against noise",
        unit="m",
        low=0.0,
        high=1.0,
        live=True,
    )
    margin_share: float = setting(
        0.02, "additional margin, as a fraction of the distance", low=0.0, high=0.5, live=True
    )
    pose_error_m: float = setting(
        0.01,
        "expected error of the camera position; raise it if objects disappear wrongly",
        unit="m",
        low=0.0,
        high=0.5,
        live=True,
    )
    pose_error_deg: float = setting(
        0.5,
        "expected error of the camera orientation; raise it if objects disappear wrongly",
        unit="deg",
        low=0.0,
        high=10.0,
        live=True,
    )
    farthest_m: float = setting(
        5.0, "voxels farther away than this are never free", unit="m", low=0.5, high=20.0, live=True
    )
    max_blocks: int = setting(
        256,
        "maximum number of map blocks checked per frame; if more are in view, they take turns",
        unit="blocks",
        low=1,
        high=100_000,
    )
    gone_share: float = setting(
        0.3,
        "an object is removed as gone when at least this fraction of its voxels was seen through, and "
        "hardly a surface was seen in the others",
        low=0.1,
        high=1.0,
        live=True,
    )


@dataclass(frozen=True, eq=False)
class FreeSpace:
    """What one frame sees through: the least depth in tiles of its image and in growing squares of them.

    `nearest[i]` is over the tiles up to `REACHES[i]` away, 0 where one of them is unknown or outside.
    """

    nearest: Float[Tensor, "reaches rows columns"]
    camera: CameraIntrinsics
    camera_from_world: Float64[np.ndarray, "4 4"]
    config: CarvingConfig
    voxel_size_m: float

    @staticmethod
    def of(
        frame: Frame, config: CarvingConfig, voxel_size_m: float, device: torch.device | str = "cpu"
    ) -> FreeSpace:
        """Return what a frame sees through; `voxel_size_m` is that of the map's voxels."""
        nearest = [_tiles(frame.depth, tile_of(frame.camera))]
        for reach, next_reach in pairwise(REACHES):
            nearest.append(_least_around(nearest[-1], next_reach - reach))
        pose = inverse_rigid(frame.world_from_camera)
        return FreeSpace(
            torch.from_numpy(np.stack(nearest)).to(device), frame.camera, pose, config, voxel_size_m
        )

    def cubes_in_view(self, edge_m: float) -> Int64[Tensor, " cubes"]:
        """Return the keys of all cubes of a grid in the world that the camera can see through."""
        camera, far = self.camera, self.config.farthest_m
        corners = [
            [(u - camera.cx) / camera.fx * far, (v - camera.cy) / camera.fy * far, far]
            for u in (0, camera.width)
            for v in (0, camera.height)
        ]
        world = inverse_rigid(self.camera_from_world)
        reach = np.array([[0, 0, 0], *corners]) @ world[:3, :3].T + world[:3, 3]
        low, high = (np.floor(end / edge_m).astype(int) for end in (reach.min(axis=0), reach.max(axis=0)))
        axes = [torch.arange(a, b + 1, device=self.nearest.device) for a, b in zip(low, high, strict=True)]
        outward, offset = self._sides()
        x, y, z = (torch.outer(outward[:, i], (axes[i].double() + 0.5) * edge_m) for i in range(3))
        x += (offset - edge_m * math.sqrt(3) / 2)[:, None]  # a cube reaches beyond its middle
        beyond = (x[:, :, None] + y[:, None, :])[..., None].float() + z[:, None, None, :].float()
        inside = (beyond.amax(dim=0) < 0).nonzero()
        return pack(inside + torch.stack([axis[0] for axis in axes]))

    def sees_through(
        self, xyz: Float[Tensor, "points 3"] | Float64[Tensor, "points 3"]
    ) -> Bool[Tensor, " points"]:
        """Tell which points of the world, the middles of voxels, are surely empty."""
        pose = torch.from_numpy(self.camera_from_world).to(xyz.device)
        return self._is_free(*(xyz.double() @ pose[:3, :3].T + pose[:3, 3]).float().T)

    def sees_through_voxels(self, voxels: HeldVoxels) -> Bool[Tensor, " voxels"]:
        """Tell the same of voxels of the map, by their block and their place in it."""
        pose, size = torch.from_numpy(self.camera_from_world).to(voxels.block.device), self.voxel_size_m
        corners = voxels.corners.double() * size @ pose[:3, :3].T + pose[:3, 3]
        offsets = (voxels.inside.double() + 0.5) * size @ pose[:3, :3].T
        corner, offset = corners.float().T.contiguous(), offsets.float().T.contiguous()
        return self._is_free(
            *(
                corner[i].index_select(0, voxels.block) + offset[i].index_select(0, voxels.local)
                for i in range(3)
            )
        )

    def _is_free(self, x: Tensor, y: Tensor, z: Tensor) -> Bool[Tensor, " points"]:
        """Tell which points of the camera's frame are surely empty; most are refused by their own tile."""
        config, camera, tile = self.config, self.camera, tile_of(self.camera)
        _, rows, columns = self.nearest.shape
        ahead = z.clamp(min=1e-3)
        column = torch.floor((x / ahead * camera.fx + camera.cx) / tile)
        row = torch.floor((y / ahead * camera.fy + camera.cy) / tile)
        seen = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        seen &= (z > 0) & (z < config.farthest_m)
        bar = z * (1 + config.margin_share) + config.margin_m
        place = torch.where(seen, row * columns + column, 0).long()
        free = seen & (self.nearest[0].flatten()[place] > bar)
        left = free.nonzero()[:, 0]
        around = (self.voxel_size_m * math.sqrt(3) / 2 + config.pose_error_m) / ahead[left]
        pixels = camera.fx * (around + math.tan(math.radians(config.pose_error_deg)))
        tiles = torch.ceil(pixels / tile - 0.5).long()  # a place is half a tile from the edge of its own
        reach = torch.searchsorted(torch.tensor(REACHES, device=z.device), tiles)
        nearest = self.nearest.flatten(1)[reach.clamp(max=len(REACHES) - 1), place[left]]
        free[left] = (reach < len(REACHES)) & (nearest > bar[left])
        return free

    def _sides(self) -> tuple[Float64[Tensor, "6 3"], Float64[Tensor, " 6"]]:
        """Return the sides of the space in view: `outward @ x + offset` is how far x lies beyond each."""
        camera, far, pose = self.camera, self.config.farthest_m, self.camera_from_world
        left, right = camera.cx / camera.fx, (camera.width - camera.cx) / camera.fx
        above, below = camera.cy / camera.fy, (camera.height - camera.cy) / camera.fy
        sides = np.array(
            [[0, 0, -1], [0, 0, 1], [-1, 0, -left], [1, 0, -right], [0, -1, -above], [0, 1, -below]]
        )
        sides = sides / np.linalg.norm(sides, axis=1, keepdims=True)
        offset = sides @ pose[:3, 3] - far * np.eye(6)[1]
        device = self.nearest.device
        return torch.from_numpy(sides @ pose[:3, :3]).to(device), torch.from_numpy(offset).to(device)


def tile_of(camera: CameraIntrinsics) -> int:
    """Return the edge of a tile in pixels."""
    return max(1, round(camera.width / TILES_ACROSS))


def _least_around(tiles: Float[np.ndarray, "rows columns"], reach: int) -> Float[np.ndarray, "rows columns"]:
    """Return the least value of the tiles up to so many away, 0 beside the edge of the image."""
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return cv2.erode(tiles, square, borderType=cv2.BORDER_CONSTANT, borderValue=0)  # type: ignore[call-overload]


def _tiles(depth: Float[np.ndarray, "height width"], tile: int) -> Float[np.ndarray, "rows columns"]:
    """Return the least depth of each tile, 0 where too little of it was measured; the rest is left out."""
    rows, columns = (size // tile for size in depth.shape)
    strips = depth[: rows * tile, : columns * tile].reshape(rows, tile, columns * tile)
    bits = strips.view(np.uint32) - np.uint32(1)  # ascends with depth; what is unknown is above any depth
    known = (bits < INFINITE).view(np.uint8).sum(axis=1, dtype=np.uint8)
    count, bits = (_pixels_first(part, tile) for part in (known, bits.min(axis=1)))
    least = (bits.min(axis=0) + np.uint32(1)).view(np.float32)
    return np.where(count.sum(axis=0) >= LEAST_MEASURED * tile * tile, least, np.float32(0))


def _pixels_first(
    strips: Shaped[np.ndarray, "rows width"], tile: int
) -> Shaped[np.ndarray, "tile rows columns"]:
    """Return the pixels of each tile along the first axis."""
    return np.ascontiguousarray(strips.reshape(len(strips), -1, tile).transpose(2, 0, 1))
