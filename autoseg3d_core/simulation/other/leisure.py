"""What people work, play and exercise with, and what they put up for a while."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.simulation.endless.bars import bar, bent_bar
from autoseg3d_core.simulation.other.basics import ACROSS, FORWARD, standing
from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import Surface, Thing, Triple, box, cushion, cylinder, ellipsoid


def exercise_bike(p: Palette) -> Thing:
    """Return a bike that stands still."""
    skin, dark = p.plastic(), p.metals[1]
    grip: list[Triple] = [(-0.24, 0.55, 1.1), (-0.2, 0.36, 1.05), (0.2, 0.36, 1.05), (0.24, 0.55, 1.1)]
    parts = [
        bar("base", (-0.25, 0.45, 0.03), (0.25, 0.45, 0.03), 0.06, dark),
        bar("base", (-0.25, -0.45, 0.03), (0.25, -0.45, 0.03), 0.06, dark),
        bar("frame", (0, -0.45, 0.05), (0, 0.45, 0.05), 0.06, skin),
        bar("frame", (0, -0.1, 0.05), (0, -0.25, 0.85), 0.06, skin),
        bar("frame", (0, 0.2, 0.05), (0, 0.35, 1.05), 0.06, skin),
        cylinder("flywheel", 0.45, 0.07, (0, 0.32, 0.32), dark, ACROSS),
        cushion("saddle", (0.2, 0.28, 0.09), (0, -0.25, 0.88), dark),
        bent_bar("handlebar", grip, 0.035, dark, 0.08),
        box("display", (0.16, 0.04, 0.12), (0, 0.36, 1.09), p.printed("screen", 4, 0.3), (0.5, 0, 0)),
        cylinder("crank", 0.16, 0.12, (0, 0.0, 0.3), dark, ACROSS),
        bar("crank", (0, 0.0, 0.3), (0, 0.32, 0.32), 0.06, skin),
    ]
    return standing(parts, is_movable=True)


def treadmill(p: Palette) -> Thing:
    """Return a belt to run on, with a console."""
    dark, skin = p.metals[1], p.plastic()
    parts = [
        box("deck", (0.75, 1.6, 0.14), (0, 0, 0.07), skin),
        box("belt", (0.48, 1.5, 0.02), (0, 0, 0.145), dark),
        box("console", (0.7, 0.12, 0.3), (0, 0.72, 1.3), dark, (0.5, 0, 0)),
    ]
    for side in (-1, 1):
        parts.append(bar("mast", (side * 0.33, 0.7, 0.1), (side * 0.33, 0.72, 1.32), 0.06, skin))
        parts.append(bar("rail", (side * 0.33, 0.72, 1.0), (side * 0.33, 0.1, 0.95), 0.04, dark))
    return standing(parts)


def pram(p: Palette) -> Thing:
    """Return a pram with its hood."""
    cloth, metal, dark = p.fabric(), p.metals[0], p.metals[1]
    push: list[Triple] = [(-0.17, 0.3, 0.62), (-0.17, 0.62, 1.0), (0.17, 0.62, 1.0), (0.17, 0.3, 0.62)]
    parts = [
        cushion("cot", (0.38, 0.8, 0.28), (0, 0, 0.66), cloth),
        ellipsoid("hood", (0.4, 0.42, 0.46), (0, -0.2, 0.8), cloth),
        bent_bar("handle", push, 0.03, dark, 0.1),
    ]
    for side in (-1, 1):
        for y in (-0.32, 0.32):
            parts.append(cylinder("wheels", 0.28, 0.04, (side * 0.25, y, 0.14), dark, ACROSS))
            parts.append(bar("frame", (side * 0.25, y, 0.14), (side * 0.15, -y * 0.4, 0.56), 0.025, metal))
    return standing(parts, is_movable=True)


def step_ladder(p: Palette) -> Thing:
    """Return a ladder that stands open."""
    metal, height = p.metal(), p.rng.uniform(1.0, 1.7)
    parts = [box("top", (0.36, 0.2, 0.03), (0, 0, height), p.plastic())]
    for side in (-1, 1):
        for y in (-1, 1):
            end = (side * 0.16, y * 0.05, height)
            parts.append(bar(f"rail{y}", (side * 0.22, y * 0.32 * height, 0), end, 0.035, metal, "square"))
    for z in np.arange(0.25, height - 0.1, 0.25).tolist():
        y, half = 0.05 + (0.32 * height - 0.05) * (1 - z / height), 0.22 - 0.06 * z / height
        parts.append(box("steps", (2 * half, 0.09, 0.025), (0, y, z), metal))
    return standing(parts, is_movable=True)


def coat_stand(p: Palette) -> Thing:
    """Return a stand with hooks and a coat."""
    wood = p.wood()
    parts = [
        cylinder("pole", 0.045, 1.75, (0, 0, 0.885), wood),
        cylinder("foot", 0.4, 0.03, (0, 0, 0.015), wood),
    ]
    for angle in (np.arange(5) * 2 * np.pi / 5).tolist():
        x, y = float(np.cos(angle)), float(np.sin(angle))
        parts.append(bar("hooks", (0, 0, 1.6), (0.16 * x, 0.16 * y, 1.72), 0.025, wood))
    parts.append(cushion("coat", (0.34, 0.16, 0.95), (0.0, 0.1, 1.15), p.fabric()))
    return standing(parts, is_movable=True)


def washing_rack(p: Palette) -> Thing:
    """Return a rack with washing on it."""
    metal = p.metal()
    parts = []
    for x in (-0.5, 0.5):
        for foot in (-0.28, 0.28):
            parts.append(bar("legs", (x, foot, 0), (x, -foot, 0.95), 0.02, metal))
    for y in np.linspace(-0.28, 0.28, 7).tolist():
        parts.append(bar("lines", (-0.52, y, 0.95), (0.52, y, 0.95), 0.012, metal))
    for side in (-0.5, 0.5):
        parts.append(bar("lines", (side, -0.28, 0.95), (side, 0.28, 0.95), 0.02, metal))
    for i, y in enumerate((-0.187, 0.0, 0.187)):
        along, wide = p.rng.uniform([-0.2, 0.25], [0.2, 0.5]).tolist()
        parts.append(box(f"cloth{i}", (wide, 0.02, 0.5), (along, y, 0.71), p.fabric()))
    return standing(parts, is_movable=True)


def telescope(p: Palette) -> Thing:
    """Return a telescope on three legs."""
    wood, tube = p.wood(), p.white()
    parts = [cylinder("mount", 0.09, 0.14, (0, 0, 1.05), p.metals[1])]
    for turn in (np.arange(3) * 2 * np.pi / 3 + 0.5).tolist():
        x, y = float(np.cos(turn)), float(np.sin(turn))
        parts.append(bar("legs", (0.42 * x, 0.42 * y, 0), (0.03 * x, 0.03 * y, 1.05), 0.035, wood))
    tilt = float(p.rng.uniform(0.3, 0.7))
    reach = np.array([0.0, np.cos(tilt), np.sin(tilt)])
    low, high = (tuple((np.array([0.0, 0.0, 1.16]) + s * reach).tolist()) for s in (-0.35, 0.45))
    parts.append(bar("tube", low, high, 0.12, tube))
    end = tuple((np.array([0.0, 0.0, 1.16]) - 0.43 * reach).tolist())
    parts.append(bar("eyepiece", end, low, 0.05, p.metals[1]))
    return standing(parts, is_movable=True)


def drums(p: Palette) -> Thing:
    """Return a drum kit: a large drum that lies, two that stand on it, and a cymbal."""
    skin, head, metal = p.plastic(), p.white(), p.metals[0]
    parts = [
        cylinder("bass", 0.55, 0.38, (0, 0, 0.275), skin, FORWARD),
        cylinder("bass_head", 0.5, 0.02, (0, 0.195, 0.275), head, FORWARD),
        bar("cymbal_stand", (0.18, -0.1, 0.45), (0.42, -0.1, 1.1), 0.02, metal),
        cylinder("cymbal", 0.4, 0.01, (0.42, -0.1, 1.1), metal, (0.2, 0.15, 0)),
    ]
    for side in (-1, 1):
        x = side * 0.16
        parts.append(bar(f"arm{side}", (x * 0.6, 0, 0.48), (x, 0, 0.66), 0.025, metal))
        parts.append(cylinder(f"tom{side}", 0.28, 0.2, (x, -0.02, 0.72), skin, (0.3, 0, 0)))
        parts.append(bar("spurs", (side * 0.2, 0.1, 0.2), (side * 0.36, 0.22, 0.0), 0.02, metal))
    return standing(parts)


def easel(p: Palette) -> Thing:
    """Return an easel with a canvas on it."""
    wood, wide = p.wood(), p.rng.uniform(0.5, 0.75)
    tall = float(wide * p.rng.uniform(0.8, 1.2))
    parts = [
        bar("legs", (-0.35, 0.2, 0), (-0.05, 0.0, 1.6), 0.04, wood, "square"),
        bar("legs", (0.35, 0.2, 0), (0.05, 0.0, 1.6), 0.04, wood, "square"),
        bar("legs", (0, -0.45, 0), (0, -0.01, 1.55), 0.04, wood, "square"),
        box("ledge", (wide * 0.9, 0.1, 0.03), (0, 0.14, 0.75), wood),
        box("ledge", (0.14, 0.04, 0.04), (0, 0.0, 1.55), wood),
    ]
    lean = float(np.arctan2(0.2, 1.6))
    at = (0.0, float(0.155 - np.sin(lean) * tall / 2), float(0.768 + np.cos(lean) * tall / 2))
    canvas = (np.pi / 2 + lean, 0.0, np.pi)
    parts.append(box("canvas", (wide, tall, 0.02), at, p.printed("picture", 4), canvas))
    return standing(parts, is_movable=True)


def workbench(p: Palette) -> Thing:
    """Return a heavy bench with a vice, a lower board and a wall of tools."""
    wood, iron, width = p.wood(), p.metals[1], p.rng.uniform(1.2, 1.6)
    parts = [
        box("top", (width, 0.6, 0.08), (0, 0, 0.86), wood),
        box("board", (width - 0.1, 0.5, 0.03), (0, 0, 0.2), p.wood()),
        box("panel", (width, 0.02, 0.5), (0, -0.29, 1.15), p.board()),
        box("vice", (0.16, 0.14, 0.1), (width / 2 - 0.2, 0.2, 0.95), iron),
        box("vice", (0.16, 0.05, 0.14), (width / 2 - 0.2, 0.33, 0.95), iron),
        bar("vice", (width / 2 - 0.2, 0.2, 0.94), (width / 2 - 0.2, 0.48, 0.94), 0.025, iron),
        bar("vice", (width / 2 - 0.29, 0.47, 0.94), (width / 2 - 0.11, 0.47, 0.94), 0.015, iron),
    ]
    for side in (-1, 1):
        for y in (-0.25, 0.25):
            parts.append(box("legs", (0.09, 0.09, 0.82), (side * (width / 2 - 0.06), y, 0.41), wood))
    for i in range(4):
        x = (i - 1.5) * width / 5
        parts.append(box(f"tool{i}", (0.035, 0.03, 0.24), (x, -0.27, 1.14), p.plastic()))
        parts.append(box(f"tool{i}", (0.11, 0.03, 0.05), (x, -0.27, 1.27), iron))
    tops = (
        Surface((-0.15, 0.0, 0.9), (width - 0.6, 0.5), 0.5),
        Surface((0, 0, 0.215), (width - 0.4, 0.4), 0.5),
    )
    return standing(parts, *tops)
