"""What `autoseg3d replay` keeps of each frame: pictures, a Rerun recording, and notes for the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

import numpy as np

from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.evaluation.scoring import HasLabels
from autoseg3d_core.structures import Frame, LabelledCloud, SceneUpdate, TrackTable
from autoseg3d_core.visualization.overlay import overlay
from autoseg3d_core.visualization.picture_file import write_picture
from autoseg3d_core.visualization.rerun_log import RerunLog


class Labelled(HasLabels, Protocol):
    """What became of a frame, here or in a running node: its label image, its labelled points, the tracks."""

    @property
    def cloud(self) -> LabelledCloud:
        """The frame's points."""
        ...

    @property
    def tracks(self) -> TrackTable | KnownTracks:
        """The tracks after the frame."""
        ...


class Notes:
    """Counts events, and collects timings, how the camera was held, and the index of the last frame."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self.timings: list[dict[str, float]] = []
        self.camera_up = np.zeros(3)
        self.last = -1

    def take(self, index: int, frame: Frame, update: SceneUpdate) -> None:
        """Take one frame."""
        self.events.update(event.kind.name.lower() for event in update.events)
        self.timings.append(update.timings_ms)
        self.last = index
        self.camera_up -= frame.world_from_camera[:3, 1]


class Pictures:
    """Writes the labels over the colour image of some frames."""

    def __init__(self, folder: Path, indices: Collection[int]) -> None:
        folder.mkdir()
        self._folder, self._indices = folder, set(indices)

    def take(self, index: int, frame: Frame, update: Labelled) -> None:
        """Take one frame."""
        if index in self._indices:
            write_picture(self._folder / f"{index:06d}.png", overlay(frame.rgb, update.label_image))


class RerunFrames:
    """Logs every frame to a Rerun recording."""

    def __init__(self, log: RerunLog) -> None:
        self._log = log

    def take(self, index: int, frame: Frame, update: Labelled) -> None:
        """Take one frame."""
        tracks = update.tracks[update.tracks.is_mature]
        self._log.log(frame, update.label_image, update.cloud, tracks.ids, tracks.oriented_boxes)
