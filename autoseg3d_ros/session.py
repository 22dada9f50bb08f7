"""What the worker's thread owns: the segmenter, the epoch, and the road of a frame to the topics."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoseg3d_core.best_views import BestViews
from autoseg3d_core.structures import (
    Event,
    EventKind,
    Frame,
    InputError,
    SceneUpdate,
)
from autoseg3d_ros.conversions import TopicNames, metres_per_unit
from autoseg3d_ros.frame_source import PosedMessages
from autoseg3d_ros.input_doubts import InputDoubts
from autoseg3d_ros.map_files import SNAPSHOT, format_for, write_map
from autoseg3d_ros.memory_use import release_gpu
from autoseg3d_ros.messages import Occasion, jpeg_message
from autoseg3d_ros.outcomes import FrameReport, Outcome, Reporter
from autoseg3d_ros.parameters import Settings
from autoseg3d_ros.publisher import ScenePublisher
from autoseg3d_ros.segmenter import Segmenter
from autoseg3d_ros.taken_frame import TakenFrame, take


@dataclass(frozen=True, eq=False)
class FoundObject:
    """All that is known of one object, as messages; without a picture if it was never seen."""

    header: Any
    instance: Any
    points: Any
    picture: Any


@dataclass(frozen=True)
class SavedMap:
    """What was written to a file, or read from it."""

    path: Path
    instances: int
    points: int


class Session:
    """One configured node's state; every method but `prepare` runs where no other thread touches it."""

    def __init__(
        self,
        segmenter: Segmenter,
        reconfigure: Callable[[Any], None],
        publisher: ScenePublisher,
        reporter: Reporter,
        settings: Settings,
        epoch: int,
        now_ns: Callable[[], int],
    ) -> None:
        self.epoch = epoch
        self.failures_in_a_row = 0
        self.names = TopicNames("color", "depth", "camera_info")
        self._segmenter, self._reconfigure = segmenter, reconfigure
        self._publisher, self._reporter = publisher, reporter
        self._settings = settings
        self._now_ns = now_ns
        self._frames = 0
        self._camera_frame = ""
        self._last: tuple[Occasion, SceneUpdate] | None = None
        self._camera: Any = None
        self._doubts = InputDoubts()
        self._views = BestViews()

    def prepare(self, posed: PosedMessages) -> TakenFrame:
        """Decode a frame and make its masks; another thread may do so while `process` runs."""
        depth_scale = self._settings.node.input.depth_scale
        return take(posed, self.names, depth_scale, self._segmenter.make_masks, self._now_ns)

    def process(self, posed: PosedMessages, prepared: Future[TakenFrame]) -> None:
        """Take one frame all the way; every outcome but what `prepare` did not expect is reported."""
        stamp_ns, taken = posed.messages.stamp_ns, prepared.result()
        input_age_ms = taken.input_age_ms
        try:
            if isinstance(taken.decoded, InputError):
                raise taken.decoded
            frame, decode_ms = taken.decoded.frame, taken.decoded.decode_ms
            self._look_at(frame)
            update = self._segmenter.step(frame, taken.decoded.made)
            doubt = self._doubt(frame, posed, update)
        except InputError as error:
            self._reporter.warning(f"invalid {str(error)[:40]}", f"frame dropped: {error}")
            self._reporter.report(
                FrameReport(
                    stamp_ns,
                    posed.camera_frame,
                    Outcome.DROPPED_INVALID,
                    str(error),
                    input_age_ms=input_age_ms,
                    tf_wait_ms=posed.tf_wait_ms,
                )
            )
            return
        self._camera_frame = posed.camera_frame
        if any(event.kind is EventKind.RESET for event in update.events):
            self.epoch, self._frames = self.epoch + 1, 0
            self._publisher.cleared(self._occasion(stamp_ns))
        occasion = self._occasion(stamp_ns)
        start = time.perf_counter()
        self._publish(occasion, update, frame)
        self.failures_in_a_row = 0
        self._reporter.report(
            FrameReport(
                stamp_ns,
                posed.camera_frame,
                Outcome.PROCESSED,
                doubt,
                input_age_ms=input_age_ms,
                output_age_ms=(self._now_ns() - stamp_ns) / 1e6,
                tf_wait_ms=posed.tf_wait_ms,
                decode_ms=decode_ms,
                publish_ms=(time.perf_counter() - start) * 1e3,
                stages_ms=update.timings_ms,
                points=len(update.cloud),
                masks=len(update.mask_ids),
                instances_observed=int((update.tracks.misses == 0).sum()),
                instances_in_memory=len(update.tracks),
            )
        )

    def failed(self, posed: PosedMessages, error: Exception) -> None:
        """Report a frame whose processing raised what nobody expected; memory errors free the caches."""
        self.failures_in_a_row += 1
        if isinstance(error, MemoryError) or "out of memory" in str(error):
            release_gpu()
        reason = f"{type(error).__name__}: {error}"
        self._reporter.report(
            FrameReport(
                posed.messages.stamp_ns,
                posed.camera_frame,
                Outcome.FAILED,
                reason,
                tf_wait_ms=posed.tf_wait_ms,
            )
        )

    def reset(self, reason: str) -> str:
        """Forget tracks and map and start a new epoch; return what was cleared, for people."""
        tracks, points = len(self._segmenter.track_table()), len(self._segmenter.map_cloud())
        self._segmenter.reset()
        self._begin_epoch(reason)
        return f"cleared {tracks} tracks and {points} map points; epoch {self.epoch} begins"

    def remove(self, track_id: int) -> bool:
        """Show one track no more and say so on ~/events; False when there is no such track."""
        if not self._segmenter.hide(track_id):
            return False
        occasion = self._occasion(self._now_ns())
        self._publisher.event(occasion, Event(EventKind.REMOVED, track_id, reason="user"))
        return True

    def set_label(self, track_id: int, label: str) -> bool:
        """Name a track for as long as it lives; False when there is no such track. Raises `InputError`."""
        if not self._segmenter.name_track(track_id, label):
            return False
        self._publisher.learn(self._segmenter.given_names())
        return True

    def object(self, track_id: int) -> FoundObject:
        """Return all that is known of one object; raises `InputError` when there is no such track."""
        array, points = self.instances([track_id], include_points=True)
        if not array.instances:
            raise InputError(f"there is no track {track_id}")
        picture = self._views.picture(track_id)
        packed = None if picture is None else jpeg_message(array.header, picture)
        return FoundObject(array.header, array.instances[0], points, packed)

    def save_map(self, path: str, file_format: str, overwrite: bool) -> SavedMap:
        """Write the map and the tracks; raises `InputError` for a path or format that cannot be used.

        An empty path is that of the parameter, whose file is replaced by a snapshot.
        """
        target = self._path(path)
        kind = format_for(target, file_format if path else SNAPSHOT, overwrite or not path)
        cloud, tracks = self._segmenter.map_cloud(), self._segmenter.track_table()
        if kind == SNAPSHOT:
            self._segmenter.save(target, self._world)
        else:
            write_map(target, kind, cloud, tracks)
        return SavedMap(target.resolve(), len(tracks), len(cloud))

    def load_map(self, path: str) -> SavedMap:
        """Go on from a snapshot, in a new epoch; an empty path is that of the parameter.

        Raises `InputError`, and goes on as it was, for a file that does not fit.
        """
        source = self._path(path)
        by_objects = self._settings.node.snapshot.align == "objects"
        self._segmenter.load(source, self._world, by_objects)
        self._begin_epoch("load_map")
        self._publisher.learn(self._segmenter.given_names())
        self._publisher.map_points(self._occasion(self._now_ns()), self._segmenter.map_cloud)
        return SavedMap(
            source.resolve(), len(self._segmenter.track_table()), len(self._segmenter.map_cloud())
        )

    def instances(self, track_ids: list[int], include_points: bool) -> tuple[Any, Any]:
        """Return the tracks asked for (all when none are named) as InstanceArray, and their map points."""
        occasion = self._last[0] if self._last else self._occasion(self._now_ns())
        pose = self._last[1].world_from_camera if self._last else np.eye(4)
        tracks = self._segmenter.track_table()
        if track_ids:
            tracks = tracks[np.isin(tracks.ids, track_ids)]
        array = self._publisher.tracks_message(occasion, pose, tracks)
        if not include_points:
            return array, None
        cloud = self._segmenter.map_cloud()
        return array, self._publisher.cloud(occasion, cloud[np.isin(cloud.ids, tracks.ids)])

    def apply(self, settings: Settings) -> None:
        """Take other live settings from the next frame on."""
        core_changed = settings.core != self._settings.core
        self._settings = settings
        self._publisher.config = settings.node
        if core_changed:
            self._reconfigure(settings.core)

    def refresh(self) -> None:
        """Send markers and map to viewers that came when no frames do."""
        if self._last is not None:
            occasion, update = self._last
            self._publisher.markers(occasion, update)
            self._publisher.map_points(occasion, self._segmenter.map_cloud)

    def _publish(self, occasion: Occasion, update: SceneUpdate, frame: Frame) -> None:
        self._last = (occasion, update)
        self._frames += 1
        self._views.look(frame, update)
        self._publisher.scene(occasion, update, frame)
        self._publisher.map_points(occasion, self._segmenter.map_cloud)

    @property
    def progress(self) -> tuple[int, int]:
        """Return the epoch, and how many frames it has had."""
        return self.epoch, self._frames

    @property
    def _world(self) -> str:
        return self._settings.node.world

    def _path(self, path: str) -> Path:
        chosen = path or self._settings.node.snapshot.file
        if not chosen:
            raise InputError("give a path, or set the parameter snapshot.file")
        return Path(chosen).expanduser()

    def _begin_epoch(self, reason: str) -> None:
        self.epoch += 1
        self._frames = 0
        self._last = None
        self._views.clear()
        occasion = self._occasion(self._now_ns())
        self._publisher.event(occasion, Event(EventKind.RESET, 0, reason=reason))
        self._publisher.cleared(occasion)

    def _occasion(self, stamp_ns: int) -> Occasion:
        return Occasion(stamp_ns, self._world, self._camera_frame, self.epoch, self._frames)

    def _look_at(self, frame: Frame) -> None:
        if self._camera not in (None, frame.camera):
            self._reporter.warning("camera", f"{self.names.camera_info}: the calibration changed in mid-run")
        self._camera = frame.camera

    def _doubt(self, frame: Frame, posed: PosedMessages, update: SceneUpdate) -> str:
        """Warn of what looks wrong; return why a frame gave no points, empty where it gave some."""
        unit_m = metres_per_unit(posed.messages.depth, self._settings.node.input.depth_scale)
        for suspicion in self._doubts.of_first(frame, unit_m):
            self._reporter.warning(f"doubt {suspicion.what}", f"the input looks wrong: {suspicion}")
        if len(update.cloud) > 0:
            return ""
        doubt = self._doubts.of_frame(frame, self._settings.core.lifting, unit_m)
        reason = f"{self.names.depth}: a frame gave no points: {doubt or 'lower lifting.edge_tolerance'}"
        self._reporter.warning("no points", reason)
        return reason
