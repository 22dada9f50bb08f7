"""From a frame and its masks to a fragment cloud; NumPy becomes torch here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from autoseg3d_core.config import setting
from autoseg3d_core.geometry.camera import back_project
from autoseg3d_core.geometry.depth_edges import strays
from autoseg3d_core.geometry.transforms import check_pose
from autoseg3d_core.structures import FragmentCloud, Frame, ImageView, InputError, MaskImage

FARTHEST_M = 20_000.0
"""Single precision tells points 2 mm apart up to here; the scene map's voxels reach twice as far."""


@dataclass(frozen=True)
class LiftingConfig:
    """Which pixels of a frame become points."""

    points: int = setting(
        12_000,
        "points sampled from each frame; more points show finer detail and take more time",
        unit="points",
        low=100,
        high=1_000_000,
        live=True,
    )
    min_depth_m: float = setting(0.1, "ignore depth below this", unit="m", low=0.0, high=10.0, live=True)
    max_depth_m: float = setting(6.0, "ignore depth beyond this", unit="m", low=0.1, high=100.0, live=True)
    edge_tolerance: float = setting(
        0.03,
        "a depth step larger than this fraction of the depth is an edge; stray readings at edges "
        "(flying pixels, isolated ones, spill-over of masks) are ignored; lower removes more, 0 "
        "none",
        low=0.0,
        high=1.0,
        live=True,
    )

    def __post_init__(self) -> None:
        if self.min_depth_m >= self.max_depth_m:
            raise ValueError(f"min_depth_m {self.min_depth_m} must be below max_depth_m {self.max_depth_m}")


def check_frame(frame: Frame) -> None:
    """Raise `InputError` when a frame's images, camera and pose do not fit together."""
    where = f"frame at {frame.stamp_ns} ns"
    _check_arrays(frame, where)
    shape = (frame.camera.height, frame.camera.width)
    if frame.depth.shape != shape or frame.rgb.shape != (*shape, 3):
        raise InputError(
            f"{where}: colour {frame.rgb.shape[1]}x{frame.rgb.shape[0]}, depth {frame.depth.shape[1]}x"
            f"{frame.depth.shape[0]} and camera {shape[1]}x{shape[0]} differ in size; "
            "use depth that is registered to the colour image"
        )
    camera = frame.camera
    finite = np.isfinite([camera.fx, camera.fy, camera.cx, camera.cy]).all()
    if not (finite and camera.fx > 0 and camera.fy > 0):
        raise InputError(
            f"{where}: focal lengths {camera.fx}, {camera.fy} and centre {camera.cx}, {camera.cy}: "
            "calibrate the camera"
        )
    check_pose(frame.world_from_camera, where)
    if frame.world_from_odometry is not None:
        check_pose(frame.world_from_odometry, f"{where}, odometry's frame")
    farthest = float(np.abs(frame.world_from_camera[:3, 3]).max())
    if farthest > FARTHEST_M:
        raise InputError(
            f"{where}: the camera is {farthest / 1000:.0f} km from the world's origin; single precision "
            f"is good enough up to {FARTHEST_M / 1000:.0f} km: give poses in a frame with its origin near "
            "the robot, such as odom (target_frame of the node)"
        )


def _check_arrays(frame: Frame, where: str) -> None:
    """Raise `InputError` when an array of a frame is not of the kind that `Frame` asks for."""
    for name, array, kind, what in (
        ("rgb", frame.rgb, np.uint8, "colours from 0 to 255"),
        ("depth", frame.depth, np.float32, "metres"),
        ("world_from_camera", frame.world_from_camera, np.float64, "a 4x4 matrix"),
    ):
        if not isinstance(array, np.ndarray) or array.dtype != kind:
            found = getattr(array, "dtype", type(array).__name__)
            raise InputError(f"{where}: {name} has to be a {kind.__name__} array, {what}; found {found}")
    if frame.depth.ndim != 2 or frame.rgb.ndim != 3 or frame.rgb.shape[2] != 3:
        raise InputError(
            f"{where}: colour has the shape {frame.rgb.shape} and depth {frame.depth.shape}: give colour as "
            "height x width x 3 (no alpha) and depth as height x width"
        )


def lift(
    frame: Frame, masks: MaskImage, config: LiftingConfig, device: torch.device | str = "cpu"
) -> FragmentCloud:
    """Return points of the frame in the world, each with the index of the mask that it lies on.

    Valid readings are drawn evenly over the image, jittered by a generator seeded with the stamp, so
    that the same frame always gives the same cloud. A frame with fewer valid readings than
    `config.points` gives them all; one with none gives an empty cloud.
    """
    depth = torch.from_numpy(np.ascontiguousarray(frame.depth)).to(device)
    in_range = (depth > 0) & (depth >= config.min_depth_m) & (depth <= config.max_depth_m)  # NaN is not
    index = torch.from_numpy(np.ascontiguousarray(masks.index)).to(device)
    candidates = _drawn(in_range.flatten().nonzero()[:, 0], 2 * config.points, seed=frame.stamp_ns)
    if config.edge_tolerance > 0:
        candidates = candidates[~strays(depth, index, candidates, config.edge_tolerance)]
    pixel = _drawn(candidates, config.points, seed=frame.stamp_ns + 1)
    pose = torch.from_numpy(frame.world_from_camera).to(device)
    camera_points = back_project(pixel, depth.flatten()[pixel].double(), frame.camera)
    xyz = (camera_points @ pose[:3, :3].T + pose[:3, 3]).float()
    rgb = torch.from_numpy(np.ascontiguousarray(frame.rgb)).to(device).view(-1, 3)[pixel]
    score = torch.from_numpy(masks.score).to(device)
    view = None
    if masks.features is not None:
        view = ImageView(masks.features, frame.camera, torch.linalg.inv(pose))
    wholeness = None if masks.wholeness is None else torch.from_numpy(masks.wholeness).to(device)
    return FragmentCloud(xyz, rgb.float() / 255, index.flatten()[pixel].long(), pixel, score, view, wholeness)


def _drawn(valid: Tensor, count: int, seed: int) -> Tensor:
    """Return `count` of the indices, one from each of as many equal stretches."""
    if len(valid) <= count:
        return valid
    generator = torch.Generator().manual_seed(seed % (1 << 63))
    jitter = torch.rand(count, generator=generator, dtype=torch.float64).to(valid.device)
    edge = torch.arange(count + 1, device=valid.device) * len(valid) // count
    place = edge[:-1] + (jitter * (edge[1:] - edge[:-1])).long()
    return valid[place]
