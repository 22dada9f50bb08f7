"""Random textures in colour: stripes, checks, dots, waves, veins, shapes and lines of writing, in layers."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float

Rng = np.random.Generator
Image = Float[np.ndarray, "side side 3"]
Mask = Float[np.ndarray, "side side"]


def random_pattern(rng: Rng, side: int) -> Image:
    """Return an image of two to four colours in one to three layers, with a little grain."""
    colours = _colours(rng)
    image = np.broadcast_to(colours[0], (side, side, 3)).copy()
    for colour in colours[1 : 1 + int(rng.integers(1, 4))]:
        share = LAYERS[int(rng.integers(len(LAYERS)))](rng, side)[..., None]
        image = (1 - share) * image + share * colour
    if rng.random() < 0.6:
        image *= 1 + rng.uniform(0.02, 0.25) * (noise(rng, side, int(rng.integers(2, 12))) - 0.5)[..., None]
    return image + rng.normal(0, rng.uniform(0, 0.03), (side, side, 1))


def _colours(rng: Rng) -> Float[np.ndarray, "colours 3"]:
    """Return colours that differ much, or shades of one."""
    if rng.random() < 0.5:
        return rng.random((4, 3)) ** rng.uniform(0.5, 1.5)
    base = rng.uniform(0.2, 1.0, 3)
    return np.clip(base * rng.uniform(0.5, 1.2, (4, 1)) + rng.normal(0, 0.04, (4, 3)), 0, 1)


def noise(rng: Rng, side: int, cells: int, octaves: int = 4) -> Mask:
    """Return smooth noise in 0 to 1 with this many bumps across, and finer ones on top."""
    total, weight = np.zeros((side, side)), 0.0
    for octave in range(octaves):
        count = min(side, cells * 2**octave) + 1
        coarse = rng.random((count, count)).astype(np.float32)
        total += 0.5**octave * cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
        weight += 0.5**octave
    return np.clip(total / weight, 0, 1)


def _grid(side: int) -> tuple[Mask, Mask]:
    y, x = np.mgrid[0:side, 0:side] / side
    return x, y


def _stripes(rng: Rng, side: int) -> Mask:
    x, y = _grid(side)
    turn = rng.choice([0.0, np.pi / 2, np.pi / 4, rng.uniform(0, np.pi)])
    along = x * np.cos(turn) + y * np.sin(turn)
    bend = rng.uniform(0.02, 0.15) * noise(rng, side, 3) if rng.random() < 0.3 else 0.0
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * ((along + bend) * rng.integers(2, 30)))
    return wave if rng.random() < 0.3 else (wave > rng.uniform(0.2, 0.8)).astype(float)


def _checks(rng: Rng, side: int) -> Mask:
    x, y = _grid(side)
    across, down = rng.integers(2, 16, 2)
    first, second = np.sin(np.pi * across * x), np.sin(np.pi * down * y)
    if rng.random() < 0.5:
        return (first * second > 0).astype(float)
    return 0.5 * (np.abs(first) > 0.7) + 0.5 * (np.abs(second) > 0.7)  # tartan, or a net


def _dots(rng: Rng, side: int) -> Mask:
    x, y = _grid(side)
    count, radius = int(rng.integers(3, 20)), rng.uniform(0.15, 0.48)
    row = np.floor(y * count)
    x = x + 0.5 / count * (row % 2) * int(rng.integers(2))
    return (np.hypot(x * count % 1 - 0.5, y * count % 1 - 0.5) < radius).astype(float)


def _clouds(rng: Rng, side: int) -> Mask:
    field = noise(rng, side, int(rng.integers(2, 20)))
    return field if rng.random() < 0.4 else (field > rng.uniform(0.4, 0.6)).astype(float)


def _veins(rng: Rng, side: int) -> Mask:
    field = noise(rng, side, int(rng.integers(2, 5)), 5)
    return np.exp(-np.abs(np.sin(2 * np.pi * field * rng.uniform(1, 5))) / rng.uniform(0.03, 0.3))


def _grain(rng: Rng, side: int) -> Mask:
    x, y = _grid(side)
    rings = x * rng.uniform(3, 25) + noise(rng, side, 2) * rng.uniform(0.5, 3)
    return 0.5 + 0.5 * np.sin(2 * np.pi * (rings if rng.random() < 0.5 else rings + y * 0.3))


def _shapes(rng: Rng, side: int) -> Mask:
    image = np.zeros((side, side), np.float32)
    for _ in range(int(rng.integers(2, 16))):
        corner, extent = rng.integers(0, side, 2), rng.integers(side // 30, side // 2, 2)
        value = (float(rng.uniform(0.4, 1.0)),)
        kind = int(rng.integers(3))
        if kind == 0:
            cv2.rectangle(image, corner.tolist(), (corner + extent).tolist(), value, -1)
        elif kind == 1:
            cv2.ellipse(
                image,
                corner.tolist(),
                (extent // 2 + 1).tolist(),
                float(rng.uniform(0, 180)),
                0,
                360,
                value,
                -1,
            )
        else:
            cv2.fillPoly(image, [rng.integers(0, side, (3, 2)).astype(np.int32)], value)
    return image.astype(float)


def _writing(rng: Rng, side: int) -> Mask:
    """Rows of marks of the lengths of words, a heading above."""
    image = np.zeros((side, side), np.float32)
    y, height = int(rng.integers(4, side // 6)), int(rng.integers(2, max(3, side // 14)))
    left, right = int(rng.integers(4, side // 4)), side - int(rng.integers(4, side // 4))
    while y + height < side - 4:
        x = left
        while x < right:
            word = int(rng.integers(height, 6 * height))
            marks = rng.random(max(1, word // 2)) < 0.75
            image[y : y + height, x : x + word][:, : 2 * len(marks)] = np.repeat(marks, 2)[
                : min(word, side - x)
            ]
            x += word + height
            if rng.random() < 0.08:
                break
        y += int(height * rng.uniform(1.5, 2.2)) + 1
    return image.astype(float)


def _fade(rng: Rng, side: int) -> Mask:
    x, y = _grid(side)
    turn = rng.uniform(0, 2 * np.pi)
    along = x * np.cos(turn) + y * np.sin(turn)
    return (along - along.min()) / (along.max() - along.min())


LAYERS = (_stripes, _checks, _dots, _clouds, _clouds, _veins, _grain, _shapes, _shapes, _writing, _fade)
