"""A simulated walk as a sequence of posed frames with their truth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from autoseg3d_core.geometry.scene_cloud import Votes
from autoseg3d_core.geometry.transforms import inverse_rigid, transform_points
from autoseg3d_core.simulation import camera_faults, sensor_noise
from autoseg3d_core.simulation.camera_paths import camera_path
from autoseg3d_core.simulation.depth_sensors import Sight, sensor_of
from autoseg3d_core.simulation.labels import LABEL_NAMES, LABEL_OF
from autoseg3d_core.simulation.light import EVEN_LIGHT
from autoseg3d_core.simulation.motions import draw_motions
from autoseg3d_core.simulation.parts import planar_pose
from autoseg3d_core.simulation.render import Renderer
from autoseg3d_core.simulation.rendered import Rendered
from autoseg3d_core.simulation.rooms import draw_house
from autoseg3d_core.simulation.scene_model import SceneModel, build_model
from autoseg3d_core.simulation.settings import SimulationConfig as SimulationConfig
from autoseg3d_core.simulation.settings import split_of
from autoseg3d_core.simulation.streams import (
    COLOR,
    DRIFT,
    EXPOSURE,
    FAULTS,
    HOUSE,
    LENS,
    LIGHT,
    MOTION,
    ORIGIN,
    PATH,
    PATH_KIND,
    POSE,
    SENSOR,
    STYLE,
)
from autoseg3d_core.simulation.styles import STYLES
from autoseg3d_core.structures import CameraIntrinsics, Frame, FrameTruth, LabelledCloud, SceneTruth

SHADOW_MAP = 2048
NEAR_SHARE = 0.35
"""Share of the scenes of any path whose camera stays close to one table or shelf."""
DENSE_WIDTH = 480
"""Images this wide or wider give every second pixel to the scene's cloud."""


