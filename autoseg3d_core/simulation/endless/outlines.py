"""Random outlines: of plates seen from above, and of lathed bodies seen from the side."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.simulation.solids import Outline, creased

Rng = np.random.Generator


def plate(rng: Rng, width: float, depth: float, is_even: bool = True) -> Outline:
    """Return the outline of a plate that fills a rectangle, counter-clockwise around its middle.

    `is_even`: alike left and right.
    """
    half = np.array([width, depth]) / 2
    kind = int(rng.integers(7 if is_even else 8))
    if kind == 0:
        points = _ellipse(36)
    elif kind == 1:
        points = _superellipse(rng.uniform(2.5, 5.0))
    elif kind == 2:
        points = _polygon(int(rng.choice([5, 6, 8])))
    elif kind == 3:
        points = _trapezium(rng.uniform(0.5, 0.95))
    elif kind == 4:
        points = _half_round(rng.uniform(0.2, 0.8))
    elif kind == 5:
        points = _cut_corners(rng.uniform(0.1, 0.4))
    elif kind == 6:
        points = _rounded(half, rng.uniform(0.08, 0.5))
    else:
        points = _blob(rng)
    low, high = points.min(axis=0), points.max(axis=0)
    filled = (points - (low + high) / 2) / ((high - low) / 2) * half
    return creased([(float(x), float(y)) for x, y in filled])


def profile(rng: Rng, radius: float, height: float) -> Outline:
    """Return the outline of a lathed body as (radius, height), from its foot up."""
    kinds = (_straight, _wavy, _wavy, _stepped, _domed, _waisted, _hollow)
    return kinds[int(rng.integers(len(kinds)))](rng, radius, height)


def hollow_profile(rng: Rng, radius: float, height: float) -> Outline:
    """Return the outline of a bowl, a pot or a bucket: up outside, over the rim, down inside."""
    return _hollow(rng, radius, height)


def _straight(rng: Rng, radius: float, height: float) -> Outline:
    top, edge = radius * rng.uniform(0.5, 1.0), min(radius, height) * rng.uniform(0.02, 0.25)
    foot, head = (radius, top) if rng.random() < 0.6 else (top, radius)
    return _doubled([(foot - edge, 0), (foot, edge), (head, height - edge), (head - edge * 0.9, height)])


def _wavy(rng: Rng, radius: float, height: float) -> Outline:
    z = np.linspace(0, 1, 14)
    knots = rng.uniform(0.3, 1.0, int(rng.integers(3, 6)))
    shape = np.interp(z, np.linspace(0, 1, len(knots)), knots)
    smooth = np.convolve(np.pad(shape, 2, mode="edge"), [0.1, 0.2, 0.4, 0.2, 0.1], "valid")
    smooth *= radius / smooth.max()
    return tuple((float(r), float(v * height)) for r, v in zip(smooth, z, strict=True))


def _stepped(rng: Rng, radius: float, height: float) -> Outline:
    steps = int(rng.integers(2, 5))
    radii = radius * rng.uniform(0.3, 1.0, steps)
    radii[int(rng.integers(steps))] = radius
    cuts = np.concatenate([[0], np.sort(rng.uniform(0.08, 0.92, steps - 1)), [1]]) * height
    line: list[tuple[float, float]] = []
    for r, low, high in zip(radii.tolist(), cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        line += [(r, low), (r, low), (r, high), (r, high)]
    return tuple(line)


def _domed(rng: Rng, radius: float, height: float) -> Outline:
    wall = height * rng.uniform(0.0, 0.8)
    angle = np.linspace(0, np.pi / 2 * 0.98, 9)
    line = [(radius, 0.0), (radius, wall)]
    line += [(float(radius * np.cos(a)), float(wall + (height - wall) * np.sin(a))) for a in angle[1:]]
    return tuple(line)


def _waisted(rng: Rng, radius: float, height: float) -> Outline:
    waist, at = radius * rng.uniform(0.1, 0.45), rng.uniform(0.15, 0.85)
    z = np.linspace(0, 1, 15)
    pinch = np.exp(-(((z - at) / rng.uniform(0.15, 0.4)) ** 2))
    r = radius * (1 - pinch) + waist * pinch
    return tuple((float(a), float(b * height)) for a, b in zip(r, z, strict=True))


def _hollow(rng: Rng, radius: float, height: float) -> Outline:
    foot = radius * rng.uniform(0.35, 1.0)
    wall = float(np.clip(radius * rng.uniform(0.04, 0.12), 0.002, 0.03))
    z = np.linspace(0, 1, 7)
    bulge = rng.uniform(-0.15, 0.3)
    outer = foot + (radius - foot) * z + radius * bulge * np.sin(np.pi * z)
    outer *= radius / outer.max()
    up = [(float(r), float(v * height)) for r, v in zip(outer, z, strict=True)]
    inner = np.maximum(outer - wall, wall)
    floor = max(wall, height * 0.02)
    down = [(float(r), float(max(v * height, floor))) for r, v in zip(inner[::-1], z[::-1], strict=True)]
    return _doubled([*up, *down])


def _doubled(line: list[tuple[float, float]]) -> Outline:
    """Return a line with its inner corners twice, which keeps edges sharp."""
    return tuple(point for point in line for _ in range(2))


def _ellipse(count: int) -> np.ndarray:
    angle = np.arange(count) * 2 * np.pi / count
    return np.column_stack([np.cos(angle), np.sin(angle)])


def _superellipse(power: float) -> np.ndarray:
    circle = _ellipse(40)
    return np.sign(circle) * np.abs(circle) ** (2 / power)


def _polygon(count: int) -> np.ndarray:
    angle = (np.arange(count) + 0.5) * 2 * np.pi / count - np.pi / 2
    return np.column_stack([np.cos(angle), np.sin(angle)])


def _trapezium(share: float) -> np.ndarray:
    return np.array([[-1, -1], [1, -1], [share, 1], [-share, 1]], float)


def _half_round(straight: float) -> np.ndarray:
    angle = np.linspace(0, np.pi, 17)
    arc = np.column_stack([np.cos(angle), straight + np.sin(angle)])
    return np.concatenate([[[-1, -1], [1, -1]], arc])


def _cut_corners(cut: float) -> np.ndarray:
    c = 1 - cut
    return np.array([[-c, -1], [c, -1], [1, -c], [1, c], [c, 1], [-c, 1], [-1, c], [-1, -c]])


def _rounded(half: np.ndarray, share: float) -> np.ndarray:
    radius = share * half.min()
    angle = np.linspace(0, np.pi / 2, 6)
    arc = radius * np.column_stack([np.cos(angle), np.sin(angle)])
    corners = []
    for quarter, sign in enumerate(([1, 1], [-1, 1], [-1, -1], [1, -1])):
        cos, sin = np.cos(quarter * np.pi / 2), np.sin(quarter * np.pi / 2)
        corners.append(np.array(sign) * (half - radius) + arc @ np.array([[cos, sin], [-sin, cos]]))
    return np.concatenate(corners)


def _blob(rng: Rng) -> np.ndarray:
    angle = np.arange(40) * 2 * np.pi / 40
    radius = np.ones(40)
    for n in (2, 3, 4):
        radius += rng.uniform(0, 0.28 / n) * np.cos(n * angle + rng.uniform(0, 2 * np.pi))
    return radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
