"""ScanNet as its Python tool exports it: `color/`, `depth/`, `pose/`, `intrinsic/`, of any size of image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from autoseg3d_core.datasets.annotations import scannet_alignment, scannet_truth
from autoseg3d_core.datasets.calibration_files import camera_file
from autoseg3d_core.datasets.image_files import COLOR_ENDINGS, read_color, read_matrix
from autoseg3d_core.datasets.numbered_files import numbered
from autoseg3d_core.datasets.posed_images import PosedImages, folder_of
from autoseg3d_core.datasets.recording import Findings, Habits
from autoseg3d_core.datasets.rig import Rig
from autoseg3d_core.datasets.source_options import SourceOptions
from autoseg3d_core.geometry.transforms import inverse_rigid
from autoseg3d_core.structures import CameraIntrinsics

NEEDS = "color/, depth/, pose/, and intrinsic/intrinsic_color.txt, intrinsic_depth.txt"
SIZES = {"color": (1296, 968), "depth": (640, 480)}
OFF_CENTER = 0.2
"""Share of the image by which a principal point lies off its middle only where it is of another size."""


def fits(path: Path) -> bool:
    """Tell whether a folder of posed images has ScanNet's calibration files."""
    return all((path / "intrinsic" / f"intrinsic_{part}.txt").is_file() for part in ("color", "depth"))


def read(path: Path, options: SourceOptions) -> PosedImages:
    """Return the frames; a calibration of the recorded size holds for images that were made smaller."""
    findings = Findings()
    color, depth = (_camera(path, part, findings) for part in ("color", "depth"))
    ends = [_extrinsic(path / "intrinsic" / f"extrinsic_{part}.txt") for part in ("color", "depth")]
    aligned = scannet_alignment(path, path.name)
    rig = Rig(color, depth, inverse_rigid(ends[0]) @ ends[1])
    return PosedImages(
        path,
        options=options,
        habits=Habits(rig, aligned_from_world=aligned),
        annotation=scannet_truth(path, path.name, aligned),
        findings=findings,
    )


def _camera(path: Path, part: str, findings: Findings) -> CameraIntrinsics:
    """Return the calibration with the size that it is of: that of the images, or of what was recorded."""
    file = path / "intrinsic" / f"intrinsic_{part}.txt"
    camera = camera_file(file)
    first = next(iter(numbered(folder_of(path, part), COLOR_ENDINGS).values()), None)
    if first is None:
        return camera
    height, width = read_color(first).shape[:2]
    if abs(camera.cx / width - 0.5) < OFF_CENTER and abs(camera.cy / height - 0.5) < OFF_CENTER:
        return camera
    full = SIZES[part]
    findings.guesses.append(
        f"calibration: {file.name} is of {full[0]}x{full[1]}, the images are {width}x{height} (--intrinsics)"
    )
    return camera_file(file, full)


def _extrinsic(file: Path) -> np.ndarray:
    matrix = read_matrix(file) if file.exists() else np.eye(4)
    return matrix if matrix.shape == (4, 4) and matrix.any() and np.isfinite(matrix).all() else np.eye(4)