class SimulatedSequence:
    """A walk through furnished rooms, rendered when asked; the same seed gives the same frames in any order.

    Needs MuJoCo and a GL library. `close` gives the GL context back; `with` does so at its end.
    """

    def __init__(self, seed: int, config: SimulationConfig | None = None) -> None:
        self.config = config = config or SimulationConfig()
        self.split = split_of(seed, config.style, config.any_seed)
        self.seed, self.name = seed, f"simulation_{seed:05d}"
        self.camera = _camera(config, self._stream(LENS))
        self.style = STYLES[config.style](self._stream(STYLE))
        self.house = draw_house(
            self._stream(HOUSE), config.rooms, config.furniture, config.clutter, self.style
        )
        kind = _path_kind(self._stream(PATH_KIND)) if config.path == "any" else config.path
        self.path = camera_path(self.house, self._stream(PATH), config.frames, config.rate_hz, kind)
        self.world_from_house = _origin(self._stream(ORIGIN)) if config.random_origin else np.eye(4)
        self.motions = self._draw_motions() if config.moving != "none" else ()
        self.sensor = sensor_of(config, self._stream(SENSOR))
        self.faults = camera_faults.faults_of(config, self._stream(FAULTS))
        self._exposure = _exposure(self._stream(EXPOSURE), config.frames, config.rate_hz)
        self._scene: SceneModel | None = None
        self._renderer: Renderer | None = None
        self._latest: tuple[int, Rendered] | None = None

    def __len__(self) -> int:
        """Return the number of frames."""
        return self.config.frames

    def __enter__(self) -> SimulatedSequence:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def __getitem__(self, index: int) -> Frame:
        """Return one frame as the sensor gives it."""
        index = self._checked(index)
        view, config, faults = self._view(index), self.config, self.faults
        depth = self.sensor.measured(self._sight(view), lambda name: self._stream(name, index))
        depth = camera_faults.misregistered(depth, self.camera, faults)
        rate = camera_faults.turning_rate(self.path, index, config.rate_hz)
        rgb = camera_faults.exposed(view.rgb, self.camera, rate, faults.readout_s, faults.exposure_s)
        if config.color_noise:
            rgb = sensor_noise.noisy_color(rgb, self._stream(COLOR, index), float(self._exposure[index]))
        pose = self.world_from_camera(index)
        if faults.drift_m or faults.drift_deg:
            time_s, rng = index / config.rate_hz, self._stream(DRIFT)
            pose = pose @ camera_faults.drift_at(time_s, faults.drift_m, faults.drift_deg, rng)
        if config.pose_jitter:
            rng = self._stream(POSE, index)
            pose = sensor_noise.jittered_pose(pose, config.pose_jitter_m, config.pose_jitter_deg, rng)
        stamp_ns = round(index * 1e9 / config.rate_hz)
        rgb, depth = np.ascontiguousarray(rgb), np.ascontiguousarray(depth)
        return Frame(rgb, depth, self.camera, pose, stamp_ns, number=index)

    def truth(self, index: int) -> FrameTruth:
        """Return what is really in one frame."""
        index = self._checked(index)
        geometry, scene = self._view(index).geometry, self._model()
        instance, part = (np.append(ids, 0).astype(np.int32) for ids in (scene.instance, scene.part))
        pose = self.world_from_camera(index)
        return FrameTruth(instance[geometry], part[geometry], pose)  # -1, where nothing is, takes the last

    def scene_truth(self) -> SceneTruth:
        """Return the objects that the walk shows, and the surface it shows of them.

        What moves is where the camera saw it last. Renders up to `truth_frames` frames.
        """
        frames = np.unique(
            np.linspace(0, len(self) - 1, min(self.config.truth_frames, len(self))).round().astype(int)
        )
        moving = {motion.thing + 1: motion for motion in self.motions}
        last_seen = self._last_seen(frames.tolist()) if moving else {}
        final = {name: moving[name].pose_at(frame) for name, frame in last_seen.items()}
        xyz, rgb, ids = Votes.gathered(self._points(frame, final) for frame in frames.tolist()).winners()
        label_of = np.append(
            -1, [LABEL_OF.get(placed.thing.label, -1) for placed in self.house.things]
        ).astype(np.int64)
        shown = np.unique(ids[ids > 0])
        boxes = [self.box_of(int(i), last_seen.get(int(i), 0)) for i in shown]
        return SceneTruth(
            LabelledCloud(xyz, rgb, ids, label_of[ids]),
            shown,
            label_of[shown],
            np.array(boxes, np.float32).reshape(-1, 6),
            LABEL_NAMES,
        )

    def world_from_camera(self, index: int) -> Float[np.ndarray, "4 4"]:
        """Return the exact pose of the camera in a frame."""
        return self.world_from_house @ self.path[index]

    def box_of(self, instance: int, index: int = 0) -> Float[np.ndarray, "6"]:
        """Return the box of an instance in the world as it stands in a frame."""
        motion = next((m for m in self.motions if m.thing == instance - 1), None)
        placed = motion.placed_at(index) if motion else self.house.things[instance - 1]
        points = transform_points(self.world_from_house, placed.vertices())
        return np.concatenate([points.min(axis=0), points.max(axis=0)])

    def renderer(self) -> Renderer:
        """Return what renders the frames; raises `InputError` if nothing can be rendered here."""
        if self._renderer is None:
            self._renderer = Renderer(self._model(), self.camera, self.config.shadows)
        return self._renderer

    def close(self) -> None:
        """Give the GL context back; the next frame makes a new one."""
        if self._renderer is not None:
            self._renderer.close()
        self._renderer, self._scene, self._latest = None, None, None

    def _stream(self, *names: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, *names))

    def _checked(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self.name} has {len(self)} frames, none of index {index}")
        return index % len(self)

    def _draw_motions(self) -> tuple[Any, ...]:
        config = self.config
        observed = config.moving == "observed"
        rng = self._stream(MOTION)
        return draw_motions(
            self.house, self.path, self.camera, rng, config.moving_share, config.rate_hz, observed
        )

    def _model(self) -> SceneModel:
        if self._scene is None:
            config = self.config
            light = self.style.light(self._stream(LIGHT)) if config.random_light else EVEN_LIGHT
            options = {"antialias": config.antialias, "shadow": SHADOW_MAP if config.shadows else 0}
            self._scene = build_model(self.house, self.seed, config.width, config.height, light, options)
        return self._scene

    def _view(self, index: int) -> Rendered:
        """Return the perfect images of a frame; those of the latest are kept for its truth."""
        if self._latest is None or self._latest[0] != index:
            self._latest = (index, self._rendered(index))
        return self._latest[1]

    def _rendered(self, index: int) -> Rendered:
        renderer = self.renderer()
        for motion in self.motions:
            renderer.move_thing(motion.thing, motion.pose_at(index))
        if self.motions:
            renderer.settle()
        view = renderer.render(self.path[index])
        if self.config.occlusion_shading:
            return Rendered(sensor_noise.shaded(view.rgb, view.depth), view.depth, view.geometry)
        return view

    def _sight(self, view: Rendered) -> Sight:
        glass = np.append(self._model().is_glass, True)[view.geometry]
        return Sight(view, glass, self.camera, (self.config.min_range_m, self.config.max_range_m))

    def _last_seen(self, frames: list[int]) -> dict[int, int]:
        """Return in which frame each moving instance was seen last."""
        names = np.array([motion.thing + 1 for motion in self.motions])
        last: dict[int, int] = {}
        for frame in frames:
            seen = np.isin(names, self.truth(frame).instance)
            last.update({int(name): frame for name in names[seen]})
        return last

    def _points(self, index: int, final: dict[int, np.ndarray]) -> Votes:
        """Return a frame's surface in the world; points of moving instances go to their final pose."""
        step = 2 if self.config.width >= DENSE_WIDTH else 1
        view, truth = self._view(index), self.truth(index)
        depth = view.depth[::step, ::step].astype(np.float64)
        known = (depth > self.config.min_range_m) & (depth < self.config.max_range_m)
        row, column = np.nonzero(known)
        z = depth[known]
        x = (column * step - self.camera.cx) * z / self.camera.fx
        y = (row * step - self.camera.cy) * z / self.camera.fy
        xyz = transform_points(self.path[index], np.column_stack([x, y, z]))
        instance = truth.instance[::step, ::step][known].astype(np.int64)
        for motion in self.motions:
            mine = instance == motion.thing + 1
            if mine.any():
                move = final[motion.thing + 1] @ inverse_rigid(motion.pose_at(index))
                xyz[mine] = transform_points(move, xyz[mine])
        rgb = view.rgb[::step, ::step][known]
        return Votes.of(
            transform_points(self.world_from_house, xyz), rgb, instance, self.config.truth_voxel_m
        )


def _camera(config: SimulationConfig, rng: np.random.Generator) -> CameraIntrinsics:
    spread = config.fov_variation_deg
    fov = math.radians(float(np.clip(config.fov_deg + rng.uniform(-spread, spread), 20, 120)))
    focal = config.width / 2 / math.tan(fov / 2)
    return CameraIntrinsics(
        focal, focal, (config.width - 1) / 2, (config.height - 1) / 2, config.width, config.height
    )


def _path_kind(rng: np.random.Generator) -> str:
    return "near" if rng.random() < NEAR_SHARE else "walk"


def _origin(rng: np.random.Generator) -> Float[np.ndarray, "4 4"]:
    return planar_pose(rng.uniform([-8, -8, -0.5], [8, 8, 0.5]), float(rng.uniform(-np.pi, np.pi)))


def _exposure(rng: np.random.Generator, frames: int, rate_hz: float) -> Float[np.ndarray, " frames"]:
    """Return a factor per frame that drifts, as automatic exposure does."""
    time = np.arange(frames) / rate_hz
    slow = sum(np.sin(2 * np.pi * (time / rng.uniform(4, 15) + rng.random())) for _ in range(3))
    return np.exp(0.04 * slow + rng.normal(0, 0.04))
