"""SceneNN: `image/image*.png`, `depth/depth*.png`, and poses in `pose/*.npy` or `trajectory.log`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from autoseg3d_core.datasets.annotations import scenenn_truth
from autoseg3d_core.datasets.image_files import (
    COLOR_ENDINGS,
    DEPTH_ENDINGS,
    read_color,
    read_depth,
    read_pose,
)
from autoseg3d_core.datasets.numbered_files import complete, numbered
from autoseg3d_core.datasets.recording import Findings, FrameFiles, Habits, Recording
from autoseg3d_core.datasets.rig import Rig
from autoseg3d_core.datasets.source_options import SourceOptions
from autoseg3d_core.structures import CameraIntrinsics, InputError

NEEDS = "image/, depth/, and pose/*.npy or trajectory.log"
CAMERA = CameraIntrinsics(544.47329, 544.47329, 320.0, 240.0, 640, 480)
RATE_HZ = 30.0
LOG = "trajectory.log"
LINES_OF_A_POSE = 5


def fits(path: Path) -> bool:
    """Tell whether a folder is named and filled as SceneNN's are."""
    poses = (path / LOG).is_file() or any((path / "pose").glob("*.npy"))
    return poses and (path / "image").is_dir() and (path / "depth").is_dir()


def read(path: Path, options: SourceOptions) -> Recording:
    """Return the frames; a log's n-th pose is that of the n-th image."""
    findings = Findings()
    parts = {
        "color": numbered(path / "image", COLOR_ENDINGS),
        "depth": numbered(path / "depth", DEPTH_ENDINGS),
    }
    poses = _logged(path / LOG, sorted(parts["color"])) if (path / LOG).is_file() else _files(path / "pose")
    usable = complete({**parts, "pose": dict.fromkeys(poses, path)}, path, findings)
    rows = [
        FrameFiles(
            name=str(parts["depth"][number]),
            pose_name=poses[number][0],
            stamp_ns=round(number * 1e9 / RATE_HZ),
            color=partial(read_color, parts["color"][number]),
            depth=partial(read_depth, parts["depth"][number]),
            pose=poses[number][1],
        )
        for number in usable
    ]
    if options.intrinsics is None:
        findings.guesses.append("calibration: the published one, 544.47,544.47,320,240 (--intrinsics)")
    return Recording(path, rows, Habits(Rig(CAMERA)), options, findings, scenenn_truth(path))


Poses = dict[int, tuple[str, Callable[[], np.ndarray]]]


def _files(folder: Path) -> Poses:
    return {
        number: (str(file), partial(read_pose, file)) for number, file in numbered(folder, (".npy",)).items()
    }


def _logged(file: Path, numbers: list[int]) -> Poses:
    """Return the poses of Redwood's log: a line of counters, then the four rows of a matrix."""
    lines = [line for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    if len(lines) % LINES_OF_A_POSE:
        raise InputError(f"{file}: {len(lines)} lines, where each pose has 5: the file is cut off")
    try:
        rows = [[float(value) for value in line.split()] for i, line in enumerate(lines) if i % 5]
        matrices = np.array(rows).reshape(-1, 4, 4)
    except ValueError as error:
        raise InputError(
            f"{file}: expected a line of counters and a 4x4 matrix per pose ({error})"
        ) from error
    named = zip(numbers, matrices, strict=False)
    return {number: (f"{file}: frame {number}", partial(np.copy, matrix)) for number, matrix in named}
