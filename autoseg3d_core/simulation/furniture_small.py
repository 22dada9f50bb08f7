"""Small things: lamps, plants, bins, and what lies on tables and shelves."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.simulation.palette import Palette, colour
from autoseg3d_core.simulation.parts import (
    Material,
    Part,
    Surface,
    Thing,
    box,
    cone,
    cushion,
    cylinder,
    ellipsoid,
)


def floor_lamp(p: Palette) -> Thing:
    """Return a lamp on a pole."""
    rng, metal = p.rng, p.metal()
    height, shade = rng.uniform(1.35, 1.75), rng.uniform(0.26, 0.42)
    parts = (
        cylinder("foot", 0.28, 0.025, (0, 0, 0.0125), metal),
        cylinder("pole", 0.028, height, (0, 0, height / 2), metal),
        cone("shade", (shade, shade, rng.uniform(0.2, 0.3)), (0, 0, height), _glowing(p)),
    )
    return Thing("lamp", parts, is_movable=True)


def table_lamp(p: Palette) -> Thing:
    """Return a lamp for tables."""
    rng = p.rng
    height, shade, base = rng.uniform(0.22, 0.38), rng.uniform(0.16, 0.28), p.plastic()
    body = ellipsoid("foot", (0.13, 0.13, height * 0.8), (0, 0, height * 0.4), base)
    if rng.random() < 0.5:
        body = cylinder("foot", 0.11, 0.02, (0, 0, 0.01), base)
    parts = (
        body,
        cylinder("pole", 0.02, height, (0, 0, height / 2), base),
        cone("shade", (shade, shade, shade * 0.75), (0, 0, height + shade * 0.2), _glowing(p)),
    )
    return Thing("lamp", parts)


def ceiling_lamp(p: Palette) -> Thing:
    """Return a lamp that hangs from the ceiling; its origin is where it is fixed."""
    rng = p.rng
    if rng.random() < 0.5:
        side = rng.uniform(0.3, 0.6)
        return Thing("lamp", (box("body", (side, side, 0.07), (0, 0, -0.036), _glowing(p)),))
    drop, across = rng.uniform(0.3, 0.6), rng.uniform(0.28, 0.5)
    cord = cylinder("cord", 0.012, drop, (0, 0, -drop / 2 - 0.001), p.metals[1])
    return Thing("lamp", (cord, cone("shade", (across, across, 0.22), (0, 0, -drop), _glowing(p))))


def _glowing(p: Palette) -> Material:
    return Material(colour(p.rng, (0.0, 0.3), (0.85, 1.0)), "", 0.0, p.rng.uniform(0.2, 0.6))


def plant(p: Palette, scale: float = 1.0) -> Thing:
    """Return a plant in a pot: a stem with leaves, or a tuft of blades."""
    rng = p.rng
    pot, height = rng.uniform(0.2, 0.34) * scale, rng.uniform(0.5, 1.2) * scale
    tint = (rng.uniform(0.15, 0.4), rng.uniform(0.4, 0.7), rng.uniform(0.1, 0.3))
    leaf, soil = Material(tint, "leaves0", 0.1), Material((0.2, 0.13, 0.08), "carpet0")
    parts = [
        cone("pot", (pot, pot, pot), (0, 0, pot / 2), p.plastic(), (np.pi, 0, 0)),
        cylinder("soil", pot * 0.9, 0.02 * scale, (0, 0, pot), soil),
    ]
    count, blades = int(rng.integers(9, 20)), bool(rng.random() < 0.4)
    if not blades:
        parts.append(
            cylinder(
                "stem", 0.03 * scale, height * 0.7, (0, 0, pot + height * 0.35), Material((0.35, 0.25, 0.15))
            )
        )
    for _ in range(count):
        turn, tilt, share = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.2), rng.uniform(0.35, 1.0)
        if blades:
            length, start = height * rng.uniform(0.6, 1.0), 0.0
            size, tilt = (0.05 * scale, 0.012, length), tilt * 0.5
        else:
            length, start = rng.uniform(0.18, 0.34) * scale, height * share * 0.8
            size = (length * 0.45, 0.012, length)
        reach = np.sin(tilt) * length / 2
        at = (
            float(np.sin(turn) * reach),
            float(-np.cos(turn) * reach),
            float(pot + start + np.cos(tilt) * length / 2),
        )
        parts.append(ellipsoid("leaves", size, at, leaf, (tilt, 0, turn)))
    return Thing("plant", tuple(parts), is_movable=True)


def small_plant(p: Palette) -> Thing:
    """Return a plant for tables and sills."""
    return plant(p, p.rng.uniform(0.25, 0.45))


def waste_bin(p: Palette) -> Thing:
    """Return a waste bin, open or with a lid."""
    rng, skin = p.rng, p.plastic()
    across, height = rng.uniform(0.22, 0.36), rng.uniform(0.28, 0.62)
    if rng.random() < 0.5:
        body: Part = cone("body", (across, across, height), (0, 0, height / 2), skin, (np.pi, 0, 0))
    else:
        body = box("body", (across, across * 0.8, height), (0, 0, height / 2), skin)
    dark = Material((0.06, 0.06, 0.06))
    lid = cylinder("lid", across * 0.72, 0.02, (0, 0, height), skin if rng.random() < 0.5 else dark)
    return Thing("bin", (body, lid), is_movable=True)


def carton(p: Palette) -> Thing:
    """Return a box for the floor."""
    rng = p.rng
    brown = Material((rng.uniform(0.6, 0.75), rng.uniform(0.45, 0.55), 0.34), "carpet0")
    skin = brown if rng.random() < 0.6 else p.plastic()
    size = (rng.uniform(0.25, 0.55), rng.uniform(0.25, 0.45), rng.uniform(0.18, 0.45))
    tape = Material((0.75, 0.68, 0.5), "", 0.5)
    parts = [box("body", size, (0, 0, size[2] / 2), skin)]
    parts.append(box("tape", (0.05, size[1], 0.003), (0, 0, size[2] + 0.001), tape))
    return Thing("box", tuple(parts), is_movable=True)


def bag(p: Palette) -> Thing:
    """Return a rucksack or a suitcase that stands."""
    rng, cloth = p.rng, p.fabric()
    width, depth, height = rng.uniform(0.28, 0.42), rng.uniform(0.16, 0.26), rng.uniform(0.38, 0.65)
    parts = [cushion("body", (width, depth, height), (0, 0, height / 2), cloth)]
    parts.append(cushion("pocket", (width * 0.75, 0.1, height * 0.45), (0, depth / 2, height * 0.3), cloth))
    parts.append(box("handle", (0.12, 0.02, 0.06), (0, 0, height + 0.01), p.metals[1]))
    return Thing("bag", tuple(parts), is_movable=True)


def book_row(p: Palette) -> Thing:
    """Return books that stand side by side."""
    rng = p.rng
    parts, x = [], 0.0
    tallest = rng.uniform(0.18, 0.26)
    for i in range(int(rng.integers(4, 11))):
        thick, height, deep = (
            rng.uniform(0.018, 0.05),
            tallest * rng.uniform(0.75, 1.0),
            rng.uniform(0.13, 0.18),
        )
        cover = Material(colour(rng, (0.1, 0.85), (0.2, 0.9)), f"spines{rng.integers(3)}")
        parts.append(box(f"book{i}", (thick, deep, height), (x + thick / 2, 0, height / 2), cover))
        x += thick + 0.001
    centred = tuple(
        Part(q.name, q.shape, q.size, (q.at[0] - x / 2, q.at[1], q.at[2]), q.material) for q in parts
    )
    return Thing("books", centred)


def book_pile(p: Palette) -> Thing:
    """Return books that lie on each other."""
    rng = p.rng
    parts, z = [], 0.0
    for i in range(int(rng.integers(1, 5))):
        thick = rng.uniform(0.015, 0.045)
        cover = Material(colour(rng, (0.1, 0.85), (0.2, 0.9)), f"spines{rng.integers(3)}")
        size = (rng.uniform(0.13, 0.2), rng.uniform(0.2, 0.28), thick)
        parts.append(box(f"book{i}", size, (0, 0, z + thick / 2), cover, (0, 0, rng.normal(0, 0.15))))
        z += thick
    return Thing("books", tuple(parts))


def cup(p: Palette) -> Thing:
    """Return a cup with a handle."""
    rng, skin = p.rng, (p.white() if p.rng.random() < 0.4 else p.plastic())
    across, height = rng.uniform(0.07, 0.1), rng.uniform(0.08, 0.13)
    parts = (
        cylinder("body", across, height, (0, 0, height / 2), skin),
        cylinder("inside", across * 0.85, 0.004, (0, 0, height), Material((0.2, 0.12, 0.07))),
        box("handle", (0.035, 0.012, height * 0.6), (across / 2 + 0.012, 0, height / 2), skin),
    )
    return Thing("cup", parts)


def bottle(p: Palette) -> Thing:
    """Return a bottle."""
    rng, skin = p.rng, p.plastic()
    across, height = rng.uniform(0.06, 0.09), rng.uniform(0.16, 0.24)
    parts = (
        cylinder("body", across, height, (0, 0, height / 2), skin),
        cone("body", (across, across, 0.06), (0, 0, height + 0.03), skin),
        cylinder("cap", across * 0.4, 0.05, (0, 0, height + 0.08), p.plastic()),
    )
    return Thing("bottle", parts)


def bowl(p: Palette) -> Thing:
    """Return a bowl with or without fruit."""
    rng, skin = p.rng, (p.white() if p.rng.random() < 0.5 else p.plastic())
    across, height = rng.uniform(0.16, 0.3), rng.uniform(0.06, 0.1)
    parts = [cone("body", (across, across, height), (0, 0, height / 2), skin, (np.pi, 0, 0))]
    for i in range(int(rng.integers(0, 5))):
        turn, ball = 2 * np.pi * i / 4, across * 0.33
        at = (float(np.cos(turn)) * across * 0.2, float(np.sin(turn)) * across * 0.2, height + ball * 0.2)
        parts.append(
            ellipsoid("fruit", (ball, ball, ball), at, Material(colour(rng, (0.7, 0.95), (0.6, 0.95))))
        )
    return Thing("bowl", tuple(parts))


def vase(p: Palette) -> Thing:
    """Return a vase."""
    rng, skin = p.rng, p.plastic()
    across, height = rng.uniform(0.1, 0.18), rng.uniform(0.15, 0.32)
    parts = (
        ellipsoid("body", (across, across, height), (0, 0, height / 2), skin),
        cylinder("neck", across * 0.45, height * 0.3, (0, 0, height * 0.98), skin),
        cylinder("foot", across * 0.6, 0.02, (0, 0, 0.01), skin),
    )
    return Thing("vase", parts)


def small_box(p: Palette) -> Thing:
    """Return a carton of goods."""
    rng = p.rng
    size = (rng.uniform(0.08, 0.24), rng.uniform(0.06, 0.2), rng.uniform(0.05, 0.26))
    skin = Material(colour(rng, (0.1, 0.8), (0.4, 0.95)), f"spines{rng.integers(3)}")
    return Thing("box", (box("body", size, (0, 0, size[2] / 2), skin),))


def pillow(p: Palette) -> Thing:
    """Return a loose pillow that lies flat."""
    side = p.rng.uniform(0.36, 0.48)
    return Thing("pillow", (cushion("body", (side, side, 0.15), (0, 0, 0.075), p.fabric()),))


def basket(p: Palette) -> Thing:
    """Return a small basket or tray with a few things in it."""
    rng, skin = p.rng, p.wood()
    width, depth, height = rng.uniform(0.2, 0.32), rng.uniform(0.15, 0.22), rng.uniform(0.07, 0.16)
    parts = [box("body", (width, depth, 0.01), (0, 0, 0.005), skin)]
    for side in (-1, 1):
        parts.append(box("body", (0.01, depth, height), (side * width / 2, 0, height / 2), skin))
        parts.append(box("body", (width, 0.01, height), (0, side * depth / 2, height / 2), skin))
    return Thing("basket", tuple(parts), (Surface((0, 0, 0.01), (width * 0.8, depth * 0.7), 0.3),))


def kettle(p: Palette) -> Thing:
    """Return a kettle."""
    skin = p.metal()
    parts = (
        cone("body", (0.17, 0.17, 0.2), (0, 0, 0.1), skin),
        ellipsoid("lid", (0.11, 0.11, 0.04), (0, 0, 0.2), skin),
        box("handle", (0.025, 0.03, 0.16), (0.1, 0, 0.13), p.metals[1]),
        box("spout", (0.06, 0.03, 0.03), (-0.09, 0, 0.15), skin, (0, 0.6, 0)),
    )
    return Thing("kettle", parts)


def microwave(p: Palette) -> Thing:
    """Return a microwave oven."""
    skin = p.metal()
    dark = Material((0.05, 0.05, 0.05), "", 0.8, is_glass=True)
    parts = (
        box("body", (0.48, 0.36, 0.28), (0, 0, 0.14), skin),
        box("window", (0.3, 0.008, 0.2), (-0.07, 0.182, 0.14), dark),
        box("panel", (0.1, 0.008, 0.22), (0.17, 0.182, 0.14), p.metals[1]),
    )
    return Thing("microwave", parts)
