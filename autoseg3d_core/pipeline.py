"""The stages of one frame, and the only object that keeps state between frames."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64

from autoseg3d_core import edits, timing
from autoseg3d_core.arrival import LOOK_EVERY, arrive, find_place
from autoseg3d_core.best_views import BestViews
from autoseg3d_core.closure import POSE_JUMP, correct_at, correct_jump, finish, follow_camera
from autoseg3d_core.device_memory import with_less_memory
from autoseg3d_core.geometry.groups import group_mean
from autoseg3d_core.geometry.scene_origin import scene_origin
from autoseg3d_core.geometry.voxels import voxelize
from autoseg3d_core.lifting import check_frame, lift
from autoseg3d_core.mask_makers.interface import MaskMaker
from autoseg3d_core.mask_makers.rehearsal import made_up_frame
from autoseg3d_core.models.interface import Model, Sighting
from autoseg3d_core.policies import PipelineConfig
from autoseg3d_core.report import (
    label_map,
    name_owners,
    report_frame,
    report_objects,
    report_tracks,
)
from autoseg3d_core.scene_map import SceneMap
from autoseg3d_core.side_stream import SideStream
from autoseg3d_core.snapshot.snapshots import load_snapshot, save_snapshot
from autoseg3d_core.structures import (
    NO_ID,
    NO_VOTE,
    THE_MAP,
    Event,
    EventKind,
    Frame,
    InputError,
    LabelledCloud,
    MadeBy,
    Memory,
    SceneObject,
    SceneUpdate,
    Snapshot,
    TimedMasks,
    TrackTable,
)
from autoseg3d_core.timing import Timer
from autoseg3d_core.tracking.assignment import Assigner
from autoseg3d_core.tracking.keyframes import jump_of, restarted
from autoseg3d_core.tracking.lifecycle import advance
from autoseg3d_core.upkeep import Surface, find_free, integrate, remove, with_looks


class OnlineSegmenter:
    """Posed RGB-D frames in, tracked 3D instances out; the only object with state.

    `label_names` are what `objects` calls the model's labels. With `views` it keeps a picture of each track.
    `make_timer` makes what measures the stages of each frame; `bench` puts another in its place.
    """

    def __init__(
        self,
        mask_maker: MaskMaker,
        model: Model,
        assigner: Assigner,
        config: PipelineConfig,
        device: torch.device | str = "cpu",
        label_names: Sequence[str] = (),
        views: BestViews | None = None,
    ) -> None:
        self.mask_maker, self.model, self.assigner = mask_maker, model, assigner
        self.config, self.label_names, self.views = config, tuple(label_names), views
        self.device = torch.device(device)
        self.make_timer: Callable[[], Timer] = partial(timing.timer_for, self.device)
        self._beside = SideStream(self.device)
        self.scene = SceneMap(config.map, device)
        self.memory = Memory.empty(model.empty_rows(), device=device)
        self.frame_index = 0
        self.aside: Snapshot | None = None  # a loaded map whose place is not found yet

    @torch.inference_mode()
    def make_masks(self, frame: Frame) -> TimedMasks:
        """Return the 2D masks of a frame, for `step`; another thread may do so while a step runs.

        They depend on nothing but the frame and the mask maker. Raises `InputError` if it is unusable.
        """
        if not isinstance(frame, Frame):
            raise InputError(f"step takes a Frame, not {type(frame).__name__}: see frame_from_arrays")
        check_frame(frame)
        timer = self.make_timer()
        with self._beside.running(), timer.stage(timing.MASK):
            masks = with_less_memory(lambda: self.mask_maker(frame))
        return TimedMasks(masks, timer.milliseconds())

    @torch.inference_mode()
    def step(self, frame: Frame, made: TimedMasks | None = None) -> SceneUpdate:
        """Return what this frame changed; raises `InputError`, and changes nothing, if it is unusable.

        `made` has the masks that `make_masks` returned of this frame; without, they are made now.
        """
        made = made or self.make_masks(frame)
        masks = made.image
        self._beside.hand_over(masks.features)
        timer = self.make_timer()
        with timer.stage(timing.CORRECT):
            corrected = self._closed(frame)
        with timer.stage(timing.LIFT):
            cloud = lift(frame, masks, self.config.lifting, self.device)
            voxels = voxelize(cloud.xyz, self.config.map.voxel_size_m)
        with timer.stage(timing.ENCODE):
            encoded, memory = self.model.encode(cloud, self._place(frame))
        with timer.stage(timing.PERCEIVE):
            instances, memory = self.model.perceive(cloud, encoded, memory)
        with timer.stage(timing.ASSOCIATE):
            on_map = self.scene.ids_at(voxels.keys)
            sighting = Sighting.of(instances, voxels, on_map, self.model.decides_all)
            association = self.model.associate(instances, memory, sighting)
        with timer.stage(timing.ASSIGN):
            assignment = self.assigner(association.affinity, association.stage)
        with timer.stage(timing.ADVANCE):
            change = advance(memory, instances, association, assignment, self.config.tracks, frame.stamp_ns)
            change = with_looks(change, instances.owner, cloud.rgb, self.config.tracks.blend)
        with timer.stage(timing.CARVE):
            free = find_free(self.scene, frame, self.config.carving, self.frame_index)
        with timer.stage(timing.INTEGRATE):
            rgb = group_mean(cloud.rgb, voxels.point_voxel, len(voxels))
            held = torch.where(change.ids == NO_ID, NO_VOTE, change.ids)  # an object without a track
            votes = name_owners(sighting.owner, held, NO_ID if self.model.decides_all else NO_VOTE)
            camera = torch.from_numpy(frame.world_from_camera[:3, 3]).to(cloud.xyz)
            surface = Surface(voxels.keys, votes, rgb, sighting.ids, camera)
            self.memory, ids, events = integrate(
                self.scene, change, surface, free, self.config, self.frame_index
            )
        with timer.stage(timing.REPORT):
            update = report_frame(frame, masks, cloud, instances, ids, self.memory, self.model.doubt)
        self.frame_index += 1
        update = dataclasses.replace(
            update,
            frame_index=self.frame_index - 1,
            events=corrected + change.events + events,
            timings_ms={**made.timings_ms, **timer.milliseconds()},
        )
        if self.views is not None:
            self.views.look(frame, update)
        said = self.memory.edits
        self.memory = dataclasses.replace(self.memory, edits=edits.follow(said, update.events))
        return edits.shown(update, said)

    def warm_up(self) -> None:
        """Do everything once on a made-up frame, so that the first real one is not slow; keep nothing."""
        frame, masks = made_up_frame()
        features = self.mask_maker.warm_up(frame).features
        masks = dataclasses.replace(masks, features=features)
        rehearsal = OnlineSegmenter(self.mask_maker, self.model, self.assigner, self.config, self.device)
        for _ in range(2):  # the second time there are tracks
            rehearsal.step(frame, TimedMasks(masks))

    def reconfigure(self, config: PipelineConfig) -> None:
        """Take other policies from the next frame on; the scene map keeps the config it was made with."""
        self.config = dataclasses.replace(config, map=self.config.map)

    def reset(self) -> None:
        """Forget the scene and the tracks; ids go on, so that none is ever used twice."""
        self.memory = Memory.empty(self.model.empty_rows(), self.memory.next_id, self.device)
        self.scene.clear()
        self.frame_index, self.aside = 0, None
        self._forget_views()

    def remove(self, track_id: int) -> bool:
        """End one track and take its id off the scene map; False when there is no such track."""
        before = len(self.memory.tracks)
        self.memory = remove(self.scene, self.memory, track_id)
        return len(self.memory.tracks) < before

    def correct(
        self, stamps_ns: Int64[np.ndarray, " stamps"], moves: Float64[np.ndarray, "stamps 4 4"]
    ) -> tuple[Event, ...]:
        """Move what was mapped, because poses proved to be wrong; return the events.

        `moves[i] @ pose` is where the camera really was at `stamps_ns[i]`, which ascend. Keyframes between
        two stamps move by a part of the way from one to the other, those before the first and after the last
        with these. The frames after this call come with corrected poses. Raises `InputError`, and changes
        nothing, for what is no correction, or is larger than `closure.max_m`.
        """
        self.memory, events = correct_at(self.scene, self.memory, stamps_ns, moves, self.config.closure)
        return events

    def hide(self, track_id: int) -> bool:
        """Show a track no more, and its object under no other id; False when no such track is shown."""
        if track_id not in self.track_table().ids:
            return False
        hidden = edits.hide(self.memory.edits, track_id)
        self.memory = dataclasses.replace(self.memory, edits=hidden)
        return True

    def name_track(self, track_id: int, name: str) -> bool:
        """Call a track so for as long as it lives, or as the model does; False when no such track is shown.

        Raises `InputError` for a name that cannot be kept.
        """
        named = edits.name(self.memory.edits, track_id, name)
        if track_id not in self.track_table().ids:
            return False
        self.memory = dataclasses.replace(self.memory, edits=named)
        return True

    def given_names(self) -> dict[int, str]:
        """Return the names that were given to tracks, by id."""
        return edits.given_names(self.memory.edits)

    def snapshot(self) -> Snapshot:
        """Return everything that the next frame depends on; costs as much as the map is large.

        A correction that is being carried out is finished before.
        """
        self.memory = finish(self.scene, self.memory, self.config.tracks.join_votes)
        return Snapshot(self.memory, self.scene.content(), self.frame_index)

    def save(self, path: str | Path, world: str = "") -> None:
        """Write a snapshot to a file, or leave the file that is there; `world` names the frame of the poses.

        Raises `InputError` for a place that cannot be written.
        """
        save_snapshot(path, self.snapshot(), self._made_by(world))

    def load(self, path: str | Path, world: str = "", by_objects: bool = False) -> None:
        """Go on from a snapshot that `save` wrote, in the place of what is there; ids go on after both.

        The next frames have to come with poses in the same world. With `by_objects` they may be in another:
        the map begins empty, and the snapshot waits until enough of its objects are seen. Stamps may be
        any. Raises `InputError`, and changes nothing, for a file that is none, is damaged, or was made by
        something else.
        """
        blank = Snapshot.blank(self.model.empty_rows(), self.model.empty_kept(), self.device)
        found = load_snapshot(path, blank, self._made_by(world))
        if len(found.map.blocks) > self.scene.config.max_blocks or not by_objects:
            self._take(found, f"{path} does not fit: ")
        else:
            self.reset()
            self.aside = found
            self.memory = dataclasses.replace(
                self.memory, next_id=max(self.memory.next_id, found.memory.next_id)
            )

    def _take(self, found: Snapshot, refused: str = "") -> None:
        """Go on from a snapshot; raises `InputError`, which begins so, where there is no room for its map."""
        try:
            self.scene.restore(found.map)
        except InputError as error:
            raise InputError(f"{refused}{error}") from error
        next_id = max(self.memory.next_id, found.memory.next_id)
        history = restarted(found.memory.history)
        self.memory = dataclasses.replace(found.memory, next_id=next_id, history=history)
        self.frame_index, self.aside = found.frames, None
        self._forget_views()

    def map_cloud(self) -> LabelledCloud:
        """Return the scene map as a cloud; costs as much as the map is large."""
        return edits.shown_cloud(label_map(self.scene, self.memory.tracks), self.memory.edits)

    def track_table(self) -> TrackTable:
        """Return the tracks between two frames, none of them with points of a frame."""
        tracks = self.memory.tracks
        unseen = torch.zeros_like(tracks.hits)
        table = report_tracks(tracks, unseen, unseen.float(), self.model.doubt)
        return edits.shown_tracks(table, self.memory.edits)

    def objects(self) -> tuple[SceneObject, ...]:
        """Return every confirmed object with its points and picture; costs as much as the map is large."""
        views = self.views or BestViews()
        table, names = self.track_table(), self.given_names()
        found = report_objects(table, self.map_cloud(), self.label_names, views.picture)
        return tuple(dataclasses.replace(item, label=names.get(item.id, item.label)) for item in found)

    def _forget_views(self) -> None:
        if self.views is not None:
            self.views.clear()

    def _made_by(self, world: str) -> MadeBy:
        network, config = self.model.network, self.config.map
        settings = {"map.voxel_size_m": config.voxel_size_m, "map.object_votes": config.object_votes}
        return MadeBy(self.model.name, network.weights_sha256 if network else "", settings, world)

    def _place(self, frame: Frame) -> Memory:
        """Return the memory with its scene frame, which the first frame fixes."""
        if self.memory.origin is not None:
            return self.memory
        origin = scene_origin(frame.world_from_camera, self.config.origin, self.device)
        return dataclasses.replace(self.memory, origin=origin)

    def _closed(self, frame: Frame) -> tuple[Event, ...]:
        """Follow the camera, and correct or reset the map after a jump of its pose; return the events."""
        config = self.config.closure
        events = self._arrived()
        jump = jump_of(self.memory.history, frame, config)
        if jump is not None and config.on_jump == "reset":
            self.reset()
            events += (Event(EventKind.RESET, THE_MAP, NO_ID, POSE_JUMP),)
        elif jump is not None and config.on_jump == "correct":
            self.memory, corrected = correct_jump(self.scene, self.memory, frame, jump, config)
            events += corrected
        self.memory, forgotten = follow_camera(self.scene, self.memory, frame, self.config)
        return events + forgotten

    def _arrived(self) -> tuple[Event, ...]:
        """Take the snapshot that waits, if its place is found; return what is said of it."""
        if self.aside is None or self.frame_index % LOOK_EVERY:
            return ()
        here = self.memory
        place = find_place(self.aside.memory, here, self.config.map.voxel_size_m)
        if place is None:
            return ()
        self._take(self.aside)
        self.memory, events = arrive(self.scene, self.memory, here, place, self.config.closure)
        return events
