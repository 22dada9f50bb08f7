"""Strong augmentation of rendered frames, so that what is learned is shape and not the look of the renderer.

Every function takes and returns arrays of one frame and draws from the generator that it is given.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Float32, Int32, UInt8

Rgb = UInt8[np.ndarray, "height width 3"]
Labels = Int32[np.ndarray, "height width"]
GRAY = 114
"""The colour beyond the image's border, as ultralytics pads."""
SMALLEST_CROP = 0.35
LOOKS_CHANCE = 0.5


def augmented(
    rgb: Rgb,
    labels: Labels,
    size: tuple[int, int],
    rng: np.random.Generator,
    foreign: Callable[[], Rgb],
) -> tuple[Rgb, Labels]:
    """Return a crop of a frame at `size` (rows, columns) with another look; `foreign` lends textures."""
    rgb, labels = _cropped(rgb, labels, size, rng)
    if rng.random() < 0.5:
        rgb, labels = np.ascontiguousarray(rgb[:, ::-1]), np.ascontiguousarray(labels[:, ::-1])
    picture = rgb.astype(np.float32)
    if rng.random() < 0.35:
        picture = _retextured(picture, labels, rng, foreign())
    if rng.random() < 0.25:
        picture, labels = _with_occluders(picture, labels, rng, foreign())
    for change in _LOOKS:
        if rng.random() < LOOKS_CHANCE:
            picture = change(picture, rng)
    return np.clip(picture, 0, 255).astype(np.uint8), labels


def _cropped(rgb: Rgb, labels: Labels, size: tuple[int, int], rng: np.random.Generator) -> tuple[Rgb, Labels]:
    """Return a random window at the given size; it may reach beyond the image, where it is gray."""
    height, width = labels.shape
    scale = rng.uniform(SMALLEST_CROP, 1.15)
    rows, columns = height * scale * rng.uniform(0.9, 1.1), height * scale * size[1] / size[0]
    top = rng.uniform(min(0, height - rows), max(0, height - rows))
    left = rng.uniform(min(0, width - columns), max(0, width - columns))
    turn = rng.normal(0, 0.06)
    zoom = np.array([[size[1] / columns, 0], [0, size[0] / rows]])
    turned = zoom @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    center = np.array([left + columns / 2, top + rows / 2])
    shift = np.array([size[1] / 2, size[0] / 2]) - turned @ center
    matrix = np.hstack([turned, shift[:, None]]).astype(np.float32)
    out = (size[1], size[0])
    moved = cv2.warpAffine(rgb, matrix, out, flags=cv2.INTER_LINEAR, borderValue=(GRAY, GRAY, GRAY))
    ids = cv2.warpAffine(labels.astype(np.float32), matrix, out, flags=cv2.INTER_NEAREST, borderValue=0)
    return moved, ids.astype(np.int32)


def _retextured(
    picture: Float32[np.ndarray, "height width 3"], labels: Labels, rng: np.random.Generator, foreign: Rgb
) -> Float32[np.ndarray, "height width 3"]:
    """Give some parts, and perhaps what is no part, the texture of another picture, keeping their shading."""
    ids = np.unique(labels)
    chosen = ids[rng.random(len(ids)) < 0.4]
    texture = cv2.resize(foreign, labels.shape[::-1]).astype(np.float32)
    if rng.random() < 0.5:
        texture = texture[::-1, ::-1]
    light = picture.mean(axis=2, keepdims=True) / max(float(picture.mean()), 1.0)
    mixed = picture * (share := rng.uniform(0, 0.6)) + (1 - share) * texture * np.clip(light, 0.3, 1.7)
    return np.where(np.isin(labels, chosen)[..., None], mixed, picture)


def _with_occluders(
    picture: Float32[np.ndarray, "height width 3"], labels: Labels, rng: np.random.Generator, foreign: Rgb
) -> tuple[Float32[np.ndarray, "height width 3"], Labels]:
    """Put polygons before the scene, of one colour or with the texture of another picture; each is a part."""
    height, width = labels.shape
    picture, labels = picture.copy(), labels.copy()
    texture = cv2.resize(foreign, (width, height)).astype(np.float32)
    for number in range(int(rng.integers(1, 4))):
        corners = int(rng.integers(3, 9))
        angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
        radius = rng.uniform(0.05, 0.22) * height * rng.uniform(0.6, 1.0, corners)
        center = rng.uniform([0, 0], [width, height])
        outline = center + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        inside = np.zeros(labels.shape, np.uint8)
        cv2.fillPoly(inside, [outline.round().astype(np.int32)], 1)
        color = rng.uniform(0, 255, 3).astype(np.float32) * np.ones_like(picture)
        picture = np.where(inside[..., None] > 0, texture if rng.random() < 0.5 else color, picture)
        labels[inside > 0] = 60_000 + number
    return picture, labels


def _white_balance(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return picture * rng.uniform(0.75, 1.25, 3).astype(np.float32)


def _saturation(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    gray = picture.mean(axis=2, keepdims=True)
    return gray + (picture - gray) * np.float32(rng.uniform(0, 1.6))


def _channel_order(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return picture[..., rng.permutation(3)]


def _exposure(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    gain, gamma = np.float32(rng.uniform(0.45, 1.9)), np.float32(rng.uniform(0.6, 1.6))
    return 255 * np.clip(picture * gain / 255, 0, 1) ** gamma


def _uneven_light(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light that differs over the image, as lamps, windows and shadows make it."""
    grid = rng.uniform(0.45, 1.5, (int(rng.integers(2, 6)), int(rng.integers(2, 6)))).astype(np.float32)
    light = cv2.resize(grid, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return picture * light[..., None]


def _blur(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.5:
        return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.6))
    length = int(rng.integers(3, 9))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    half = (length - 1) / 2
    reach = half * np.array([np.cos(angle), np.sin(angle)])
    ends = [tuple(np.round(half + sign * reach).astype(int).tolist()) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return cv2.filter2D(picture, -1, kernel / kernel.sum())


def _noise(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    noise: np.ndarray = rng.standard_normal(picture.shape, np.float32)
    if rng.random() < 0.5:  # in larger grains
        noise = cv2.GaussianBlur(noise, (0, 0), 0.8)
    return picture + noise * np.float32(rng.uniform(2, 18))


def _compression(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    pixels = np.clip(picture, 0, 255).astype(np.uint8)
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.float32)


_LOOKS: tuple[Callable[[np.ndarray, np.random.Generator], np.ndarray], ...] = (
    _white_balance,
    _saturation,
    _channel_order,
    _exposure,
    _uneven_light,
    _blur,
    _noise,
    _compression,
)
