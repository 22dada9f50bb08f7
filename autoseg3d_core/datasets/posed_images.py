"""A folder of posed images: `color/ depth/ pose/ intrinsic.txt`, one file per frame in each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Int32

from autoseg3d_core.datasets.truth_file import load_scene_truth
from autoseg3d_core.geometry.transforms import check_pose
from autoseg3d_core.structures import CameraIntrinsics, Frame, FrameTruth, InputError, SceneTruth

MILLIMETRE = np.float32(0.001)
DEFAULT_RATE_HZ = 15.0
ENDINGS = {"color": (".jpg", ".jpeg", ".png"), "depth": (".png",), "pose": (".txt",)}
COLOR_FLAGS = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
"""A turn noted in EXIF would part the image from its depth and calibration."""


class PosedImages:
    """Reads `color/i.jpg` or `.png`, `depth/i.png` (16 bit, millimetres) and `pose/i.txt` (camera to world).

    `intrinsic.txt` holds a 3x3 or 4x4 matrix. `timestamps.txt` may hold a stamp in nanoseconds per line;
    else frame number i was taken at i/15 s. Depth lies on the colour image's pixel grid. The folder
    `truth/`, when there, holds `instance/`, `part/`, `pose/` and `scene.npz`. `stride` takes every n-th
    frame; `skipped` counts the numbers that no folder has. The files of all frames are checked to exist at
    once, their contents when a frame is read.
    """

    def __init__(self, path: str | Path, stride: int = 1) -> None:
        if stride < 1:
            raise InputError(f"{path}: a stride of {stride}: take every frame with 1, every second with 2")
        self.path = Path(path)
        self.name = self.path.name
        self.skipped: Counter[str] = Counter()
        self.skip_reasons: dict[str, str] = {}
        self._files = self._checked_files()
        numbers = sorted(self._files["color"])
        stamps = self._read_stamps(numbers)
        self._look_for_gaps(numbers)
        self._numbers, self._stamps = numbers[::stride], stamps[::stride]
        self._matrix = self._intrinsic_matrix()

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._numbers)

    def __getitem__(self, index: int) -> Frame:
        """Return one frame; raises `InputError` naming the file that cannot be used."""
        number = self._numbers[index]
        color_file, depth_file, pose_file = (self._files[name][number] for name in ("color", "depth", "pose"))
        rgb = cv2.cvtColor(_read_image(color_file, COLOR_FLAGS), cv2.COLOR_BGR2RGB)
        depth = _read_image(depth_file, cv2.IMREAD_UNCHANGED)
        if depth.dtype != np.uint16 or depth.ndim != 2:
            raise InputError(f"{depth_file}: expected 16-bit grey in millimetres, found {depth.dtype}")
        if depth.shape != rgb.shape[:2]:
            raise InputError(
                f"{depth_file}: depth is {depth.shape[1]}x{depth.shape[0]} but colour is {rgb.shape[1]}x"
                f"{rgb.shape[0]}; register depth to colour, or export both at one size"
            )
        pose = _read_matrix(pose_file)
        check_pose(pose, str(pose_file))
        camera, stamp_ns = self._camera(*depth.shape), self._stamps[index]
        return Frame(rgb, depth * MILLIMETRE, camera, pose, stamp_ns, number=index)

    def truth(self, index: int) -> FrameTruth | None:
        """Return what is really in one frame, None where the folder has no `truth/`."""
        number, folder = self._numbers[index], self.path / "truth"
        if not folder.is_dir():
            return None
        return FrameTruth(
            _read_ids(folder / "instance" / f"{number}.png"),
            _read_ids(folder / "part" / f"{number}.png"),
            _read_matrix(folder / "pose" / f"{number}.txt"),
        )

    def scene_truth(self) -> SceneTruth | None:
        """Return what is really in the scene, None where the folder does not say."""
        file = self.path / "truth" / "scene.npz"
        return load_scene_truth(file) if file.exists() else None

    def _checked_files(self) -> dict[str, dict[int, Path]]:
        """Return the file of each number, by folder; raises `InputError` for a frame without all three."""
        if not self.path.is_dir():
            raise InputError(f"{self.path}: no such folder")
        files = {name: _numbered_files(self.path / name, endings) for name, endings in ENDINGS.items()}
        everything = set().union(*files.values())
        for name, found in files.items():
            missing = sorted(everything - set(found))
            if missing:
                raise InputError(
                    f"{self.path / name}: {len(missing)} frames that the other folders have are missing here "
                    f"({_some(missing)}); export them again, or delete their other files"
                )
        if not everything:
            raise InputError(f"{self.path}: color/, depth/ and pose/ hold no numbered files")
        return files

    def _look_for_gaps(self, numbers: list[int]) -> None:
        """Count the numbers left out of an even numbering, which is a hint at a failed export."""
        steps = np.diff(numbers)
        if not len(steps):
            return
        missing = sorted(set(range(numbers[0], numbers[-1], int(steps.min()))) - set(numbers))
        if missing:
            self.skipped["no files"] = len(missing)
            self.skip_reasons["no files"] = f"{self.path}: no files of frames {_some(missing)}"

    def _intrinsic_matrix(self) -> np.ndarray:
        file = self.path / "intrinsic.txt"
        matrix = _read_matrix(file)
        usable = matrix.shape in ((3, 3), (4, 4)) and np.isfinite(matrix).all()
        if not usable or not (matrix[0, 0] > 0 and matrix[1, 1] > 0):
            raise InputError(f"{file}: expected a 3x3 or 4x4 matrix with focal lengths above 0")
        return matrix

    def _camera(self, height: int, width: int) -> CameraIntrinsics:
        fx, fy, cx, cy = (float(self._matrix[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
        if not (0 < cx < width and 0 < cy < height):
            raise InputError(
                f"{self.path / 'intrinsic.txt'}: the principal point ({cx:g}, {cy:g}) is outside the images "
                f"of {width}x{height}; scale the matrix to the size of the images"
            )
        return CameraIntrinsics(fx, fy, cx, cy, width, height)

    def _read_stamps(self, numbers: list[int]) -> list[int]:
        file = self.path / "timestamps.txt"
        if not file.exists():
            return [round(number * 1e9 / DEFAULT_RATE_HZ) for number in numbers]
        try:
            stamps = [int(line) for line in file.read_text(encoding="utf-8").split()]
        except ValueError as error:
            raise InputError(
                f"{file}: expected one whole number of nanoseconds per line ({error})"
            ) from error
        if len(stamps) != len(numbers):
            raise InputError(f"{file}: {len(stamps)} stamps for {len(numbers)} frames")
        back = next((i for i in range(1, len(stamps)) if stamps[i] <= stamps[i - 1]), None)
        if back is not None:
            raise InputError(f"{file}: line {back + 1} is not later than the line before: sort the frames")
        return stamps


def _numbered_files(folder: Path, endings: tuple[str, ...]) -> dict[int, Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; a folder of posed images has color/, depth/ and pose/")
    files: dict[int, Path] = {}
    for file in sorted(folder.iterdir()):
        if not (file.stem.isdecimal() and file.suffix.lower() in endings):
            continue
        number = int(file.stem)
        if number in files:
            raise InputError(f"{folder}: {files[number].name} and {file.name} are one frame: delete one")
        files[number] = file
    return files


def _some(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + (" ..." if len(numbers) > 5 else "")


def _read_image(file: Path, flags: int) -> np.ndarray:
    image = cv2.imread(str(file), flags)
    if image is None:
        raise InputError(f"{file}: cannot be read as an image; export it again")
    return image


def _read_ids(file: Path) -> Int32[np.ndarray, "height width"]:
    return _read_image(file, cv2.IMREAD_UNCHANGED).astype(np.int32)


def _read_matrix(file: Path) -> np.ndarray:
    try:
        return np.loadtxt(file, ndmin=2)
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read as a matrix ({error})") from error
