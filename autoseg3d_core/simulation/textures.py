"""Procedural textures: small square colour images, each a function of its name and a seed."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from autoseg3d_core.simulation.patterns import random_pattern
from autoseg3d_core.simulation.textures_rare import RARE

SIDE = 192
"""Pixels along each side of a texture."""
Grey = Float[np.ndarray, "side side"]


def texture(name: str, seed: int) -> UInt8[np.ndarray, "side side 3"]:
    """Return the image of a texture; the letters of its name say the kind, e.g. `wood2`.

    Plain kinds are near white, so that a material's tint decides the colour.
    """
    kind = name.rstrip("0123456789")
    rng = np.random.default_rng((seed, zlib.crc32(name.encode())))
    image = KINDS[kind](rng)
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    return (np.clip(image, 0, 1) * 255).astype(np.uint8)


def clouds(rng: np.random.Generator, cells: tuple[int, int], octaves: int = 4) -> Grey:
    """Return noise in [0, 1] with this many bumps down and across, and finer ones on top."""
    total, weight = np.zeros((SIDE, SIDE)), 0.0
    for octave in range(octaves):
        rows, columns = (min(SIDE, c * 2**octave) for c in cells)
        coarse = rng.random((rows + 1, columns + 1)).astype(np.float32)
        total += 0.5**octave * cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        weight += 0.5**octave
    return np.clip(total / weight, 0, 1)


def _wood(rng: np.random.Generator) -> np.ndarray:
    """Grain along the rows, as seen on boards."""
    bend = clouds(rng, (3, 1), 2) * rng.uniform(0.6, 3)
    row = np.linspace(0, rng.uniform(3, 9), SIDE)[None, :]
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (row + bend))
    grain = clouds(rng, (2, 48), 3)
    return 0.72 + 0.12 * rings**2 + 0.28 * (grain - 0.5)


def _planks(rng: np.random.Generator) -> np.ndarray:
    count, image = int(rng.integers(4, 7)), np.zeros((SIDE, SIDE))
    edges = np.linspace(0, SIDE, count + 1).astype(int)
    for left, right in pairwise(edges.tolist()):
        board = np.roll(_wood(rng), int(rng.integers(SIDE)), axis=1) * rng.uniform(0.8, 1.08)
        image[:, left:right] = board[:, left:right]
        image[:, left : left + 2] *= 0.6
        joint = int(rng.integers(SIDE - 2))
        image[joint : joint + 2, left:right] *= 0.65
    return image


def _tiles(rng: np.random.Generator) -> np.ndarray:
    count = int(rng.integers(2, 5))
    cell = SIDE // count
    image = 0.9 + 0.08 * (clouds(rng, (8, 8)) - 0.5)
    shade = rng.uniform(0.92, 1.0, (count + 1, count + 1))
    image = (
        image * np.kron(shade, np.ones((cell, cell)))[:SIDE, :SIDE] if cell * (count + 1) >= SIDE else image
    )
    line = np.arange(SIDE) % cell < 3
    image[line, :] = image[:, line] = rng.uniform(0.55, 0.8)
    return image


def _checker(rng: np.random.Generator) -> np.ndarray:
    cell = SIDE // int(2 * rng.integers(1, 5))
    row, column = np.mgrid[0:SIDE, 0:SIDE] // cell
    low = rng.uniform(0.35, 0.75)
    return np.where((row + column) % 2, 0.97, low) + 0.05 * (clouds(rng, (12, 12)) - 0.5)


def _stripes(rng: np.random.Generator) -> np.ndarray:
    period = SIDE / int(rng.integers(3, 14))
    share = rng.uniform(0.25, 0.6)
    band = (np.arange(SIDE) % period) / period < share
    image = np.tile(np.where(band, rng.uniform(0.45, 0.8), 0.97), (SIDE, 1))
    return image.T if rng.random() < 0.5 else image


def _fabric(rng: np.random.Generator) -> np.ndarray:
    row, column = np.mgrid[0:SIDE, 0:SIDE]
    pitch = rng.uniform(1.2, 2.5)
    weave = 0.5 + 0.25 * (np.sin(row * pitch) + np.sin(column * pitch))
    return 0.75 + 0.12 * weave + 0.2 * (clouds(rng, (6, 6), 5) - 0.5) + rng.normal(0, 0.03, (SIDE, SIDE))


def _carpet(rng: np.random.Generator) -> np.ndarray:
    speckle = cv2.GaussianBlur(rng.normal(0, 1, (SIDE, SIDE)), (0, 0), 0.8)
    return 0.8 + rng.uniform(0.06, 0.16) * speckle + 0.15 * (clouds(rng, (3, 3)) - 0.5)


def _plaster(rng: np.random.Generator) -> np.ndarray:
    return 0.93 + 0.07 * (clouds(rng, (2, 2), 6) - 0.5) + rng.normal(0, 0.008, (SIDE, SIDE))


def _paper(rng: np.random.Generator) -> np.ndarray:
    """A repeating motif, as on wallpaper and curtains."""
    cell = SIDE // int(rng.integers(3, 7))
    y, x = (np.mgrid[0:SIDE, 0:SIDE] % cell) / cell - 0.5
    petals, turn = int(rng.integers(2, 7)), rng.uniform(0, np.pi)
    radius = np.hypot(x, y) * (1 + 0.35 * np.cos(petals * np.arctan2(y, x) + turn))
    return np.where(
        np.abs(radius - rng.uniform(0.15, 0.3)) < rng.uniform(0.03, 0.1), rng.uniform(0.6, 0.85), 0.95
    )


def _marble(rng: np.random.Generator) -> np.ndarray:
    veins = np.abs(np.sin(2 * np.pi * (clouds(rng, (2, 3), 5) * rng.uniform(2, 5))))
    return 0.7 + 0.28 * veins**0.35 + rng.normal(0, 0.015, (SIDE, SIDE))


def _brick(rng: np.random.Generator) -> np.ndarray:
    rows, height = 6, SIDE // 6
    image = 0.8 + 0.25 * (clouds(rng, (10, 10)) - 0.5)
    for row in range(rows):
        offset = (row % 2) * SIDE // 4
        top = row * height
        image[top : top + 3] = 0.95
        for start in range(0, 2):
            left = (offset + start * SIDE // 2) % SIDE
            image[top : top + height, left : left + 3] = 0.95
            block = image[top + 3 : top + height, left + 3 : min(left + SIDE // 2, SIDE)]
            block *= rng.uniform(0.8, 1.1)
    return image


def _leaves(rng: np.random.Generator) -> np.ndarray:
    return 0.55 + 0.6 * clouds(rng, (14, 14), 3)


def _picture(rng: np.random.Generator) -> np.ndarray:
    """A painting: a landscape or shapes in few colours."""
    image = np.ones((SIDE, SIDE, 3)) * rng.uniform(0.3, 1, 3)
    if rng.random() < 0.45:
        sky, ground = rng.uniform(0.5, 1, 3), rng.uniform(0.1, 0.7, 3)
        fade = np.linspace(0, 1, SIDE)[:, None, None]
        image = sky * (1 - 0.5 * fade) + 0.2 * clouds(rng, (3, 2))[..., None]
        for level in range(int(rng.integers(2, 5))):
            ridge = SIDE * (0.35 + 0.15 * level) + 30 * (clouds(rng, (1, 4))[0] - 0.5)
            image[np.arange(SIDE)[:, None] > ridge] = ground * rng.uniform(0.5, 1.2)
        return image
    for _ in range(int(rng.integers(4, 14))):
        color = tuple(float(c) for c in rng.random(3))
        corner, extent = rng.integers(0, SIDE, 2), rng.integers(8, SIDE // 2, 2)
        if rng.random() < 0.5:
            cv2.rectangle(image, corner.tolist(), (corner + extent).tolist(), color, -1)
        else:
            cv2.circle(image, corner.tolist(), int(extent[0] // 2), color, -1)
    return image


def _screen(rng: np.random.Generator) -> np.ndarray:
    """Windows with lines of text, or a picture."""
    if rng.random() < 0.3:
        return _picture(rng)
    image = np.ones((SIDE, SIDE, 3)) * rng.uniform(0.05, 0.4, 3)
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.integers(0, SIDE // 2, 2)
        w, h = rng.integers(SIDE // 3, SIDE // 2, 2)
        paper = rng.choice([0.12, 0.9, 0.97])
        image[y : y + h, x : x + w] = paper
        for line in range(y + 6, min(y + h - 4, SIDE - 2), 6):
            length = int(rng.integers(4, max(6, w - 8)))
            image[line : line + 2, x + 4 : min(x + 4 + length, SIDE)] = rng.uniform(0.2, 0.8, 3)
    return image


def _sky(rng: np.random.Generator) -> np.ndarray:
    """What lies outside a window."""
    fade = np.linspace(0, 1, SIDE)[:, None, None]
    image = np.array([0.62, 0.76, 0.95]) * (1 - fade) + np.array([0.92, 0.94, 0.96]) * fade
    image = image + 0.25 * (clouds(rng, (4, 3))[..., None] - 0.4)
    ridge = SIDE * rng.uniform(0.55, 0.8) + 50 * (clouds(rng, (1, 9))[0] - 0.5)
    below = np.arange(SIDE)[:, None] > ridge
    trees = clouds(rng, (12, 12))[..., None] * rng.uniform([0.2, 0.35, 0.1], [0.6, 0.75, 0.4])
    return np.where(below[..., None], trees, image)


def _spines(rng: np.random.Generator) -> np.ndarray:
    """A print as on book covers and boxes."""
    image = np.ones((SIDE, SIDE, 3)) * rng.uniform(0.75, 1.0)
    for _ in range(int(rng.integers(1, 4))):
        start, width = int(rng.integers(0, SIDE - 40)), int(rng.integers(8, 60))
        image[start : start + width, 20 : SIDE - 20] *= rng.uniform(0.2, 1, 3)
    return image


def _pattern(rng: np.random.Generator) -> np.ndarray:
    """Anything."""
    return random_pattern(rng, SIDE)


KINDS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "wood": _wood,
    "planks": _planks,
    "tiles": _tiles,
    "checker": _checker,
    "stripes": _stripes,
    "fabric": _fabric,
    "carpet": _carpet,
    "plaster": _plaster,
    "paper": _paper,
    "marble": _marble,
    "brick": _brick,
    "leaves": _leaves,
    "picture": _picture,
    "screen": _screen,
    "sky": _sky,
    "spines": _spines,
    "pattern": _pattern,
    **{name: partial(draw, side=SIDE) for name, draw in RARE.items()},
}
