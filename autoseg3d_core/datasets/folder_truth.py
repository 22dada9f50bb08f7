"""The truth that lies beside a folder of images: ids per pixel, exact poses, and the scene."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from autoseg3d_core.datasets.image_files import read_ids, read_pose
from autoseg3d_core.datasets.truth_file import load_scene_truth
from autoseg3d_core.structures import Frame, FrameTruth, SceneTruth

TRUTH = "truth"


class FolderTruth:
    """Reads `instance/i.png`, `part/i.png` (else instances), `pose/i.txt` (else the frame's), `scene.npz`.

    `names` are the frames' numbers, as the files are called.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder, self._names = folder, names

    def of_frame(self, index: int, frame: Callable[[], Frame]) -> FrameTruth | None:
        """Return what is really in one frame, None where its instances are not drawn."""
        name = self._names[index]
        drawn, parts, pose = (
            self._folder / "instance" / f"{name}.png",
            self._folder / "part" / f"{name}.png",
            self._folder / "pose" / f"{name}.txt",
        )
        if not drawn.exists():
            return None
        instance = read_ids(drawn)
        part = read_ids(parts) if parts.exists() else instance
        return FrameTruth(instance, part, read_pose(pose) if pose.exists() else frame().world_from_camera)

    def of_scene(self) -> SceneTruth | None:
        """Return what is really in the scene, None where the folder does not say."""
        file = self._folder / "scene.npz"
        return load_scene_truth(file) if file.exists() else None
