"""nerfstudio's `transforms.json`, as Record3D, Polycam and others are brought into it.

https://docs.nerf.studio/quickstart/data_conventions.html
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from autoseg3d_core.datasets.calibration_files import read_json
from autoseg3d_core.datasets.image_files import read_color, read_depth
from autoseg3d_core.datasets.numbered_files import LAST_NUMBER
from autoseg3d_core.datasets.recording import Findings, FrameFiles, Habits, Recording
from autoseg3d_core.datasets.rig import Rig
from autoseg3d_core.datasets.source_options import SourceOptions
from autoseg3d_core.geometry.calibration import Distortion
from autoseg3d_core.structures import CameraIntrinsics, InputError

NEEDS = "transforms.json"
FILE = "transforms.json"
RATE_HZ = 30.0
LENSES = {
    "OPENCV": ("plumb_bob", ("k1", "k2", "p1", "p2", "k3")),
    "OPENCV_FISHEYE": ("equidistant", ("k1", "k2", "k3", "k4")),
    "PINHOLE": ("plumb_bob", ()),
    "SIMPLE_PINHOLE": ("plumb_bob", ()),
}


def fits(path: Path) -> bool:
    """Tell whether this is such a file, or a folder with one."""
    return (path.name == FILE and path.is_file()) or (path / FILE).is_file()


def read(path: Path, options: SourceOptions) -> Recording:
    """Return the frames in the order of their names; poses are camera to world with OpenGL's axes."""
    file = path if path.is_file() else path / FILE
    said, findings = read_json(file), Findings()
    frames = said.get("frames") if isinstance(said, dict) else None
    if not isinstance(frames, list) or not all(isinstance(frame, dict) for frame in frames):
        raise InputError(f"{file}: has no list of frames: export it again")
    rows = []
    for place, frame in enumerate(sorted(frames, key=lambda frame: _order(str(frame.get("file_path", ""))))):
        row = _row(file, {**said, **frame}, place, options, findings)
        if row is not None:
            rows.append(row)
    return Recording(file.parent, rows, Habits(pose_convention="opengl"), options, findings)


def _order(name: str) -> tuple[int, str]:
    number = LAST_NUMBER.search(Path(name).stem)
    return (int(number.group(1)) if number else 0, name)


def _row(
    file: Path, frame: Mapping[str, Any], place: int, options: SourceOptions, findings: Findings
) -> FrameFiles | None:
    """Return a frame, or None where a file of it is not there."""
    name = frame.get("file_path")
    if not name:
        raise InputError(f"{file}: frame {place} has no file_path")
    if not frame.get("depth_file_path"):
        findings.skip("no depth", f"{file}: frames without depth_file_path: export with depth")
        return None
    color, depth = file.parent / str(name), file.parent / str(frame["depth_file_path"])
    color = color if color.suffix else color.with_suffix(".png")
    missing = next((image for image in (color, depth) if not image.is_file()), None)
    if missing is not None:
        findings.skip("no files", f"{missing}: no such file, named in {file.name}")
        return None
    return FrameFiles(
        name=str(depth),
        pose_name=f"{file}: frame {name}",
        stamp_ns=round(place * 1e9 / RATE_HZ),
        color=partial(read_color, color),
        depth=partial(read_depth, depth),
        pose=partial(_pose, frame.get("transform_matrix"), f"{file}: frame {name}"),
        rig=_rig(file, frame) if options.intrinsics is None else Rig(options.intrinsics),
    )


def _pose(matrix: Any, source: str) -> np.ndarray:
    try:
        pose = np.array(matrix, np.float64)
        return np.vstack([pose, [0, 0, 0, 1]]) if pose.shape == (3, 4) else pose.reshape(4, 4)
    except (TypeError, ValueError) as error:
        raise InputError(f"{source}: transform_matrix has to be 4x4 numbers ({error})") from error


def _rig(file: Path, said: Mapping[str, Any]) -> Rig:
    try:
        width, height = int(said["w"]), int(said["h"])
        fx = float(said["fl_x"])
        fy = float(said.get("fl_y", fx))
        cx, cy = float(said.get("cx", width / 2)), float(said.get("cy", height / 2))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{file}: lacks the camera: fl_x, fl_y, cx, cy, w, h ({error!r})") from error
    model = str(said.get("camera_model", "OPENCV"))
    if model not in LENSES:
        raise InputError(f"{file}: camera_model {model} is not known (known: {', '.join(LENSES)})")
    lens, keys = LENSES[model]
    coefficients = tuple(float(said.get(key, 0.0)) for key in keys)
    distortion = Distortion(lens, coefficients) if any(coefficients) else None
    # its pixel centres lie at halves, ours at whole numbers
    return Rig(CameraIntrinsics(fx, fy, cx - 0.5, cy - 0.5, width, height), distortion=distortion)
