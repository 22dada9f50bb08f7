"""Writes a sequence as a folder of posed images, as `PosedImages` reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.datasets.truth_file import save_scene_truth
from autoseg3d_core.structures import Frame, FrameTruth, InputError

JPEG_QUALITY = 92


def write_posed_images(
    sequence: RgbdSequence, folder: str | Path, watch: Callable[[int], None] = lambda done: None
) -> None:
    """Write every frame, its truth where known, and the scene's; `watch` is told the frames done.

    Raises `InputError` when the folder already holds something.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty: name another folder, or delete it")
    stamps = []
    for index in range(len(sequence)):
        frame, truth = sequence[index], sequence.truth(index)
        _write_frame(folder, index, frame)
        if truth is not None:
            _write_truth(folder / "truth", index, truth)
        stamps.append(frame.stamp_ns)
        watch(index + 1)
    camera = sequence[0].camera
    matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
    np.savetxt(folder / "intrinsic.txt", matrix, fmt="%.9g")
    np.savetxt(folder / "timestamps.txt", stamps, fmt="%d")
    scene = sequence.scene_truth()
    if scene is not None:
        save_scene_truth(folder / "truth" / "scene.npz", scene)


def _write_frame(folder: Path, index: int, frame: Frame) -> None:
    color = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR)
    _write_image(folder / "color" / f"{index}.jpg", color, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    millimetres = np.clip(np.round(frame.depth * 1000), 0, 65535).astype(np.uint16)
    _write_image(folder / "depth" / f"{index}.png", millimetres, [])
    _write_pose(folder / "pose" / f"{index}.txt", frame.world_from_camera)


def _write_truth(folder: Path, index: int, truth: FrameTruth) -> None:
    _write_image(folder / "instance" / f"{index}.png", truth.instance.astype(np.uint16), [])
    _write_image(folder / "part" / f"{index}.png", truth.part.astype(np.uint16), [])
    _write_pose(folder / "pose" / f"{index}.txt", truth.world_from_camera)


def _write_image(file: Path, image: np.ndarray, options: list[int]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(file), image, options):
        raise InputError(f"{file}: cannot be written")


def _write_pose(file: Path, pose: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(file, pose, fmt="%.9g")
