"""Bodies that fill a given box: with fronts, slabs, seats, stacks, racks, containers, machines."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from autoseg3d_core.simulation.endless.attachments import add_attachments
from autoseg3d_core.simulation.endless.bars import bar
from autoseg3d_core.simulation.endless.draft import SINK_M, Draft
from autoseg3d_core.simulation.endless.fronts import Field, add_front, add_fronts, draw_front_style
from autoseg3d_core.simulation.endless.outlines import hollow_profile, plate, profile
from autoseg3d_core.simulation.endless.skins import shade
from autoseg3d_core.simulation.endless.supports import hold_up
from autoseg3d_core.simulation.parts import Material, Triple, box, cushion, ellipsoid, solid
from autoseg3d_core.simulation.solids import Extruded, Lathed


def carcass(d: Draft, size: Triple) -> None:
    """Make a hollow body with fronts and niches, on a plinth, legs, or the floor."""
    width, depth, height = size
    foot = height * d.between(0.03, 0.35) if d.chance(0.6) else 0.0
    thick, tall = d.board(max(width, height)), height - foot
    if foot:
        hold_up(d, width, depth, foot)
    skin, z = d.skins.body, foot + tall / 2
    for side in (-1, 1):
        d.add(box("body", (thick, depth, tall), (side * (width - thick) / 2, 0, z), skin))
    d.add(box("body", (width, thick, tall), (0, (thick - depth) / 2, z), skin))
    d.add(box("body", (width, depth, thick), (0, 0, foot + thick / 2), skin))
    over = d.between(0.0, 0.04) * width if d.chance(0.4) else 0.0
    top = d.skins.second if d.chance(0.4) else skin
    lid = (width + 2 * over, depth + over, thick * d.between(1.0, 1.8))
    d.add(box("top", lid, (0, over / 2, height - lid[2] / 2 + SINK_M), top))
    whole = Field(-width / 2 + thick / 2, width / 2 - thick / 2, foot + thick / 2, height - lid[2])
    add_fronts(d, whole, depth / 2 - SINK_M, depth - thick, float(d.rng.choice([0.0, 0.1, 0.4, 1.0])))
    d.offer((0, 0, height + SINK_M), (width * 0.95, depth * 0.9))
    if d.chance(0.2):
        add_attachments(d, width, depth, height)


def slab(d: Draft, size: Triple) -> None:
    """Make a plate of any outline on supports."""
    width, depth, height = size
    thick = float(np.clip(height * d.between(0.02, 0.12), 0.004, 0.12))
    is_plain = d.chance(0.5)
    skin, z = d.skins.body, height - thick
    hold_up(d, width * 0.95, depth * 0.95, z, not is_plain and d.chance(0.6))
    if is_plain:
        d.add(box("top", (width, depth, thick), (0, 0, z + thick / 2), skin))
    else:
        d.add(
            solid(
                "top",
                Extruded(plate(d.rng, width, depth, False), thick, d.between(0.9, 1.0)),
                (0, 0, z),
                skin,
            )
        )
    if d.chance(0.3):
        deep = height * d.between(0.05, 0.2)
        inner = (width * d.between(0.6, 0.85), depth * d.between(0.6, 0.85), deep)
        d.add(box("apron", inner, (0, 0, z - deep / 2 + SINK_M), d.skins.second))
        if d.chance(0.5):
            front = Field(-inner[0] / 2, inner[0] / 2, z - deep, z)
            style = draw_front_style(d, width)
            count = int(d.rng.integers(1, 4))
            cuts = np.linspace(front.left, front.right, count + 1).tolist()
            for left, right in pairwise(cuts):
                add_front(
                    d, style, Field(left, right, front.low, front.high), inner[1] / 2 - SINK_M, d.skins.detail
                )
    d.offer((0, 0, height), (width * (0.92 if is_plain else 0.6), depth * (0.9 if is_plain else 0.6)), 0.6)
    if d.chance(0.15):
        add_attachments(d, width, depth, height)


def seat(d: Draft, size: Triple) -> None:
    """Make something to sit or lie on: a base, pads, and walls at its back and sides."""
    width, depth, height = size
    level, thick = height * d.between(0.35, 0.8), height * d.between(0.05, 0.25)
    foot = level * d.between(0.1, 0.85)
    hold_up(d, width * 0.96, depth * 0.96, foot)
    base_high = max(level - thick - foot, 0.02 * height)
    d.add(box("base", (width, depth, base_high), (0, 0, foot + base_high / 2), d.skins.body))
    top = foot + base_high
    count = int(d.rng.integers(1, 1 + max(1, min(4, round(width / max(depth, 0.1) * 2)))))
    pad = width / count
    for i in range(count):
        at = ((i + 0.5) * pad - width / 2, 0.0, top + thick / 2 - SINK_M)
        shape = cushion if d.chance(0.75) else box
        d.add(shape(d.name("pad"), (pad * 0.985, depth * 0.98, thick), at, d.skins.soft))
    d.offer((0, 0, top + thick - SINK_M), (width * 0.8, depth * 0.7), 0.6)
    rest, deep = height - top, depth * d.between(0.05, 0.25)
    if d.chance(0.85):
        _back(d, width, depth, top, rest, deep, count)
    if d.chance(0.5):
        _arms(d, width, depth, top, rest * d.between(0.3, 0.8))


def _back(d: Draft, width: float, depth: float, foot: float, tall: float, deep: float, count: int) -> None:
    kind, y, tilt = int(d.rng.integers(4)), -depth / 2 + deep / 2, d.between(0.0, 0.25)
    z = foot + tall / 2 - SINK_M
    if kind == 0:
        shape = cushion if d.chance(0.5) else box
        d.add(
            shape(
                "back",
                (width, deep, tall),
                (0, y, z),
                d.skins.soft if shape is cushion else d.skins.body,
                (tilt, 0, 0),
            )
        )
    elif kind == 1:
        d.add(box("back", (width, deep * 0.5, tall), (0, -depth / 2 + deep * 0.25, z), d.skins.body))
        for i in range(count):
            at = ((i + 0.5) / count * width - width / 2, -depth / 2 + deep * 0.9, z)
            d.add(
                cushion(
                    d.name("cushion"),
                    (width / count * 0.98, deep, tall * 0.9),
                    at,
                    d.skins.soft,
                    (tilt, 0, 0),
                )
            )
    elif kind == 2:
        plain = Extruded(plate(d.rng, width, tall), deep * 0.4)
        d.add(solid("back", plain, (0, y + deep * 0.2, z), d.skins.second, (np.pi / 2, 0, 0)))
    else:
        thick = max(0.006, 0.04 * min(width, tall))
        posts = np.linspace(-width / 2 + thick, width / 2 - thick, int(d.rng.integers(2, 8)))
        for x in posts.tolist():
            d.add(bar(d.name("slat"), (x, y, foot - SINK_M), (x, y, foot + tall), thick, d.skins.bar))
        d.add(box("back", (width, thick * 1.6, thick * 2), (0, y, foot + tall), d.skins.bar))


def _arms(d: Draft, width: float, depth: float, foot: float, tall: float) -> None:
    wide, deep, kind = width * d.between(0.05, 0.15), depth * d.between(0.5, 1.0), int(d.rng.integers(3))
    low = foot * d.between(0.3, 0.9)
    for side in (-1, 1):
        x = side * (width / 2 + wide / 2 - SINK_M)
        if kind == 0:
            shape = cushion if d.chance(0.5) else box
            d.add(
                shape(
                    d.name("arm"),
                    (wide, deep, foot + tall - low),
                    (x, 0, (foot + tall + low) / 2),
                    d.skins.soft,
                )
            )
        else:
            inner, y = side * (width / 2 - wide / 2), deep * 0.35
            for end in (-1, 1) if kind == 1 else (0,):
                d.add(
                    bar(
                        d.name("post"),
                        (inner, end * y, foot - SINK_M),
                        (inner, end * y, foot + tall),
                        wide * 0.4,
                        d.skins.bar,
                    )
                )
            d.add(cushion(d.name("arm"), (wide, deep, wide * 0.6), (inner, 0, foot + tall), d.skins.second))


def lathed(d: Draft, size: Triple) -> None:
    """Make a round body with what may hang on it."""
    width, _, height = size
    shape = hollow_profile if d.chance(0.4) else profile
    skin, foot = d.skins.body, 0.0
    if d.chance(0.25):
        foot = height * d.between(0.1, 0.5)
        hold_up(d, width * 0.7, width * 0.7, foot, True)
    outline = shape(d.rng, width / 2, height - foot)
    d.add(solid("body", Lathed(outline, int(d.rng.choice([5, 6, 8, 28, 28, 28]))), (0, 0, foot), skin))
    top = max(outline, key=lambda point: point[1])[0]
    if d.chance(0.4):
        high = height * d.between(0.03, 0.25)
        lid = profile(d.rng, max(top, 0.1 * width) * d.between(0.7, 1.1), high)
        d.add(solid("lid", Lathed(lid), (0, 0, height - SINK_M), d.skins.second))
        if d.chance(0.6):
            knob = max(0.006, 0.1 * width)
            d.add(ellipsoid("knob", (knob, knob, knob), (0, 0, height + high + knob * 0.4), d.skins.detail))
    if d.chance(0.5):
        add_attachments(d, width * 0.8, width * 0.8, height)


def stack(d: Draft, size: Triple) -> None:
    """Make bodies that stand on one another."""
    width, depth, height = size
    count, z = int(d.rng.integers(2, 6)), 0.0
    shares = d.rng.dirichlet(np.full(count, 1.5)) * 0.9 + 0.1 / count
    shrink = d.between(0.7, 1.0)
    if d.chance(0.3):
        z = height * d.between(0.1, 0.3)
        hold_up(d, width * 0.9, depth * 0.9, z)
    left = height - z
    for i, share in enumerate(shares.tolist()):
        tall = left * share
        w, dp = (v * shrink**i * d.between(0.4, 1.0) for v in (width, depth))
        if i == 0:
            w, dp = width, depth
        skin = (d.skins.body, d.skins.second, shade(d.rng, d.skins.body), d.skins.detail)[
            int(d.rng.integers(4))
        ]
        shift = d.between(-0.15, 0.15) * w if d.chance(0.3) else 0.0
        _block(d, (w, dp, tall + SINK_M), (shift, 0.0, z), skin)
        z += tall
    d.offer((0, 0, z), (w * 0.6, dp * 0.6))
    if d.chance(0.4):
        add_attachments(d, width, depth, height)


def _block(d: Draft, size: Triple, foot: Triple, skin: Material) -> None:
    """Add any one body with its foot at a point."""
    (width, depth, tall), (x, y, z), name = size, foot, d.name("block")
    kind, at = int(d.rng.integers(6)), (x, y, z + tall / 2)
    if kind < 2:
        d.add(box(name, size, at, skin))
    elif kind == 2:
        d.add(cushion(name, size, at, skin))
    elif kind == 3:
        d.add(solid(name, Extruded(plate(d.rng, width, depth), tall, d.between(0.6, 1.0)), foot, skin))
    elif kind == 4:
        d.add(solid(name, Lathed(profile(d.rng, min(width, depth) / 2, tall)), foot, skin))
    else:
        d.add(ellipsoid(name, (width, depth, tall * 1.04), at, skin))


def rack(d: Draft, size: Triple) -> None:
    """Make a frame of bars with shelves or panels between."""
    width, depth, height = size
    thick = float(np.clip(min(width, depth) * d.between(0.03, 0.1), 0.005, 0.06))
    shape, skin = str(d.rng.choice(["round", "square"])), d.skins.bar
    x, y = width / 2 - thick / 2, depth / 2 - thick / 2
    for cx in (-x, x):
        for cy in (-y, y):
            d.add(bar(d.name("post"), (cx, cy, 0), (cx, cy, height), thick, skin, shape))
    levels = np.linspace(d.between(0.03, 0.3), d.between(0.8, 0.99), int(d.rng.integers(2, 7))) * height
    for i, z in enumerate(levels.tolist()):
        if d.chance(0.8):
            d.add(box(d.name("shelf"), (width, depth, thick * 0.5), (0, 0, z), d.skins.body))
            free = (levels[i + 1] if i + 1 < len(levels) else z + 0.6) - z - thick
            d.offer((0, 0, z + thick * 0.25), (width * 0.85, depth * 0.85), float(free))
        else:
            for side in (-1, 1):
                d.add(bar(d.name("rail"), (-x, side * y, z), (x, side * y, z), thick * 0.8, skin, shape))
                d.add(bar(d.name("rail"), (side * x, -y, z), (side * x, y, z), thick * 0.8, skin, shape))
    if d.chance(0.3):
        low, high = float(levels[0]), float(levels[-1])
        d.add(box("back", (width, thick * 0.4, high - low), (0, -y, (low + high) / 2), d.skins.second))


def container(d: Draft, size: Triple) -> None:
    """Make an open box or tray, with or without a lid that stands open."""
    width, depth, height = size
    wall, skin = float(np.clip(min(size) * d.between(0.02, 0.08), 0.002, 0.03)), d.skins.body
    d.add(box("body", (width, depth, wall), (0, 0, wall / 2), skin))
    for side in (-1, 1):
        d.add(box("body", (wall, depth, height), (side * (width - wall) / 2, 0, height / 2), skin))
        d.add(box("body", (width, wall, height), (0, side * (depth - wall) / 2, height / 2), skin))
    if d.chance(0.4):
        angle = d.between(1.0, 1.9)
        y, z = -depth / 2 + wall / 2, height - SINK_M
        middle = (0.0, y + depth / 2 * float(np.cos(angle)), z + depth / 2 * float(np.sin(angle)))
        d.add(box("lid", (width, depth, wall), middle, d.skins.second, (angle, 0, 0)))
    d.offer((0, 0, wall), (width * 0.8, depth * 0.8), height)
    if d.chance(0.5):
        add_attachments(d, width, depth, height * 0.9)


def machine(d: Draft, size: Triple) -> None:
    """Make a closed body whose faces hold panels, buttons, dials, slots and screens."""
    width, depth, height = size
    foot = height * d.between(0.02, 0.2) if d.chance(0.5) else 0.0
    if foot:
        hold_up(d, width, depth, foot)
    tall, skin = height - foot, d.skins.body
    middle = (0.0, 0.0, foot + tall / 2)
    if d.chance(0.5):
        d.add(box("body", (width, depth, tall), middle, skin))
    else:
        d.add(
            solid("body", Extruded(plate(d.rng, width, depth), tall, d.between(0.8, 1.0)), (0, 0, foot), skin)
        )
    add_attachments(d, width, depth, height, 2 + int(d.rng.integers(5)))
    d.offer((0, 0, height), (width * 0.7, depth * 0.7))
