"""What moving, badly calibrated and lost cameras do to images and poses."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, Float64, UInt8
from scipy.spatial.transform import Rotation

from autoseg3d_core.simulation.settings import SimulationConfig
from autoseg3d_core.structures import CameraIntrinsics

Rgb = UInt8[np.ndarray, "height width 3"]
Depth = Float32[np.ndarray, "height width"]
BLUR_STEPS = 5
DRIFT_PERIODS_S = (6.0, 30.0)


@dataclass(frozen=True)
class Faults:
    """How wrong a camera's images and poses are; the defaults are without fault."""

    readout_s: float = 0.0
    """From the first row of a colour image to the last one."""
    exposure_s: float = 0.0
    offset_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Where the depth camera really is against where it is said to be, in the colour camera's frame."""
    turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    drift_m: float = 0.0
    """Standard deviation of the part of the pose's error that changes slowly."""
    drift_deg: float = 0.0


def faults_of(config: SimulationConfig, rng: np.random.Generator) -> Faults:
    """Return the faults that the settings ask for."""
    if config.sensor == "any":
        return draw_faults(rng)
    offset, turn = rng.normal(0, config.registration_m, 3), rng.normal(0, config.registration_deg, 3)
    return Faults(
        readout_s=config.readout_ms / 1e3,
        exposure_s=config.exposure_ms / 1e3,
        offset_m=_triple(offset),
        turn_deg=_triple(turn),
        drift_m=config.pose_drift_m,
        drift_deg=config.pose_drift_deg,
    )


def draw_faults(rng: np.random.Generator) -> Faults:
    """Return the faults of some camera: each is absent in every second one."""
    has = rng.random(4) < 0.5
    offset, turn = rng.normal(0, 0.003, 3), rng.normal(0, 0.2, 3)
    return Faults(
        float(has[0] * rng.uniform(0.005, 0.03)),
        float(has[1] * rng.uniform(0.003, 0.02)),
        _triple(has[2] * offset),
        _triple(has[2] * turn),
        float(has[3] * rng.uniform(0.003, 0.02)),
        float(has[3] * rng.uniform(0.1, 1.0)),
    )


def turning_rate(
    path: Float64[np.ndarray, "frames 4 4"], index: int, rate_hz: float
) -> Float64[np.ndarray, "3"]:
    """Return how fast the camera turns about its own axes in a frame, in radians per second."""
    first, last = max(index - 1, 0), min(index + 1, len(path) - 1)
    if first == last:
        return np.zeros(3)
    between = path[first, :3, :3].T @ path[last, :3, :3]
    return Rotation.from_matrix(between).as_rotvec() * rate_hz / (last - first)


def exposed(
    rgb: Rgb,
    camera: CameraIntrinsics,
    rate: Float64[np.ndarray, "3"],
    readout_s: float,
    exposure_s: float,
) -> Rgb:
    """Return colour whose rows are taken one after another, each over a time, while the camera turns.

    The middle row at the middle of its exposure is in place; what the camera's shift adds is left out.
    """
    if not (readout_s or exposure_s) or not rate.any():
        return rgb
    moments = np.linspace(-0.5, 0.5, BLUR_STEPS) * exposure_s if exposure_s else np.zeros(1)
    rows = (np.arange(camera.height) / max(camera.height - 1, 1) - 0.5) * readout_s
    total = np.zeros(rgb.shape, np.float32)
    for moment in moments:
        x, y = _turned_pixels(camera, rate, rows + moment)
        total += cv2.remap(rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.round(total / len(moments)).astype(np.uint8)


def _turned_pixels(
    camera: CameraIntrinsics, rate: Float64[np.ndarray, "3"], seconds: Float64[np.ndarray, " rows"]
) -> tuple[Depth, Depth]:
    """Return where in the image at time 0 the camera of another time looks, for each of its pixels."""
    u = (np.arange(camera.width) - camera.cx) / camera.fx
    v = (np.arange(camera.height) - camera.cy) / camera.fy
    turns = Rotation.from_rotvec(seconds[:, None] * rate).as_matrix()  # camera at 0 from camera then
    rays = np.stack([*np.broadcast_arrays(u[None], v[:, None], 1.0)], axis=-1)
    x, y, z = np.moveaxis(np.einsum("rij,rcj->rci", turns, rays), -1, 0)
    return (
        (x / z * camera.fx + camera.cx).astype(np.float32),
        (y / z * camera.fy + camera.cy).astype(np.float32),
    )


def misregistered(depth: Depth, camera: CameraIntrinsics, faults: Faults) -> Depth:
    """Return depth that lies beside colour, as where two cameras are not where they are said to be."""
    if not any(faults.offset_m) and not any(faults.turn_deg):
        return depth
    row, column = np.mgrid[0 : camera.height, 0 : camera.width].astype(np.float32)
    u = (column - np.float32(camera.cx)) / np.float32(camera.fx)
    v = (row - np.float32(camera.cy)) / np.float32(camera.fy)
    about_x, about_y, about_z = np.radians(faults.turn_deg)
    near = np.where(depth > 0, depth, np.float32(np.inf))
    x, y, z = faults.offset_m
    across = camera.fx * ((x - u * z) / near + about_y - v * about_z)  # of first order in shift and turn
    down = camera.fy * ((y - v * z) / near - about_x + u * about_z)
    return cv2.remap(
        depth, (column - across).astype(np.float32), (row - down).astype(np.float32), cv2.INTER_NEAREST
    )


def drift_at(
    time_s: float, sigma_m: float, sigma_deg: float, rng: np.random.Generator
) -> Float[np.ndarray, "4 4"]:
    """Return the slow error of a pose at a time, in the camera's frame; the same generator, the same walk."""
    period, phase = rng.uniform(*DRIFT_PERIODS_S, (6, 3)), rng.uniform(0, 2 * np.pi, (6, 3))
    wave = np.sin(2 * np.pi * time_s / period + phase).sum(axis=1) * np.sqrt(2 / 3)  # variance 1
    error = np.eye(4)
    error[:3, :3] = Rotation.from_rotvec(np.radians(sigma_deg) * wave[3:]).as_matrix()
    error[:3, 3] = sigma_m * wave[:3]
    return error


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in values)
    return x, y, z
