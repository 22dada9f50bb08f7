"""What a real RGB-D sensor does to perfect images: pure functions of an image and a random generator."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8
from scipy.spatial.transform import Rotation

from autoseg3d_core.structures import CameraIntrinsics

Depth = Float32[np.ndarray, "height width"]
Pixels = Bool[np.ndarray, "height width"]
Rgb = UInt8[np.ndarray, "height width 3"]

EDGE_STEP = 0.03
"""Relative jump of depth between neighbours that counts as an edge."""
GENTLE_STEP_PX = 9.0
EDGE_PX_AT_VGA = 2.2
GRAZING_COSINE = 0.14
LEAST_INVERSE_DEPTH = np.float32(0.02)
DARK_LUMA = 18
MIDDLE_LUMA = 118.0
OCCLUSION = np.float32(0.4)
EXPOSURE_RANGE = (0.75, 1.9)


def noisy_depth(depth: Depth, sigma_at_1m: float, step_at_1m: float, rng: np.random.Generator) -> Depth:
    """Return depth with noise and steps that grow with its square; neighbours share some of the noise.

    The steps are those of the disparity that a sensor measures; 0 for none.
    """
    noise = np.float32(0.8) * blotches(depth.shape, 3, rng) + np.float32(0.6) * blotches(depth.shape, 10, rng)
    known = depth > 0
    inverse = 1 / np.where(known, depth, np.float32(1)) - np.float32(sigma_at_1m) * noise
    if step_at_1m > 0:
        inverse = np.round(inverse / np.float32(step_at_1m)) * np.float32(step_at_1m)
    return np.where(known, 1 / np.maximum(inverse, LEAST_INVERSE_DEPTH), np.float32(0))


def blotches(shape: tuple[int, ...], pitch: int, rng: np.random.Generator) -> Depth:
    """Return noise of variance 1 whose neighbours resemble each other, as matching windows make them."""
    height, width = shape[0], shape[1]
    coarse = rng.standard_normal((height // pitch + 2, width // pitch + 2), dtype=np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return smooth / np.maximum(smooth.std(), np.float32(1e-6))


def edge_pixels(depth: Depth) -> Pixels:
    """Tell which pixels lie beside a jump of depth."""
    near = cv2.erode(depth, np.ones((3, 3), np.uint8))
    far = cv2.dilate(depth, np.ones((3, 3), np.uint8))
    slope = GENTLE_STEP_PX / depth.shape[1]  # what a surface at a moderate angle changes from pixel to pixel
    return far - near > np.float32(EDGE_STEP + slope) * near


def with_edge_holes(depth: Depth, rng: np.random.Generator) -> Depth:
    """Return depth with ragged holes along its edges, wider on the far side."""
    height, width = depth.shape
    edges = edge_pixels(depth).astype(np.uint8)
    reach = max(1, round(EDGE_PX_AT_VGA * width / 640))
    distance = cv2.distanceTransform(1 - edges, cv2.DIST_L2, 3)
    coarse = rng.random(((height + 3) // 4, (width + 3) // 4), dtype=np.float32)
    ragged = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR) * np.float32(1.6 * reach)
    return np.where((distance < ragged) | ((edges > 0) & (ragged > 0.25 * reach)), np.float32(0), depth)


def missing_pixels(
    depth: Depth,
    rgb: Rgb,
    glass: Pixels,
    camera: CameraIntrinsics,
    limits: tuple[float, float],
    rng: np.random.Generator,
) -> Pixels:
    """Tell which pixels get no depth: out of range, glass, seen at a grazing angle, or too dark."""
    height, width = depth.shape
    out = (depth < limits[0]) | (depth > limits[1])
    coarse = rng.random(((height + 15) // 16, (width + 15) // 16), dtype=np.float32)
    patchy = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    grazing = cosine_to_view(depth, camera) < np.float32(2 * GRAZING_COSINE) * patchy
    dark = (rgb.max(axis=2) < DARK_LUMA) & (patchy > 0.55)
    return out | (glass & (patchy > 0.2)) | grazing | dark


def cosine_to_view(depth: Depth, camera: CameraIntrinsics) -> Depth:
    """Return the cosine between each surface and the ray that sees it, 1 where it faces the camera."""
    smooth = cv2.blur(depth, (3, 3))
    slope_x = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=0.125) * np.float32(camera.fx)
    slope_y = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=0.125) * np.float32(camera.fy)
    u = (np.arange(camera.width, dtype=np.float32) - np.float32(camera.cx)) / np.float32(camera.fx)
    v = (np.arange(camera.height, dtype=np.float32)[:, None] - np.float32(camera.cy)) / np.float32(camera.fy)
    along = depth + u * slope_x + v * slope_y
    normal = np.sqrt(slope_x * slope_x + slope_y * slope_y + along * along)
    ray = np.sqrt(1 + u * u + v * v)
    return np.abs(depth) / np.maximum(normal * ray, np.float32(1e-6))


def jittered_pose(
    pose: Float64[np.ndarray, "4 4"], sigma_m: float, sigma_deg: float, rng: np.random.Generator
) -> Float64[np.ndarray, "4 4"]:
    """Return a pose with a small random error in the camera's frame."""
    error = np.eye(4)
    error[:3, :3] = Rotation.from_rotvec(np.radians(rng.normal(0, sigma_deg, 3))).as_matrix()
    error[:3, 3] = rng.normal(0, sigma_m, 3)
    return pose @ error


def noisy_color(rgb: Rgb, rng: np.random.Generator, exposure: float) -> Rgb:
    """Return colour as a small camera gives it: blurred, exposed automatically times a factor, with grain."""
    width = rgb.shape[1]
    wanted = (MIDDLE_LUMA / max(float(rgb[::4, ::4].mean()), 1.0)) ** 0.7
    exposure *= float(np.clip(wanted, *EXPOSURE_RANGE))
    sigma = float(rng.uniform(0.3, 0.75)) * max(width / 640, 0.6)
    image = cv2.GaussianBlur(rgb, (0, 0), sigma).astype(np.float32)
    grain = rng.standard_normal(image.shape[:2], dtype=np.float32)[..., None]
    tint = rng.normal(1.0, 0.006, 3).astype(np.float32)
    return np.clip(image * (np.float32(exposure) * tint) + np.float32(2.5) * grain, 0, 255).astype(np.uint8)


def shaded(rgb: Rgb, depth: Depth) -> Rgb:
    """Return colour darkened where a surface lies deeper than what surrounds it, as ambient light does."""
    width = depth.shape[1]
    known = np.where(depth > 0, depth, np.float32(10))
    dark = np.zeros_like(depth)
    for share, strength in ((0.012, 0.5), (0.04, 0.5)):
        side = max(3, round(share * width)) | 1
        deeper = (known - cv2.blur(known, (side, side))) / (known * np.float32(share * 2))
        dark += np.float32(strength) * np.clip(deeper, 0, np.float32(0.6))
    return (rgb * (1 - OCCLUSION * np.minimum(dark, 1))[..., None]).astype(np.uint8)
