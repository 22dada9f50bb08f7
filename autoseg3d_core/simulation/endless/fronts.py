"""Faces divided into fields: doors, drawers, niches, panels, with handles of all kinds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from autoseg3d_core.simulation.endless.bars import bent_bar
from autoseg3d_core.simulation.endless.draft import SINK_M, Draft
from autoseg3d_core.simulation.endless.outlines import profile
from autoseg3d_core.simulation.endless.skins import shade
from autoseg3d_core.simulation.parts import Material, box, cushion, ellipsoid, solid
from autoseg3d_core.simulation.solids import Lathed


@dataclass(frozen=True)
class Field:
    """A rectangle of a front, seen from before it."""

    left: float
    right: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """Its extent across."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Its extent up."""
        return self.high - self.low

    @property
    def middle(self) -> tuple[float, float]:
        """Its centre as (x, z)."""
        return (self.left + self.right) / 2, (self.low + self.high) / 2


def divided(rng: np.random.Generator, whole: Field, fields: int) -> list[Field]:
    """Return a rectangle cut into about so many, by cuts through the largest one; often into equal parts."""
    parts = [whole]
    while len(parts) < fields:
        largest = max(parts, key=lambda field: field.width * field.height)
        parts.remove(largest)
        count = int(rng.choice([2, 2, 2, 3, 4])) if rng.random() < 0.7 else 2
        share = np.linspace(0, 1, count + 1)
        if count == 2 and rng.random() < 0.3:
            share[1] = rng.uniform(0.25, 0.75)
        across = largest.width * rng.uniform(0.6, 1.6) > largest.height
        if across:
            cuts = largest.left + share * largest.width
            parts += [replace(largest, left=float(a), right=float(b)) for a, b in pairwise(cuts.tolist())]
        else:
            cuts = largest.low + share * largest.height
            parts += [replace(largest, low=float(a), high=float(b)) for a, b in pairwise(cuts.tolist())]
    return parts


@dataclass(frozen=True)
class FrontStyle:
    """What all fronts of one thing have in common."""

    thick: float
    gap: float
    proud: float
    handle: str
    has_frame: bool
    is_soft: bool


def draw_front_style(d: Draft, size: float) -> FrontStyle:
    """Return how the fronts of a thing this large look."""
    thick = float(np.clip(size * d.between(0.01, 0.03), 0.003, 0.03))
    handles = ("knob", "knob", "bar", "bow", "strip", "cup", "none", "none")
    return FrontStyle(
        thick,
        float(np.clip(size * d.between(0.001, 0.01), 0.001, 0.008)),
        float(d.rng.choice([-0.5, 0.4, 1.0])),
        handles[int(d.rng.integers(len(handles)))],
        d.chance(0.25),
        d.chance(0.06),
    )


def add_front(d: Draft, style: FrontStyle, field: Field, y: float, skin: Material) -> None:
    """Add a door or a drawer before the plane at y, which may hold a frame and a handle."""
    x, z = field.middle
    width, height = field.width - 2 * style.gap, field.height - 2 * style.gap
    if min(width, height) < 3 * style.gap:
        return
    name, face = d.name("front"), y + style.thick * max(style.proud, 0.15)
    size = (width, style.thick + SINK_M, height)
    middle = (x, face - style.thick / 2 - SINK_M / 2, z)
    d.add(cushion(name, size, middle, skin) if style.is_soft else box(name, size, middle, skin))
    if style.has_frame and min(width, height) > 8 * style.thick:
        rim, raised = min(width, height) * 0.14, style.thick * 0.35
        edge = d.skins.body if d.chance(0.3) else skin
        for side in (-1, 1):
            post = (x + side * (width - rim) / 2, face + raised / 2, z)
            rail = (x, face + raised / 2, z + side * (height - rim) / 2)
            d.add(box(name, (rim, raised + SINK_M, height), post, edge))
            d.add(box(name, (width, raised + SINK_M, rim), rail, edge))
        face += raised
    _add_handle(d, style, field, face)


def _add_handle(d: Draft, style: FrontStyle, field: Field, face: float) -> None:
    (x, z), scale, skin = field.middle, min(field.width, field.height, 0.5), d.skins.detail
    wide = field.width > field.height * 0.9  # as on drawers
    reach = float(np.clip(0.1 * scale, 0.004, 0.035))
    hx, hz = (x, z) if wide else (field.left + field.width * (0.12 if d.chance(0.5) else 0.88), z)
    name, length = d.name("handle"), scale * d.between(0.25, 0.7)
    if style.handle == "knob":
        d.add(ellipsoid(name, (reach, reach * 1.4, reach), (hx, face + reach * 0.5, hz), skin))
    elif style.handle == "bar":
        size = (length, reach, reach * 0.5) if wide else (reach * 0.5, reach, length)
        d.add(box(name, size, (hx, face + reach / 2 - SINK_M, hz), skin))
    elif style.handle == "bow":
        half = length / 2
        ends = [(-half, 0.0), (half, 0.0)] if wide else [(0.0, -half), (0.0, half)]
        (ax, az), (bx, bz) = ends
        y, out = face - SINK_M, face + reach
        path = [
            (hx + ax, y, hz + az),
            (hx + ax, out, hz + az),
            (hx + bx, out, hz + bz),
            (hx + bx, y, hz + bz),
        ]
        d.add(bent_bar(name, path, max(0.003, reach * 0.35), skin, reach * 0.5))
    elif style.handle == "strip":
        at = (x, face + reach * 0.3 - SINK_M, field.high - style.gap - reach * 0.4)
        d.add(box(name, (field.width - 4 * style.gap, reach * 0.6, reach * 0.4), at, skin))
    elif style.handle == "cup":
        shape = Lathed(profile(d.rng, reach * 0.7, reach), 16)
        d.add(solid(name, shape, (hx, face - SINK_M, hz), skin, (-np.pi / 2, 0, 0)))


def add_fronts(d: Draft, whole: Field, y: float, depth: float, open_share: float) -> None:
    """Divide a hollow body's front into fields: doors and drawers, or niches with boards around them."""
    style = draw_front_style(d, max(whole.width, whole.height))
    most = 1 + int(d.rng.integers(1, 9))
    board = d.board(max(whole.width, whole.height)) * 0.8
    base = d.skins.second
    for field in divided(d.rng, whole, most):
        for part in _partitions(field, whole):
            x, z = part.middle
            size = (max(part.width, board), depth, max(part.height, board))
            d.add(box("body", size, (x, y - depth / 2, z), d.skins.body))
        if d.rng.random() < open_share:
            (x, z), inner = field.middle, field.height - board
            d.offer((x, y - depth / 2, field.low + board / 2), (field.width * 0.85, depth * 0.8), inner)
        else:
            skin = shade(d.rng, base) if d.chance(0.2) else base
            if d.chance(0.15):
                skin = d.skins.detail
            add_front(d, style, field, y, skin)


def _partitions(field: Field, whole: Field) -> Iterator[Field]:
    """Yield the right and the upper edge of a field as flat rectangles, unless they lie at the rim."""
    if whole.right - field.right > 1e-6:
        yield replace(field, left=field.right)
    if whole.high - field.high > 1e-6:
        yield replace(field, low=field.high)
