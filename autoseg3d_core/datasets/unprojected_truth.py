"""The truth of a scene made from the truth of its frames: their labelled pixels, lifted into the world."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.geometry.scene_cloud import Votes
from autoseg3d_core.geometry.transforms import transform_points
from autoseg3d_core.structures import Frame, FrameTruth, InputError, LabelledCloud, SceneTruth

VOXEL_M = 0.02
MOST_FRAMES = 300
PIXEL_STEP = 2
FARTHEST_M = 5.0
LABEL_NAMES = ("object",)


def unprojected_truth(sequence: RgbdSequence) -> SceneTruth | None:
    """Return the labelled surface that a sequence shows, None where it has no true instances.

    Up to 300 frames, evenly spread, give every second pixel within 5 m; a voxel of 2 cm belongs to the
    instance with the most points. All objects are of one class. Frames that cannot be read are left out.
    """
    chosen = np.linspace(0, len(sequence) - 1, min(MOST_FRAMES, len(sequence))).round().astype(int)
    gathered = [votes for index in np.unique(chosen).tolist() if (votes := _votes_of(sequence, index))]
    if not gathered:
        return None
    xyz, rgb, ids = Votes.gathered(gathered).winners()
    objects = np.unique(ids[ids > 0])
    boxes = [np.concatenate([xyz[ids == name].min(axis=0), xyz[ids == name].max(axis=0)]) for name in objects]
    cloud = LabelledCloud(xyz, rgb, ids, np.where(ids > 0, 0, -1))
    return SceneTruth(
        cloud,
        objects,
        np.zeros(len(objects), np.int64),
        np.array(boxes, np.float32).reshape(-1, 6),
        LABEL_NAMES,
    )


def _votes_of(sequence: RgbdSequence, index: int) -> Votes | None:
    try:
        truth = sequence.truth(index)
        frame = None if truth is None else sequence[index]
    except InputError:
        return None
    return None if truth is None or frame is None else _unprojected(frame, truth)


def _unprojected(frame: Frame, truth: FrameTruth) -> Votes | None:
    if truth.instance.shape != frame.depth.shape:
        return None
    depth = frame.depth[::PIXEL_STEP, ::PIXEL_STEP].astype(np.float64)
    known = (depth > 0) & (depth < FARTHEST_M)
    row, column = np.nonzero(known)
    z, camera = depth[known], frame.camera
    x = (column * PIXEL_STEP - camera.cx) * z / camera.fx
    y = (row * PIXEL_STEP - camera.cy) * z / camera.fy
    xyz = transform_points(truth.world_from_camera, np.column_stack([x, y, z]))
    rgb, ids = (image[::PIXEL_STEP, ::PIXEL_STEP][known] for image in (frame.rgb, truth.instance))
    return Votes.of(xyz, rgb, ids.astype(np.int64), VOXEL_M)
