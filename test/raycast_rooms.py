"""A room of boxes seen by casting a ray per pixel: frames with a known answer, for tests of the map."""

import dataclasses

import numpy as np
from mask_maker_of import MaskMakerOf
from scipy.spatial.transform import Rotation

from autoseg3d_core.carving import CarvingConfig
from autoseg3d_core.lifting import LiftingConfig
from autoseg3d_core.models.overlap import Overlap, OverlapConfig
from autoseg3d_core.pipeline import OnlineSegmenter
from autoseg3d_core.policies import PipelineConfig
from autoseg3d_core.structures import CameraIntrinsics, Frame, MaskImage
from autoseg3d_core.tracking.assignment import ManyToOne
from autoseg3d_core.tracking.keyframes import ClosureConfig
from autoseg3d_core.tracking.lifecycle import TracksConfig
from autoseg3d_core.tracking.maturity import MaturityConfig

CAMERA = CameraIntrinsics(140.0, 140.0, 79.5, 59.5, 160, 120)
ROOM = np.array([[-2.5, -2.5, 0.0], [2.5, 2.5, 2.6]])
CUPBOARD, TABLE, CRATE = (
    np.array(box)
    for box in (
        [[1.6, -0.6, 0.0], [2.1, 0.6, 1.8]],
        [[-0.2, 1.2, 0.0], [1.0, 1.9, 0.75]],
        [[-1.8, -0.9, 0.0], [-1.2, -0.3, 0.6]],
    )
)


def looking(yaw_deg, pitch_deg=20.0, place=(0.0, 0.0, 1.4)):
    """A camera that looks so far around and so far down."""
    level = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], float)  # optical axes: z along the world's x
    turn = Rotation.from_euler("ZY", [yaw_deg, pitch_deg], degrees=True).as_matrix()
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn @ level, place
    return pose


def view(pose, things, told=None, stamp_ns=1, depth_noise=0.0, random=None, camera=CAMERA):
    """What a camera sees of boxes in a room: depth by a ray per pixel, and who is where, walls 0."""
    row, column = np.mgrid[: camera.height, : camera.width]
    rays = np.stack(
        [(column - camera.cx) / camera.fx, (row - camera.cy) / camera.fy, np.ones(row.shape)], axis=2
    )
    rays = rays @ pose[:3, :3].T
    with np.errstate(divide="ignore"):
        ends = (ROOM[:, None, None] - pose[:3, 3]) / rays
    depth, ids = ends.max(axis=0).min(axis=2), np.zeros(row.shape, np.int32)
    for name, box in things.items():
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = (box[:, None, None] - pose[:3, 3]) / rays
        near, far = ends.min(axis=0).max(axis=2), ends.max(axis=0).min(axis=2)
        hit = (near < far) & (near > 0) & (near < depth)
        depth, ids = np.where(hit, near, depth), np.where(hit, name, ids)
    if random is not None:
        depth = depth + random.normal(0, 1, depth.shape) * depth_noise * depth**2
    frame = Frame(
        np.full((*row.shape, 3), 128, np.uint8),
        depth.astype(np.float32),
        camera,
        pose if told is None else told,
        stamp_ns,
    )
    return dataclasses.replace(frame, label_image=ids)


def masks_of(frame):
    names, index = np.unique(frame.label_image, return_inverse=True)
    index = index.reshape(frame.label_image.shape) - (names[0] == 0)
    return MaskImage(index.astype(np.int32), np.ones(int((names > 0).sum()), np.float32))


def segmenter(closure=None, **carving):
    """The overlap model on masks of the boxes."""
    config = PipelineConfig(
        lifting=LiftingConfig(points=3000, edge_tolerance=0.0),
        carving=CarvingConfig(**carving),
        closure=closure or ClosureConfig(),
        tracks=TracksConfig(maturity=MaturityConfig(still_hits=3)),  # the camera stands and turns
    )
    return OnlineSegmenter(MaskMakerOf(masks_of), Overlap(OverlapConfig()), ManyToOne(0.3), config)


def jittered(pose, random, place_m=0.01, degrees=0.5):
    told = pose.copy()
    told[:3, :3] = (
        Rotation.from_rotvec(np.radians(degrees) * random.normal(size=3)).as_matrix() @ pose[:3, :3]
    )
    told[:3, 3] += place_m * random.normal(size=3)
    return told
