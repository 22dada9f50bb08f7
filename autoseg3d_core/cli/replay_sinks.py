"""What `autoseg3d replay` keeps of each frame: pictures, a Rerun recording, and notes for the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import UInt8

from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.evaluation.scoring import HasLabels
from autoseg3d_core.structures import UNNAMED, Frame, LabelledCloud, SceneUpdate, TrackTable
from autoseg3d_core.visualization.overlay import overlay
from autoseg3d_core.visualization.picture_file import write_picture
from autoseg3d_core.visualization.rerun_log import RerunLog
from autoseg3d_core.visualization.scene_view import scene_up

MOST_PICTURES = 16
"""An even number, so that the picture after the sixteenth falls on the doubled step."""
MAP_EVERY = 10
"""Frames after which the growing map is logged again, at first."""


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
    """Writes the labels over the colour image of every n-th frame, with names where `label_names` has any.

    n starts at 1. Before there are more than `MOST_PICTURES`, it doubles, and every other picture is deleted.
    So the pictures are evenly spread over the frames that were used, whichever and however many these are.
    """

    def __init__(self, folder: Path, label_names: Sequence[str] = ()) -> None:
        folder.mkdir()
        self._folder, self._label_names = folder, label_names
        self._taken, self._every = 0, 1
        self._files: list[Path] = []

    def take(self, index: int, frame: Frame, update: Labelled) -> None:
        """Take one frame."""
        if self._taken % self._every == 0:
            names = track_names(update.tracks, self._label_names)
            self._add(self._folder / f"{index:06d}.png", overlay(frame.rgb, update.label_image, names=names))
        self._taken += 1

    def _add(self, file: Path, picture: UInt8[np.ndarray, "height width 3"]) -> None:
        if len(self._files) == MOST_PICTURES:
            for other in self._files[1::2]:
                other.unlink()
            self._files = self._files[::2]
            self._every *= 2
        write_picture(file, picture)
        self._files.append(file)


class RerunFrames:
    """Logs every frame to Rerun, and the growing map: every tenth frame, later after every tenth more."""

    def __init__(
        self,
        log: RerunLog,
        label_names: Sequence[str] = (),
        map_cloud: Callable[[], LabelledCloud] | None = None,
    ) -> None:
        self._log, self._label_names, self._map_cloud = log, label_names, map_cloud
        self._taken = self._map_due = 0

    def take(self, index: int, frame: Frame, update: Labelled) -> None:
        """Take one frame."""
        if self._taken == 0:
            self._log.log_up(scene_up(-frame.world_from_camera[:3, 1]))
        tracks = update.tracks[update.tracks.is_mature]
        names = track_names(tracks, self._label_names)
        self._log.log(frame, update.label_image, update.cloud, tracks.ids, tracks.oriented_boxes, names)
        if self._map_cloud is not None and self._taken >= self._map_due:
            self._log.log_map(self._map_cloud())
            self._map_due = self._taken + max(MAP_EVERY, self._taken // 10)
        self._taken += 1


def track_names(tracks: TrackTable | KnownTracks, label_names: Sequence[str]) -> dict[int, str]:
    """Return the names of tracks whose class is known and has a name of its own."""
    if not isinstance(tracks, TrackTable):
        return {}
    pairs = zip(tracks.ids.tolist(), tracks.labels.tolist(), strict=True)
    named = {i: label_names[label] for i, label in pairs if 0 <= label < len(label_names)}
    return {track_id: name for track_id, name in named.items() if name != UNNAMED}
