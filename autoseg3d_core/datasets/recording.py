"""A recording as rows of frames that are read when asked for: what all readers of files share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, UInt8

from autoseg3d_core.datasets.image_files import metres
from autoseg3d_core.datasets.rig import Rig, on_one_grid, told
from autoseg3d_core.datasets.source_options import SourceOptions, world_from_camera
from autoseg3d_core.geometry.transforms import check_pose
from autoseg3d_core.structures import Frame, FrameTruth, InputError, SceneTruth


@dataclass(frozen=True)
class FrameFiles:
    """One frame that is not read yet: what names its images and its pose in errors, and how to read them.

    `depth` gives values as they are stored, `pose` a 4x4 matrix of the recording's convention. `rig` is this
    frame's own calibration, where each has one.
    """

    name: str
    pose_name: str
    stamp_ns: int
    color: Callable[[], UInt8[np.ndarray, "height width 3"]]
    depth: Callable[[], np.ndarray]
    pose: Callable[[], np.ndarray]
    rig: Rig | None = None


@dataclass(frozen=True)
class Habits:
    """What is so in every frame of a recording.

    `depth_scale` is units per metre (None: whole numbers are millimetres, floats metres);
    `aligned_from_world` turns the world upright.
    """

    rig: Rig | None = None
    depth_scale: float | None = None
    pose_convention: str = "camera-to-world"
    aligned_from_world: Float64[np.ndarray, "4 4"] | None = None


@dataclass
class Findings:
    """What a reader noticed while it looked at the files: frames left out by cause, and what it guessed."""

    skipped: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)
    guesses: list[str] = field(default_factory=list)

    def skip(self, cause: str, reason: str, count: int = 1) -> None:
        """Count frames left out; the first reason of a cause is told."""
        if count:
            self.skipped[cause] += count
            self.reasons.setdefault(cause, reason)


@runtime_checkable
class Truth(Protocol):
    """The source of a recording's ground truth."""

    def of_frame(self, index: int, frame: Callable[[], Frame]) -> FrameTruth | None:
        """Return what is really in one frame, or None."""
        ...

    def of_scene(self) -> SceneTruth | None:
        """Return what is really in the scene, or None."""
        ...


class Recording:
    """Frames of one recording, an `RgbdSequence`; what the options say wins over what the files say."""

    def __init__(
        self,
        path: Path,
        rows: Sequence[FrameFiles],
        habits: Habits,
        options: SourceOptions,
        findings: Findings | None = None,
        truth: Truth | None = None,
    ) -> None:
        findings = findings or Findings()
        if not rows:
            why = "; ".join(findings.reasons.values())
            raise InputError(f"{path}: no usable frame{': ' + why if why else ''}")
        options.refuse(("topics", "target_frame", "camera_frame"), str(path), "it is not a bag")
        self.path, self.name = path, path.stem if path.is_file() else path.name
        self.skipped, self.skip_reasons = findings.skipped, findings.reasons
        self.guesses = tuple(findings.guesses)
        self._rows, self._habits, self._options, self._truth = rows, habits, options, truth

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._rows)

    def __getitem__(self, index: int) -> Frame:
        """Return one frame; raises `InputError` naming the file that cannot be used."""
        row, habits, said = self._rows[index], self._habits, self._options
        rgb = row.color()
        if said.swap_colors:
            rgb = np.ascontiguousarray(rgb[..., ::-1])
        depth = metres(row.depth(), said.depth_scale or habits.depth_scale)
        stored = row.pose()
        check_pose(stored, row.pose_name)
        convention = said.pose_convention or habits.pose_convention
        pose = world_from_camera(stored, convention, said.pose_scale or 1.0)
        if habits.aligned_from_world is not None:
            pose = habits.aligned_from_world @ pose
        rig = row.rig or habits.rig
        assert rig is not None, "a recording or its frames are calibrated"
        rgb, depth, camera = on_one_grid(told(rig, said), rgb, depth, row.name)
        return Frame(rgb, depth, camera, pose, row.stamp_ns, number=index)

    def truth(self, index: int) -> FrameTruth | None:
        """Return the ground truth of one frame, None if unknown."""
        return self._truth.of_frame(index, lambda: self[index]) if self._truth else None

    def scene_truth(self) -> SceneTruth | None:
        """Return the ground truth of the scene, None if unknown."""
        return self._truth.of_scene() if self._truth else None
