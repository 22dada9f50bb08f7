"""Replica as NICE-SLAM renders it: `results/frame*.jpg`, `results/depth*.png`, and `traj.txt`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from autoseg3d_core.datasets.calibration_files import read_json
from autoseg3d_core.datasets.image_files import COLOR_ENDINGS, DEPTH_ENDINGS, read_color, read_depth
from autoseg3d_core.datasets.numbered_files import complete, numbered
from autoseg3d_core.datasets.recording import Findings, FrameFiles, Habits, Recording
from autoseg3d_core.datasets.rig import Rig
from autoseg3d_core.datasets.source_options import SourceOptions
from autoseg3d_core.structures import CameraIntrinsics, InputError

NEEDS = "results/ and traj.txt"
CAMERA_FILE = "cam_params.json"
PUBLISHED = (CameraIntrinsics(600.0, 600.0, 599.5, 339.5, 1200, 680), 6553.5)
RATE_HZ = 30.0


def fits(path: Path) -> bool:
    """Tell whether a folder has the images and the list of poses."""
    return (path / "results").is_dir() and (path / "traj.txt").is_file()


def read(path: Path, options: SourceOptions) -> Recording:
    """Return the frames; line i of `traj.txt` is the pose (camera to world, 16 numbers) of frame i."""
    findings, folder = Findings(), path / "results"
    lines = (path / "traj.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    parts = {
        "color": numbered(folder, COLOR_ENDINGS, start="frame"),
        "depth": numbered(folder, DEPTH_ENDINGS, start="depth"),
        "pose": {i: path / "traj.txt" for i, line in enumerate(lines) if line.strip()},
    }
    camera, scale = _camera(path, findings)
    rows = [
        FrameFiles(
            name=str(parts["depth"][number]),
            pose_name=f"{path / 'traj.txt'}: line {number + 1}",
            stamp_ns=round(number * 1e9 / RATE_HZ),
            color=partial(read_color, parts["color"][number]),
            depth=partial(read_depth, parts["depth"][number]),
            pose=partial(_pose, lines[number], f"{path / 'traj.txt'}: line {number + 1}"),
        )
        for number in complete(parts, path, findings)
    ]
    return Recording(path, rows, Habits(Rig(camera), scale), options, findings)


def _pose(line: str, source: str) -> np.ndarray:
    try:
        return np.array([float(value) for value in line.split()]).reshape(4, 4)
    except ValueError as error:
        raise InputError(f"{source}: expected the 16 numbers of a 4x4 matrix ({error})") from error


def _camera(path: Path, findings: Findings) -> tuple[CameraIntrinsics, float]:
    """Return the camera and depth's units per metre: of the file beside the scene or above it."""
    file = next((f for f in (path / CAMERA_FILE, path.parent / CAMERA_FILE) if f.exists()), None)
    if file is None:
        findings.guesses.append(
            f"no {CAMERA_FILE}: calibration 600,600,599.5,339.5,1200,680 (--intrinsics) and 6553.5 units of "
            "depth per metre (--depth-scale), as published"
        )
        return PUBLISHED
    try:
        said = read_json(file)["camera"]
        fx, fy, cx, cy, scale = (float(said[key]) for key in ("fx", "fy", "cx", "cy", "scale"))
        return CameraIntrinsics(fx, fy, cx, cy, int(said["w"]), int(said["h"])), scale
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{file}: expected camera: w, h, fx, fy, cx, cy, scale ({error!r})") from error
