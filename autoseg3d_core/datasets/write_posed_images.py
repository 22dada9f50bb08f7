"""Writes a sequence as a folder of posed images, as `PosedImages` reads it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.datasets.truth_file import save_scene_truth
from autoseg3d_core.structures import CameraIntrinsics, Frame, FrameTruth, InputError

JPEG_QUALITY = 92


class PosedImagesFolder:
    """A sink that writes frames, with their truth where the sequence knows it, numbered as they come.

    Raises `InputError` when the folder already holds something. `close` writes what is left.
    """

    def __init__(self, sequence: RgbdSequence, folder: str | Path) -> None:
        self._sequence, self._folder = sequence, Path(folder)
        if self._folder.exists() and any(self._folder.iterdir()):
            raise InputError(f"{folder} is not empty: name another folder, or delete it")
        self._stamps: list[int] = []
        self._camera: CameraIntrinsics | None = None

    def take(self, index: int, frame: Frame, made: object = None) -> None:
        """Write one frame; a truth that cannot be read is an `InputError`."""
        truth, number = self._sequence.truth(index), len(self._stamps)
        _write_frame(self._folder, number, frame)
        if truth is not None:
            _write_truth(self._folder / "truth", number, truth)
        self._stamps.append(frame.stamp_ns)
        self._camera = self._camera or frame.camera

    def close(self) -> None:
        """Write the calibration of the first frame, the stamps, and the truth of the scene where known.

        Does nothing where no frame was written.
        """
        camera = self._camera
        if camera is None:
            return
        matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
        np.savetxt(self._folder / "intrinsic.txt", matrix, fmt="%.9g")
        np.savetxt(self._folder / "timestamps.txt", self._stamps, fmt="%d")
        scene = self._sequence.scene_truth()
        if scene is not None:
            save_scene_truth(self._folder / "truth" / "scene.npz", scene)


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
