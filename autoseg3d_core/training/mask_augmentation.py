"""Strong augmentation of rendered frames, so that what is learned is shape and not the look of the renderer.

Every function takes and returns arrays of one frame and draws from the generator that it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int32, UInt8

Rgb = UInt8[np.ndarray, "height width 3"]
Labels = Int32[np.ndarray, "height width"]
Foreign = UInt8[np.ndarray, "foreign_height foreign_width 3"]
Crop = tuple[UInt8[np.ndarray, "rows columns 3"], Int32[np.ndarray, "rows columns"]]
GRAY = 114
"""The colour beyond the image's border, as ultralytics pads."""
SMALLEST_CROP = 0.35
LOOKS_CHANCE = 0.5
FIRST_OCCLUDER, FIRST_SHEET = 60_000, 61_000
"""Numbers of the first parts that are put before the scene."""


def augmented(
    rgb: Rgb,
    labels: Labels,
    size: tuple[int, int],
    rng: np.random.Generator,
    foreign: Callable[[], Foreign],
) -> Crop:
    """Return a crop of a frame at `size` (rows, columns) with another look; `foreign` lends textures."""
    rgb, labels = _cropped(rgb, labels, size, rng)
    if rng.random() < 0.5:
        rgb, labels = np.ascontiguousarray(rgb[:, ::-1]), np.ascontiguousarray(labels[:, ::-1])
    picture = rgb.astype(np.float32)
    if rng.random() < 0.35:
        picture = _retextured(picture, labels, rng, foreign())
    if rng.random() < 0.25:
        picture, labels = _with_occluders(picture, labels, rng, foreign())
    if rng.random() < 0.3:
        picture, labels = _with_sheets(picture, labels, rng)
    return _with_other_looks(picture, rng), labels


def _cropped(rgb: Rgb, labels: Labels, size: tuple[int, int], rng: np.random.Generator) -> Crop:
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
    ids = cv2.warpAffine(labels.astype(np.float32), matrix, out, flags=cv2.INTER_NEAREST, borderValue=(0,))
    return moved, ids.astype(np.int32)


def _retextured(
    picture: Float32[np.ndarray, "height width 3"], labels: Labels, rng: np.random.Generator, foreign: Foreign
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
    picture: Float32[np.ndarray, "height width 3"], labels: Labels, rng: np.random.Generator, foreign: Foreign
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
        cv2.fillPoly(inside, [outline.round().astype(np.int32)], (1,))
        color = rng.uniform(0, 255, 3).astype(np.float32) * np.ones_like(picture)
        picture = np.where(inside[..., None] > 0, texture if rng.random() < 0.5 else color, picture)
        labels[inside > 0] = FIRST_OCCLUDER + number
    return picture, labels


def _with_sheets(
    picture: Float32[np.ndarray, "height width 3"], labels: Labels, rng: np.random.Generator
) -> tuple[Float32[np.ndarray, "height width 3"], Labels]:
    """Lay sheets of paper, plain or printed, on one part, at one slant, lit as it is; each is a part."""
    rows, columns = np.nonzero(labels == rng.choice(labels.ravel()))
    height = labels.shape[0]
    slant = rng.normal(0, 1, (2, 2))
    slant *= rng.uniform(0.03, 0.12) * height / np.sqrt(abs(np.linalg.det(slant)) + 0.05)
    light = cv2.GaussianBlur(picture.mean(axis=2), (0, 0), 0.04 * height)[..., None]
    light /= max(float(light[rows, columns].mean()), 1.0)
    picture, labels = picture.copy(), labels.copy()
    shade = rng.uniform(150, 255)
    for number in range(int(rng.integers(1, 6))):
        spot = int(rng.integers(len(rows)))
        sheet = _Sheet(slant @ _turn(rng.normal(0, 0.4)), np.array([columns[spot], rows[spot]], float))
        inside = sheet.painted(labels.shape, _CORNERS)
        color = np.clip(shade + rng.normal(0, 12, 3), 60, 255) * np.clip(light, 0.5, 1.3)
        picture[inside] = color[inside]
        for row in np.linspace(-0.75, 0.75, int(rng.integers(0, 9))):
            left, right = sorted(rng.uniform(-0.85, 0.85, 2))
            line = np.array(
                [[left, row - 0.04], [right, row - 0.04], [right, row + 0.04], [left, row + 0.04]]
            )
            picture[sheet.painted(labels.shape, line) & inside] *= np.float32(rng.uniform(0.3, 0.9))
        labels[inside] = FIRST_SHEET + number
    return picture, labels


_CORNERS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)


@dataclass(frozen=True)
class _Sheet:
    """A square seen at a slant: its axes and its centre in the image, in pixels."""

    axes: Float[np.ndarray, "2 2"]
    center: Float[np.ndarray, " 2"]

    def painted(
        self, shape: tuple[int, ...], outline: Float[np.ndarray, "corners 2"]
    ) -> Bool[np.ndarray, "..."]:
        """Return which pixels lie within an outline on the sheet, whose corners are (±1, ±1)."""
        inside = np.zeros(shape, np.uint8)
        cv2.fillPoly(inside, [(self.center + outline @ self.axes.T).round().astype(np.int32)], (1,))
        return inside > 0


def _turn(angle: float) -> Float[np.ndarray, "2 2"]:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


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
    cv2.line(kernel, ends[0], ends[1], (1.0,))
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


def repainted(
    rgb: Rgb, labels: Labels, rng: np.random.Generator, foreign: Callable[[], Rgb]
) -> tuple[Rgb, Labels]:
    """Return a crop whose colours alone are changed, and labels with those of sheets laid on its parts."""
    picture = rgb.astype(np.float32)
    if rng.random() < 0.35:
        picture = _retextured(picture, labels, rng, foreign())
    if rng.random() < 0.3:
        picture, labels = _with_sheets(picture, labels, rng)
    return _with_other_looks(picture, rng), labels


def _with_other_looks(picture: Float32[np.ndarray, "height width 3"], rng: np.random.Generator) -> Rgb:
    for change in _LOOKS:
        if rng.random() < LOOKS_CHANCE:
            picture = change(picture, rng)
    return np.clip(picture, 0, 255).astype(np.uint8)


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
