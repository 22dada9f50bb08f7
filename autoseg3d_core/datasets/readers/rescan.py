"""3RScan, and ScanNet as its C++ tool exports it: `frame-000000.color.jpg`, `.depth.pgm`, `.pose.txt`."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np

from autoseg3d_core.datasets.annotations import rescan_truth
from autoseg3d_core.datasets.calibration_files import camera_file, camera_of
from autoseg3d_core.datasets.image_files import read_color, read_depth, read_pose
from autoseg3d_core.datasets.numbered_files import complete
from autoseg3d_core.datasets.recording import Findings, FrameFiles, Habits, Recording
from autoseg3d_core.datasets.rig import Rig
from autoseg3d_core.datasets.source_options import SourceOptions
from autoseg3d_core.geometry.transforms import inverse_rigid
from autoseg3d_core.structures import InputError

NEEDS = "frame-000000.color.jpg, .depth.pgm, .pose.txt (in sequence/, or right there) and _info.txt"
NAMES = {
    "color": re.compile(r"frame-(\d+)\.color\.(jpg|png)"),
    "depth": re.compile(r"frame-(\d+)\.depth\.(pgm|png)"),
    "pose": re.compile(r"frame-(\d+)\.pose\.txt"),
}
INFO = ("_info.txt", "info.txt")
RATE_HZ = 10.0


def fits(path: Path) -> bool:
    """Tell whether a folder, or `sequence/` in it, has files of frames named so."""
    folder = _folder(path)
    return any(folder.glob("frame-*.color.*")) or (path / "sequence.zip").is_file()


def read(path: Path, options: SourceOptions) -> Recording:
    """Return the frames; each camera has its own calibration, and depth is registered to colour by both."""
    folder, findings = _folder(path), Findings()
    parts = {name: _named(folder, pattern) for name, pattern in NAMES.items()}
    if not parts["color"] and (path / "sequence.zip").is_file():
        raise InputError(f"{path}: unzip sequence.zip into {path / 'sequence'} first")
    rig, scale = _calibration(folder, options)
    rows = [
        FrameFiles(
            name=str(parts["depth"][number]),
            pose_name=str(parts["pose"][number]),
            stamp_ns=round(number * 1e9 / RATE_HZ),
            color=partial(read_color, parts["color"][number]),
            depth=partial(read_depth, parts["depth"][number]),
            pose=partial(read_pose, parts["pose"][number]),
        )
        for number in complete(parts, folder, findings)
    ]
    return Recording(path, rows, Habits(rig, scale), options, findings, rescan_truth(path))


def _named(folder: Path, pattern: re.Pattern[str]) -> dict[int, Path]:
    found = ((pattern.fullmatch(file.name), file) for file in folder.iterdir())
    return {int(name.group(1)): file for name, file in found if name}


def _folder(path: Path) -> Path:
    return path / "sequence" if (path / "sequence").is_dir() else path


def _calibration(folder: Path, options: SourceOptions) -> tuple[Rig, float | None]:
    """Return both cameras and depth's units per metre."""
    file = next((folder / name for name in INFO if (folder / name).exists()), None)
    if file is None and (folder / "camera-intrinsics.txt").exists():
        return Rig(camera_file(folder / "camera-intrinsics.txt")), None
    if file is None:
        if options.intrinsics is None:
            raise InputError(
                f"{folder / INFO[0]}: no such file, so there is no calibration; download it, or give "
                "--intrinsics fx,fy,cx,cy"
            )
        return Rig(options.intrinsics), None
    return rig_of_info(file)


def rig_of_info(file: Path) -> tuple[Rig, float]:
    """Return what an `_info.txt` says: `m_calibrationColorIntrinsic = ...` and so on."""
    lines = (line.partition("=") for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
    said = {key.strip(): value.split() for key, _, value in lines}
    try:
        sizes = {
            name: (int(said[f"m_{name}Width"][0]), int(said[f"m_{name}Height"][0]))
            for name in ("color", "depth")
        }
        matrices = {key: _matrix(said[f"m_calibration{key}"]) for key in ("ColorIntrinsic", "DepthIntrinsic")}
        color = camera_of(matrices["ColorIntrinsic"], f"{file}: colour", sizes["color"])
        depth = camera_of(matrices["DepthIntrinsic"], f"{file}: depth", sizes["depth"])
        scale = float(said["m_depthShift"][0])
        ends = [_matrix(said.get(f"m_calibration{key}Extrinsic", [])) for key in ("Color", "Depth")]
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(f"{file}: lacks a calibration, or it is damaged ({error!r})") from error
    return Rig(color, depth, inverse_rigid(ends[0]) @ ends[1]), scale


def _matrix(values: list[str]) -> np.ndarray:
    return np.array([float(value) for value in values]).reshape(4, 4) if values else np.eye(4)
