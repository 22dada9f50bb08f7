"""A folder of posed images: `color/ depth/ pose/` with one file per frame in each, and a calibration."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from autoseg3d_core.datasets.calibration_files import camera_file
from autoseg3d_core.datasets.folder_truth import TRUTH, FolderTruth
from autoseg3d_core.datasets.image_files import (
    COLOR_ENDINGS,
    DEPTH_ENDINGS,
    read_color,
    read_depth,
    read_pose,
)
from autoseg3d_core.datasets.numbered_files import complete, look_for_gaps, numbered
from autoseg3d_core.datasets.recording import Findings, FrameFiles, Habits, Recording, Truth
from autoseg3d_core.datasets.rig import Rig
from autoseg3d_core.datasets.source_options import SourceOptions
from autoseg3d_core.structures import CameraIntrinsics, Frame, FrameTruth, InputError, SceneTruth

MASKS = "masks"
"""The folder of masks that were made before, a folder of label images of each name."""
DEFAULT_RATE_HZ = 15.0
FOLDERS = {
    "color": (("color", "rgb", "image", "images"), COLOR_ENDINGS),
    "depth": (("depth", "depths"), DEPTH_ENDINGS),
    "pose": (("pose", "poses"), (".txt", ".npy")),
}
"""What the folder of each part may be called, and how its files end."""
CALIBRATIONS = ("intrinsic.txt", "intrinsics.txt", "camera-intrinsics.txt", "intrinsic/intrinsic_color.txt")


class PosedImages:
    """Reads `color/i.jpg` or `.png`, `depth/i.png` or `.npy`, and `pose/i.txt` (camera to world).

    Whole numbers of depth are millimetres, floats metres, unless the options say otherwise. `intrinsic.txt`
    holds a 3x3 or 4x4 matrix. `timestamps.txt` may hold a stamp in nanoseconds per line; else frame number i
    was taken at i/15 s. Names may have leading zeros. `truth/`, when there, is read by `FolderTruth`.
    `stride` takes every n-th frame. A frame that lacks a file is left out and counted in `skipped`, as are
    numbers that no folder has. The contents of files are checked when a frame is read. `habits`, `annotation`
    and `findings` are what the reader of a special kind of such a folder knows already.
    """

    def __init__(
        self,
        path: str | Path,
        stride: int = 1,
        options: SourceOptions | None = None,
        habits: Habits | None = None,
        annotation: Truth | None = None,
        findings: Findings | None = None,
    ) -> None:
        if stride < 1:
            raise InputError(f"{path}: a stride of {stride}: use 1 for every frame, 2 for every second one")
        self.path = Path(path)
        self.name = self.path.name
        options = options or SourceOptions()
        findings = findings or Findings()
        parts = {name: numbered(folder_of(self.path, name), FOLDERS[name][1]) for name in FOLDERS}
        everything = sorted(set().union(*parts.values()))
        if not everything:
            raise InputError(f"{self.path}: color/, depth/ and pose/ contain no numbered files")
        stamp_of = dict(zip(everything, _stamps(self.path, everything), strict=True))
        usable = complete(parts, self.path, findings)
        look_for_gaps(everything, self.path, findings)
        habits = habits or Habits(Rig(options.intrinsics or _calibration(self.path)))
        kept = usable[::stride]
        rows = [
            FrameFiles(
                name=str(parts["depth"][number]),
                pose_name=str(parts["pose"][number]),
                stamp_ns=stamp_of[number],
                color=partial(read_color, parts["color"][number]),
                depth=partial(read_depth, parts["depth"][number]),
                pose=partial(read_pose, parts["pose"][number]),
            )
            for number in kept
        ]
        truth = self.path / TRUTH
        known = FolderTruth(truth, [str(number) for number in kept]) if truth.is_dir() else annotation
        self._frames = Recording(self.path, rows, habits, options, findings, known)
        self.skipped, self.skip_reasons = self._frames.skipped, self._frames.skip_reasons
        self.guesses = self._frames.guesses

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._frames)

    def __getitem__(self, index: int) -> Frame:
        """Return one frame; raises `InputError` naming the file that cannot be used."""
        return self._frames[index]

    def truth(self, index: int) -> FrameTruth | None:
        """Return what is really in one frame, None where the folder has no `truth/`."""
        return self._frames.truth(index)

    def scene_truth(self) -> SceneTruth | None:
        """Return what is really in the scene, None where the folder does not say."""
        return self._frames.scene_truth()


def folder_of(path: Path, part: str) -> Path:
    """Return the folder of a part of the frames: color, depth or pose."""
    if not path.is_dir():
        raise InputError(f"{path}: no such folder")
    found = next((path / name for name in FOLDERS[part][0] if (path / name).is_dir()), None)
    if found is None:
        raise InputError(
            f"{path / part}: no such folder; a folder of posed images has color/, depth/ and pose/"
        )
    return found


def _calibration(path: Path) -> CameraIntrinsics:
    file = next((path / name for name in CALIBRATIONS if (path / name).exists()), path / CALIBRATIONS[0])
    if not file.exists():
        raise InputError(
            f"{file}: cannot be read: there is no such file; write the colour camera's 3x3 matrix "
            "into it, or give --intrinsics fx,fy,cx,cy"
        )
    return camera_file(file)


def _stamps(path: Path, numbers: list[int]) -> list[int]:
    file = path / "timestamps.txt"
    if not file.exists():
        return [round(number * 1e9 / DEFAULT_RATE_HZ) for number in numbers]
    try:
        stamps = [int(line) for line in file.read_text(encoding="utf-8").split()]
    except ValueError as error:
        raise InputError(f"{file}: expected one whole number of nanoseconds per line ({error})") from error
    if len(stamps) != len(numbers):
        raise InputError(f"{file}: {len(stamps)} stamps for {len(numbers)} frames")
    back = next((i for i in range(1, len(stamps)) if stamps[i] <= stamps[i - 1]), None)
    if back is not None:
        raise InputError(f"{file}: line {back + 1} is not later than the line before: sort the frames")
    return stamps
