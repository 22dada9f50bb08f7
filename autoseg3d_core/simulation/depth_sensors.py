"""Depth as kinds of cameras measure it: simple noise, structured light, stereo, time of flight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32

from autoseg3d_core.simulation import sensor_noise, streams
from autoseg3d_core.simulation.rendered import Rendered
from autoseg3d_core.simulation.settings import SimulationConfig
from autoseg3d_core.structures import CameraIntrinsics

Depth = Float32[np.ndarray, "height width"]
Pixels = Bool[np.ndarray, "height width"]
Rgb = sensor_noise.Rgb
Stream = Callable[[int], np.random.Generator]
"""Gives the random numbers of a purpose for one frame."""
VGA = 640
"""Disparities are given in pixels of an image this wide."""
SHADOW_PX = 1.5
NONE = np.float32(0)


@dataclass(frozen=True)
class Sight:
    """What a depth camera looks at: perfect images, what is glass, and the range that it can measure."""

    view: Rendered
    glass: Pixels
    camera: CameraIntrinsics
    range_m: tuple[float, float]


class DepthSensor(Protocol):
    """Turns perfect depth into measured depth; 0 where there is none."""

    def measured(self, sight: Sight, stream: Stream) -> Depth:
        """Return the depth that the sensor gives."""
        ...


@dataclass(frozen=True)
class Simple:
    """Noise and steps of a disparity, holes at edges and where no light returns; each can be left out."""

    noise_m: float | None = 0.002
    step_m: float = 0.001
    has_edge_holes: bool = True
    has_missing: bool = True

    def measured(self, sight: Sight, stream: Stream) -> Depth:
        """Return the depth that the sensor gives."""
        view = sight.view
        depth = view.depth
        if self.has_edge_holes:
            depth = sensor_noise.with_edge_holes(depth, stream(streams.EDGE_HOLES))
        if self.has_missing:
            rng = stream(streams.MISSING)
            gone = sensor_noise.missing_pixels(
                view.depth, view.rgb, sight.glass, sight.camera, sight.range_m, rng
            )
            depth = np.where(gone, NONE, depth)
        if self.noise_m is not None:
            depth = sensor_noise.noisy_depth(depth, self.noise_m, self.step_m, stream(streams.DEPTH_NOISE))
        return depth


@dataclass(frozen=True)
class StructuredLight:
    """A projector to the right of the camera: shadows left of what is near, disparity in steps, ragged edges.

    After Khoshelham and Elberink, Accuracy and Resolution of Kinect Depth Data, 2012.
    """

    baseline_m: float = 0.075
    step_px: float = 0.125
    noise_px: float = 0.1
    ragged_px: float = 1.5
    least_signal: float = 0.006
    """Light that must return (albedo times cosine over distance squared)."""

    def measured(self, sight: Sight, stream: Stream) -> Depth:
        """Return the depth that the sensor gives."""
        rng, camera, view = stream(streams.SENSOR), sight.camera, sight.view
        scale = camera.width / VGA
        disparity = disparity_of(view.depth, self.baseline_m, camera)
        hidden = shadowed(disparity)
        faint = returned_light(view, camera) < self.least_signal * _uneven(view.depth.shape, rng)
        disparity = jittered(np.where(hidden | faint | sight.glass, NONE, disparity), self.ragged_px, rng)
        noise = np.float32(self.noise_px * scale) * sensor_noise.blotches(disparity.shape, 4, rng)
        return depth_of(
            stepped(disparity, noise, self.step_px * scale), self.baseline_m, camera, sight.range_m
        )


@dataclass(frozen=True)
class Stereo:
    """Two cameras that match windows: edges smear, what only one sees and what has no texture is missing."""

    baseline_m: float = 0.06
    window_px: float = 9.0
    noise_px: float = 0.08
    least_texture: float = 0.7
    """Grey levels that neighbours in a window must differ by; 0 for a camera that projects a pattern."""
    outliers: float = 0.02
    """Share of what has hardly any texture that is matched wrongly instead of missing."""

    def measured(self, sight: Sight, stream: Stream) -> Depth:
        """Return the depth that the sensor gives."""
        rng, camera, view = stream(streams.SENSOR), sight.camera, sight.view
        scale = camera.width / VGA
        side = max(3, round(self.window_px * scale)) | 1
        disparity = disparity_of(view.depth, self.baseline_m, camera)
        hidden = shadowed(disparity)
        uneven = _uneven(disparity.shape, rng)
        bare = texture_of(view.rgb, side) < self.least_texture * uneven
        smeared = cv2.GaussianBlur(cv2.dilate(disparity, np.ones((side // 2 | 1,) * 2)), (0, 0), side / 5)
        noise = np.float32(self.noise_px * scale) * sensor_noise.blotches(disparity.shape, side, rng)
        wrong = bare & (cv2.resize(rng.random((48, 64), np.float32), disparity.shape[::-1]) < self.outliers)
        guess = smeared * np.float32(rng.uniform(0.6, 1.5))
        disparity = np.where(wrong, guess, smeared + noise)
        gone = (hidden | bare | sight.glass) & ~wrong
        return depth_of(np.where(gone, NONE, disparity), self.baseline_m, camera, sight.range_m)


@dataclass(frozen=True)
class TimeOfFlight:
    """Light pulses: mixed depth at edges, corners rounded by light that takes two ways, noise by signal."""

    noise_m: float = 0.002
    """At 1 m on white, seen at a right angle; it grows with the root of the light that is lost."""
    mixed_px: float = 1.2
    rounding: float = 0.5
    """Share of the way that depth in inner corners is drawn to what surrounds it."""
    least_signal: float = 0.008

    def measured(self, sight: Sight, stream: Stream) -> Depth:
        """Return the depth that the sensor gives."""
        rng, camera, view = stream(streams.SENSOR), sight.camera, sight.view
        scale = camera.width / VGA
        signal = returned_light(view, camera)
        depth = rounded(view.depth, max(5, round(0.06 * camera.width)) | 1, self.rounding)
        depth = cv2.GaussianBlur(depth, (0, 0), max(0.3, self.mixed_px * scale))
        sigma = np.float32(self.noise_m) / np.sqrt(np.maximum(signal, np.float32(1e-4)))
        depth = depth + sigma * rng.standard_normal(depth.shape, dtype=np.float32)
        faint = signal < self.least_signal * _uneven(depth.shape, rng)
        gone = faint | (view.depth <= 0) | (sight.glass & (rng.random(depth.shape) < 0.8))
        return _in_range(np.where(gone, NONE, depth), sight.range_m)


def sensor_of(config: SimulationConfig, rng: np.random.Generator) -> DepthSensor:
    """Return the camera that the settings name."""
    if config.sensor == "simple":
        noise_m = config.depth_noise_m if config.depth_noise else None
        return Simple(noise_m, config.depth_step_m, config.edge_holes, config.missing_returns)
    kinds: dict[str, DepthSensor] = {
        "structured": StructuredLight(),
        "stereo": Stereo(),
        "flight": TimeOfFlight(),
    }
    return kinds.get(config.sensor) or draw_sensor(rng)


def draw_sensor(rng: np.random.Generator) -> DepthSensor:
    """Return a camera of any kind, with parameters within those of real ones."""
    kind = int(rng.integers(4))
    if kind == 0:
        return Simple(float(rng.uniform(0.001, 0.004)), float(rng.uniform(0.0005, 0.003)))
    if kind == 1:
        step = float(rng.choice([0.0625, 0.125, 0.25]))
        return StructuredLight(
            float(rng.uniform(0.05, 0.08)), step, float(rng.uniform(0.05, 0.2)), float(rng.uniform(0.5, 2.5))
        )
    if kind == 2:
        texture = 0.0 if rng.random() < 0.6 else float(rng.uniform(0.3, 1.0))
        return Stereo(
            float(rng.uniform(0.05, 0.12)),
            float(rng.uniform(5, 11)),
            float(rng.uniform(0.03, 0.12)),
            texture,
        )
    return TimeOfFlight(
        float(rng.uniform(0.001, 0.004)), float(rng.uniform(0.5, 1.5)), float(rng.uniform(0.2, 0.8))
    )


def disparity_of(depth: Depth, baseline_m: float, camera: CameraIntrinsics) -> Depth:
    """Return the disparity in pixels between cameras side by side; 0 for no depth."""
    return np.where(depth > 0, np.float32(camera.fx * baseline_m) / np.maximum(depth, np.float32(1e-3)), NONE)


def depth_of(
    disparity: Depth, baseline_m: float, camera: CameraIntrinsics, range_m: tuple[float, float]
) -> Depth:
    """Return the depth of a disparity; 0 for no disparity, and out of range."""
    depth = np.float32(camera.fx * baseline_m) / np.maximum(disparity, np.float32(1e-3))
    return _in_range(np.where(disparity > 0, depth, NONE), range_m)


def stepped(disparity: Depth, noise: Depth, step: float) -> Depth:
    """Return a disparity with noise, in whole steps; none stays none."""
    steps = np.round((disparity + noise) / np.float32(step)) * np.float32(step)
    return np.where(disparity > 0, np.maximum(steps, np.float32(step)), NONE)


def shadowed(disparity: Depth) -> Pixels:
    """Tell which pixels a second eye to the right does not see, because something nearer is before them."""
    height, width = disparity.shape
    at = np.arange(width, dtype=np.float32) - disparity
    row = np.broadcast_to(np.arange(height)[:, None], at.shape)
    nearest = np.zeros((height, width + 2), np.float32)  # the columns at both ends take what falls outside
    columns = [np.clip(side.astype(np.int64), -1, width) + 1 for side in (np.floor(at), np.ceil(at))]
    for column in columns:
        np.maximum.at(nearest, (row, column), disparity)
    nearest[:, 0] = nearest[:, -1] = 0
    return (nearest[row, columns[0]] > disparity + np.float32(SHADOW_PX)) & (
        nearest[row, columns[1]] > disparity + np.float32(SHADOW_PX)
    )


def jittered(image: Depth, reach_px: float, rng: np.random.Generator) -> Depth:
    """Return an image whose pixels are taken from beside, so that edges get ragged and stay sharp."""
    height, width = image.shape
    row, column = np.mgrid[0:height, 0:width].astype(np.float32)
    across, down = (np.float32(reach_px / 2) * sensor_noise.blotches(image.shape, 3, rng) for _ in range(2))
    return cv2.remap(image, column + across, row + down, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)


def returned_light(view: Rendered, camera: CameraIntrinsics) -> Depth:
    """Return albedo times cosine over squared distance, 1 for white at 1 m; brightness stands for albedo.

    An edge counts as the better lit of its sides.
    """
    albedo = np.float32(1 / 255) * view.rgb.max(axis=2).astype(np.float32)
    cosine = cv2.dilate(sensor_noise.cosine_to_view(view.depth, camera), np.ones((5, 5), np.uint8))
    return albedo * cosine / np.maximum(view.depth, np.float32(0.1)) ** 2


def texture_of(rgb: Rgb, side: int) -> Float[np.ndarray, "height width"]:
    """Return by how many grey levels neighbours in a row differ, on average over a window."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return cv2.blur(np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=1)), (side, side))


def rounded(depth: Depth, side: int, share: float) -> Depth:
    """Return depth whose inner corners, but not its edges, are drawn to what surrounds them."""
    deeper = np.clip(depth - cv2.blur(depth, (side, side)), 0, None)
    edges = sensor_noise.edge_pixels(depth).astype(np.uint8)
    from_edge = cv2.distanceTransform(1 - edges, cv2.DIST_L2, 3) / np.float32(side / 2)
    return depth - np.float32(share) * np.clip(from_edge - 1, 0, 1) * deeper


def _in_range(depth: Depth, range_m: tuple[float, float]) -> Depth:
    return np.where((depth >= range_m[0]) & (depth <= range_m[1]), depth, NONE).astype(np.float32)


def _uneven(shape: tuple[int, int], rng: np.random.Generator) -> Depth:
    """Return factors around 1 that change over the image, so that no threshold draws a line."""
    return np.exp(np.float32(0.3) * sensor_noise.blotches(shape, 16, rng))
