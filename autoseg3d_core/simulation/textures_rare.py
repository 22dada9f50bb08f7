"""Textures of rooms apart from training: what floors, walls and furniture have there and nowhere else."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float

from autoseg3d_core.simulation.patterns import noise

Rng = np.random.Generator
Image = Float[np.ndarray, "side side *channels"]


def _pixels(side: int) -> tuple[np.ndarray, np.ndarray]:
    row, column = np.mgrid[0:side, 0:side]
    return row, column


def burl(rng: Rng, side: int) -> Image:
    """Return wood that swirls around knots."""
    row, column = _pixels(side)
    rings = np.zeros((side, side))
    for _ in range(int(rng.integers(3, 7))):
        y, x = rng.uniform(0, side, 2)
        far = np.hypot(row - y, (column - x) * rng.uniform(0.5, 1.0))
        rings += np.exp(-far / 30) * np.sin(far / rng.uniform(1.5, 3.5))
    return 0.78 + 0.16 * rings + 0.25 * (noise(rng, side, 5) - 0.5)


def patina(rng: Rng, side: int) -> Image:
    """Return metal or plaster that the years have stained in two hues."""
    quarter = noise(rng, side - side // 2, 3)
    half = np.concatenate([quarter, quarter[::-1]])[:side]  # mirrored, so that it repeats without a seam
    stain = np.concatenate([half, half[:, ::-1]], axis=1)[:, :side, None]
    stain = np.clip(2.5 * (stain - 0.35), 0, 1)
    first, second = rng.uniform(0.55, 1.0, 3), rng.uniform(0.3, 0.95, 3)
    return stain * first + (1 - stain) * second + rng.normal(0, 0.03, (side, side, 1))


def plaid(rng: Rng, side: int) -> Image:
    """Return crossing bands in a few colours."""
    image = np.ones((side, side, 3)) * rng.uniform(0.3, 1.0, 3)
    for _ in range(int(rng.integers(2, 5))):
        period, wide = side / int(rng.integers(2, 6)), rng.uniform(0.08, 0.35)
        band = ((np.arange(side) + rng.uniform(0, side)) % period) / period < wide
        color, strength = rng.uniform(0.0, 1.0, 3), rng.uniform(0.3, 0.55)
        for lines in (band[:, None], band[None, :]):
            image += strength * lines[..., None] * (color - image)
    return image


def herringbone(rng: Rng, side: int) -> Image:
    """Return short boards at right angles to each other."""
    wide = side // 12
    row, column = _pixels(side)
    u, v = (row + column) // 2, (row - column) // 2
    along, across = (u // wide, v // (3 * wide))
    flip = (along + across) % 2 == 0
    board = np.where(flip, along * 37 + (v // (3 * wide)) * 11, (v // wide) * 53 + (u // (3 * wide)) * 7)
    shade = rng.uniform(0.68, 1.0, 997)[board % 997]
    line = np.where(flip, u % wide, v % wide) < 1
    return np.where(line, 0.55, shade) + 0.1 * (noise(rng, side, 24) - 0.5)


def hexagons(rng: Rng, side: int) -> Image:
    """Return six-sided tiles in two or three tones."""
    pitch = side / int(rng.integers(4, 8))
    row, column = _pixels(side)
    tones = rng.uniform(0.45, 1.0, int(rng.integers(2, 4)))
    best, second, tone = np.full((side, side), np.inf), np.full((side, side), np.inf), np.zeros((side, side))
    lines = int(side / (pitch * 0.866)) + 2
    for i in range(-1, lines):
        for j in range(-1, int(side / pitch) + 2):
            y, x = i * pitch * 0.866, (j + 0.5 * (i % 2)) * pitch
            far = np.hypot(row - y, column - x)
            nearer = far < best
            second = np.where(nearer, best, np.minimum(second, far))
            tone = np.where(nearer, tones[(2 * i + j) % len(tones)], tone)
            best = np.minimum(best, far)
    return np.where(second - best < 2.5, 0.9, tone)


def knit(rng: Rng, side: int) -> Image:
    """Return rows of stitches."""
    row, column = _pixels(side)
    pitch = side / int(rng.integers(10, 22))
    stitch = np.abs(((column / pitch) % 1) - 0.5)
    wave = (row / pitch * 1.4 + 1.2 * stitch) % 1.0
    return 0.62 + 0.36 * np.sin(np.pi * wave) * (0.5 + stitch) + 0.1 * (noise(rng, side, 8) - 0.5)


def cane(rng: Rng, side: int) -> Image:
    """Return plaited strips with small holes."""
    row, column = _pixels(side)
    pitch = side // int(rng.integers(8, 14))
    over = ((row // pitch) + (column // pitch)) % 2 == 0
    bend = np.where(over, np.sin(np.pi * (row % pitch) / pitch), np.sin(np.pi * (column % pitch) / pitch))
    hole = ((row % pitch) < 2) & ((column % pitch) < 2)
    return np.where(hole, 0.25, 0.62 + 0.35 * bend)


def scales(rng: Rng, side: int) -> Image:
    """Return overlapping round shingles."""
    row, column = _pixels(side)
    pitch = side / int(rng.integers(5, 10))
    line = np.floor(row / (pitch / 2))
    x = ((column / pitch + 0.5 * (line % 2)) % 1) - 0.5
    y = (row / (pitch / 2)) % 1
    inside = np.hypot(2 * x, y) < 1
    return np.where(inside, 0.95 - 0.4 * np.hypot(2 * x, y) ** 2, 0.62) + 0.06 * (noise(rng, side, 6) - 0.5)


def terrazzo(rng: Rng, side: int) -> Image:
    """Return chips of stone of several colours in cement."""
    image = np.ones((side, side, 3), np.float32) * rng.uniform(0.7, 0.95)
    colors = rng.uniform(0.15, 1.0, (5, 3))
    for _ in range(int(rng.integers(120, 260))):
        middle, reach = rng.uniform(0, side, 2), rng.uniform(2, 8)
        turn = np.sort(rng.uniform(0, 2 * np.pi, 5))
        corners = middle + reach * np.column_stack([np.cos(turn), np.sin(turn)])
        color = tuple(float(c) for c in colors[int(rng.integers(5))])
        cv2.fillPoly(image, [corners.round().astype(np.int32)], color)
    return image.astype(float)


RARE = {f.__name__: f for f in (burl, patina, plaid, herringbone, hexagons, knit, cane, scales, terrazzo)}
"""Draws a texture with this many pixels along each side, by its name."""
