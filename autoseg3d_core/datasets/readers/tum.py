"""TUM RGB-D: `rgb.txt`, `depth.txt` and `groundtruth.txt`, each a list by time; also Bonn's.

https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from autoseg3d_core.datasets.calibration_files import camera_file
from autoseg3d_core.datasets.image_files import read_color, read_depth
from autoseg3d_core.datasets.pairing import pair_stamps
from autoseg3d_core.datasets.recording import Findings, FrameFiles, Habits, Recording
from autoseg3d_core.datasets.rig import Rig
from autoseg3d_core.datasets.source_options import SourceOptions
from autoseg3d_core.geometry.calibration import Distortion
from autoseg3d_core.geometry.trajectory import poses_at
from autoseg3d_core.structures import CameraIntrinsics, InputError

NEEDS = "rgb.txt, depth.txt and groundtruth.txt"
LISTS = ("rgb.txt", "depth.txt")
POSES = "groundtruth.txt"
UNITS_PER_METRE = 5000.0
SLOP_NS = 20_000_000
LONGEST_GAP_NS = 100_000_000
SIZE = (640, 480)
CAMERAS = {
    "freiburg1": (
        CameraIntrinsics(517.3, 516.5, 318.6, 255.3, *SIZE),
        (0.2624, -0.9531, -0.0054, 0.0026, 1.1633),
    ),
    "freiburg2": (
        CameraIntrinsics(520.9, 521.0, 325.1, 249.7, *SIZE),
        (0.2312, -0.7849, -0.0033, -0.0001, 0.9172),
    ),
    "freiburg3": (CameraIntrinsics(535.4, 539.2, 320.1, 247.6, *SIZE), ()),
    "bonn": (
        CameraIntrinsics(542.822841, 542.576870, 315.593520, 237.756098, *SIZE),
        (0.039903, -0.099343, -0.000730, -0.000144, 0.0),
    ),
}
"""The published colour calibration, by a word of the folder's name, with the lens (plumb_bob)."""
ANY_CAMERA = CameraIntrinsics(525.0, 525.0, 319.5, 239.5, *SIZE)


def fits(path: Path) -> bool:
    """Tell whether a folder has the two lists of images."""
    return all((path / name).is_file() for name in LISTS)


def read(path: Path, options: SourceOptions) -> Recording:
    """Return the frames: images paired by time, each with the pose between the two nearest known ones."""
    findings = Findings()
    colors, depths = (_listed(path / name) for name in LISTS)
    poses = read_trajectory(path / POSES)
    pairs = pair_stamps(colors[0], depths[0], SLOP_NS)
    alone = len(colors[0]) - len(pairs)
    findings.skip("no depth", f"{path / LISTS[1]}: no depth within 20 ms of some colour images", alone)
    stamps = np.array([colors[0][i] for i, _ in pairs], np.int64)
    matrices, known = poses_at(stamps, *poses, LONGEST_GAP_NS)
    lost = int((~known).sum())
    findings.skip("no pose", f"{path / POSES}: no pose within 0.1 s of some images", lost)
    rows = [
        FrameFiles(
            name=str(path / depths[1][j]),
            pose_name=f"{path / POSES} at {int(stamps[k])} ns",
            stamp_ns=int(stamps[k]),
            color=partial(read_color, path / colors[1][i]),
            depth=partial(read_depth, path / depths[1][j]),
            pose=partial(np.copy, matrices[k]),
        )
        for k, (i, j) in enumerate(pairs)
        if known[k]
    ]
    habits = Habits(_rig(path, options, findings), UNITS_PER_METRE)
    return Recording(path, rows, habits, options, findings)


def _listed(file: Path) -> tuple[Int64[np.ndarray, " rows"], list[str]]:
    """Return stamps in nanoseconds, ascending, and what stands beside them."""
    rows = [line.split() for line in _lines(file)]
    try:
        stamped = sorted((_nanoseconds(row[0]), row[1]) for row in rows)
    except (ValueError, IndexError) as error:
        raise InputError(f"{file}: expected a time and a file name per line ({error})") from error
    return np.array([stamp for stamp, _ in stamped], np.int64), [name for _, name in stamped]


def read_trajectory(
    file: Path,
) -> tuple[Int64[np.ndarray, " rows"], Float64[np.ndarray, "rows 3"], Float64[np.ndarray, "rows 4"]]:
    """Return a trajectory file's stamps (ns, ascending), positions (m) and quaternions (x, y, z, w)."""
    if not file.exists():
        raise InputError(f"{file}: no such file: the camera poses are needed, one line per time")
    rows = [line.replace(",", " ").split() for line in _lines(file)]
    try:
        stamps = np.array([_nanoseconds(row[0]) for row in rows], np.int64)
        values = np.array([[float(value) for value in row[1:8]] for row in rows]).reshape(len(rows), 7)
    except (ValueError, IndexError) as error:
        raise InputError(f"{file}: expected time, tx ty tz, qx qy qz qw per line ({error})") from error
    usable = np.isfinite(values).all(axis=1) & (np.linalg.norm(values[:, 3:], axis=1) > 1e-6)
    stamps, order = np.unique(stamps[usable], return_index=True)
    values = values[usable][order]
    return stamps, values[:, :3], values[:, 3:]


def _lines(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def _nanoseconds(text: str) -> int:
    """Return seconds written as decimals, without the rounding of floats."""
    whole, _, part = text.partition(".")
    return int(whole) * 1_000_000_000 + int((part + "0" * 9)[:9])


def _rig(path: Path, options: SourceOptions, findings: Findings) -> Rig:
    if options.intrinsics is not None:
        return Rig(options.intrinsics)
    if (path / "intrinsic.txt").exists():
        return Rig(camera_file(path / "intrinsic.txt"))
    name = path.resolve().name.lower()
    known = next((word for word in CAMERAS if word in name), None)
    if known is None:
        findings.guesses.append("calibration: ROS' default, 525,525,319.5,239.5 (--intrinsics)")
        return Rig(ANY_CAMERA)
    camera, lens = CAMERAS[known]
    findings.guesses.append(f"calibration: the published one of {known} (--intrinsics)")
    return Rig(camera, distortion=Distortion("plumb_bob", lens) if lens else None)
