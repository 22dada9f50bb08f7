"""A folder of posed images: `color/ depth/ pose/ intrinsic.txt`, one file per frame in each."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Int32

from autoseg3d_core.datasets.truth_file import load_scene_truth
from autoseg3d_core.geometry.transforms import check_pose
from autoseg3d_core.structures import CameraIntrinsics, Frame, FrameTruth, InputError, SceneTruth

MILLIMETRE = np.float32(0.001)
DEFAULT_RATE_HZ = 15.0
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png")


class PosedImages:
    """Reads `color/i.jpg` or `.png`, `depth/i.png` (16 bit, millimetres) and `pose/i.txt` (camera to world).

    `intrinsic.txt` holds a 3x3 or 4x4 matrix. `timestamps.txt` may hold a stamp in nanoseconds per line;
    else frame number i was taken at i/15 s. Depth lies on the colour image's pixel grid. The folder
    `truth/`, when there, holds `instance/`, `part/`, `pose/` and `scene.npz`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self._numbers = self._checked_numbers()
        self._matrix = self._intrinsic_matrix()
        self._stamps = self._read_stamps()

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._numbers)

    def __getitem__(self, index: int) -> Frame:
        """Return one frame; raises `InputError` naming the file that cannot be used."""
        number = self._numbers[index]
        rgb = cv2.cvtColor(_read_image(self._color_file(number), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        depth_file = self.path / "depth" / f"{number}.png"
        depth = _read_image(depth_file, cv2.IMREAD_UNCHANGED)
        if depth.dtype != np.uint16 or depth.ndim != 2:
            raise InputError(f"{depth_file}: expected 16-bit grey in millimetres, found {depth.dtype}")
        if depth.shape != rgb.shape[:2]:
            raise InputError(
                f"{depth_file}: depth is {depth.shape[1]}x{depth.shape[0]} but colour is {rgb.shape[1]}x"
                f"{rgb.shape[0]}; register depth to colour, or export both at one size"
            )
        pose_file = self.path / "pose" / f"{number}.txt"
        pose = _read_matrix(pose_file)
        check_pose(pose, str(pose_file))
        height, width = depth.shape
        k = self._matrix
        fx, fy, cx, cy = (float(v) for v in (k[0, 0], k[1, 1], k[0, 2], k[1, 2]))
        return Frame(
            rgb,
            depth * MILLIMETRE,
            CameraIntrinsics(fx, fy, cx, cy, width, height),
            pose,
            self._stamps[index],
        )

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

    def _checked_numbers(self) -> list[int]:
        if not self.path.is_dir():
            raise InputError(f"{self.path}: no such folder")
        found = {name: _numbers_in(self.path / name) for name in ("color", "depth", "pose")}
        everything = set().union(*found.values())
        for name, numbers in found.items():
            missing = sorted(everything - numbers)
            if missing:
                some = ", ".join(map(str, missing[:5])) + (" ..." if len(missing) > 5 else "")
                raise InputError(
                    f"{self.path / name}: {len(missing)} frames that the other folders have are missing here "
                    f"({some}); export them again, or delete their other files"
                )
        if not everything:
            raise InputError(f"{self.path}: color/, depth/ and pose/ hold no numbered files")
        return sorted(everything)

    def _intrinsic_matrix(self) -> np.ndarray:
        file = self.path / "intrinsic.txt"
        matrix = _read_matrix(file)
        usable = matrix.shape in ((3, 3), (4, 4)) and np.isfinite(matrix).all()
        if not usable or not (matrix[0, 0] > 0 and matrix[1, 1] > 0):
            raise InputError(f"{file}: expected a 3x3 or 4x4 matrix with focal lengths above 0")
        return matrix

    def _read_stamps(self) -> list[int]:
        file = self.path / "timestamps.txt"
        if not file.exists():
            return [round(number * 1e9 / DEFAULT_RATE_HZ) for number in self._numbers]
        try:
            stamps = [int(line) for line in file.read_text(encoding="utf-8").split()]
        except ValueError as error:
            raise InputError(
                f"{file}: expected one whole number of nanoseconds per line ({error})"
            ) from error
        if len(stamps) != len(self._numbers):
            raise InputError(f"{file}: {len(stamps)} stamps for {len(self._numbers)} frames")
        return stamps

    def _color_file(self, number: int) -> Path:
        files = [self.path / "color" / f"{number}{ending}" for ending in IMAGE_ENDINGS]
        return next((file for file in files if file.exists()), files[0])


def _numbers_in(folder: Path) -> set[int]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; a folder of posed images has color/, depth/ and pose/")
    return {int(file.stem) for file in folder.iterdir() if file.stem.isdigit()}


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
