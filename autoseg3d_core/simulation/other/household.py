"""Furniture that homes of other times and places have."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.simulation.endless.bars import bar, bent_bar
from autoseg3d_core.simulation.other.basics import ACROSS, FORWARD, standing
from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import (
    Surface,
    Thing,
    Triple,
    box,
    cone,
    cushion,
    cylinder,
    ellipsoid,
    solid,
)
from autoseg3d_core.simulation.solids import Lathed, Sheet


def piano(p: Palette) -> Thing:
    """Return an upright piano with its pedals and music rest."""
    skin, width = p.board(), p.rng.uniform(1.35, 1.5)
    parts = [
        box("case", (width, 0.3, 1.2), (0, -0.15, 0.6), skin),
        box("case", (width, 0.32, 0.12), (0, 0.14, 0.66), skin),
        box("keys", (width - 0.12, 0.15, 0.02), (0, 0.2, 0.728), p.white()),
        box("rest", (0.6, 0.015, 0.22), (0, 0.015, 0.9), skin, (-0.15, 0, 0)),
    ]
    for side in (-1, 1):
        parts.append(box("case", (0.05, 0.3, 0.6), (side * (width / 2 - 0.025), 0.14, 0.3), skin))
        parts.append(box("pedals", (0.03, 0.08, 0.015), (side * 0.06, 0.03, 0.05), p.metals[0]))
    return standing(parts, Surface((0, -0.15, 1.2), (width * 0.9, 0.25), 0.5))


def bunk_bed(p: Palette) -> Thing:
    """Return two beds above each other with a ladder."""
    skin, cloth, length = p.board(), p.fabric(), p.rng.uniform(1.9, 2.05)
    parts = []
    for i, (x, y) in enumerate(((-1, -1), (1, -1), (-1, 1), (1, 1))):
        at = (x * (length / 2 - 0.03), y * 0.43, 0.8)
        parts.append(box(f"post{i}", (0.06, 0.06, 1.6), at, skin))
    for i, z in enumerate((0.3, 1.2)):
        parts.append(box(f"frame{i}", (length, 0.9, 0.1), (0, 0, z), skin))
        parts.append(cushion(f"mattress{i}", (length - 0.14, 0.84, 0.16), (0, 0, z + 0.12), cloth))
        parts.append(cushion(f"pillow{i}", (0.34, 0.6, 0.1), (-length / 2 + 0.3, 0, z + 0.24), p.white()))
    parts.append(box("guard", (length, 0.02, 0.1), (0, 0.44, 1.45), skin))
    for side in (-1, 1):
        parts.append(bar("ladder", (0.6 + side * 0.18, 0.6, 0), (0.6 + side * 0.18, 0.46, 1.5), 0.035, skin))
    for z in np.arange(0.25, 1.3, 0.25).tolist():
        y = 0.6 - 0.14 * z / 1.5
        parts.append(bar("ladder", (0.42, y, z), (0.78, y, z), 0.03, skin))
    return standing(parts)


def tall_clock(p: Palette) -> Thing:
    """Return a clock as tall as a person."""
    wood = p.wood()
    parts = [
        box("base", (0.5, 0.3, 0.4), (0, 0, 0.2), wood),
        box("trunk", (0.34, 0.24, 1.0), (0, 0, 0.9), wood),
        box("head", (0.48, 0.28, 0.45), (0, 0, 1.62), wood),
        cylinder("face", 0.34, 0.02, (0, 0.145, 1.62), p.white(), FORWARD),
        box("door", (0.24, 0.02, 0.8), (0, 0.125, 0.9), p.wood()),
        cone("crown", (0.44, 0.26, 0.14), (0, 0, 1.91), wood),
    ]
    return standing(parts)


def fish_tank(p: Palette) -> Thing:
    """Return a tank on a stand."""
    dark, width = p.metals[1], p.rng.uniform(0.7, 1.1)
    parts = [
        box("stand", (width, 0.4, 0.7), (0, 0, 0.35), p.board()),
        box("water", (width - 0.02, 0.38, 0.4), (0, 0, 0.9), p.printed("patina", 4)),
        box("lid", (width, 0.4, 0.06), (0, 0, 1.13), dark),
    ]
    return standing(parts, Surface((0, 0, 1.16), (width * 0.8, 0.3), 0.4))


def bar_cart(p: Palette) -> Thing:
    """Return a cart with two trays on wheels."""
    metal, tray = p.metal(), p.board()
    parts = []
    for x in (-0.38, 0.38):
        for y in (-0.2, 0.2):
            parts.append(bar("frame", (x, y, 0.1), (x, y, 0.9), 0.025, metal))
            parts.append(cylinder("wheels", 0.11, 0.03, (x, y, 0.055), p.metals[1], ACROSS))
        parts.append(bar("frame", (x, -0.2, 0.9), (x, 0.2, 0.9), 0.025, metal))
    parts += [box("trays", (0.78, 0.42, 0.02), (0, 0, z), tray) for z in (0.25, 0.8)]
    tops = [Surface((0, 0, z + 0.01), (0.68, 0.34), 0.45) for z in (0.25, 0.8)]
    return standing(parts, *tops, is_movable=True)


def rocking_chair(p: Palette) -> Thing:
    """Return a chair on two bent runners."""
    wood = p.wood()
    parts = [
        box("seat", (0.5, 0.48, 0.04), (0, 0, 0.42), wood),
        cushion("pad", (0.46, 0.44, 0.06), (0, 0, 0.46), p.fabric()),
    ]
    for side in (-1, 1):
        x = side * 0.23
        curve: list[Triple] = [(x, -0.5, 0.12), (x, -0.2, 0.03), (x, 0.2, 0.03), (x, 0.45, 0.1)]
        parts.append(bent_bar("runner", curve, 0.035, wood, 0.2))
        for y in (-0.18, 0.18):
            parts.append(bar("legs", (x, y, 0.03), (x, y, 0.43), 0.03, wood))
        parts.append(bar("arms", (x, -0.24, 0.66), (x, 0.24, 0.64), 0.04, wood))
        parts.append(bar("arms", (x, 0.2, 0.42), (x, 0.2, 0.65), 0.03, wood))
    for x in np.linspace(-0.22, 0.22, 6).tolist():
        parts.append(bar("back", (x, -0.22, 0.42), (x, -0.36, 1.05), 0.025, wood))
    parts.append(bar("back", (-0.25, -0.36, 1.05), (0.25, -0.36, 1.05), 0.05, wood))
    return standing(parts, is_movable=True)


def fireplace(p: Palette) -> Thing:
    """Return a fireplace with its mantel, opening and hearth."""
    stone, width = p.paint(), p.rng.uniform(1.1, 1.4)
    pillar = width * 0.2
    parts = [
        box("mantel", (width + 0.16, 0.34, 0.06), (0, 0.0, 1.13), p.board()),
        box("stone", (width, 0.28, 0.35), (0, -0.03, 0.925), stone),
        box("back", (width - 2 * pillar, 0.04, 0.75), (0, -0.15, 0.375), p.metals[1]),
        box("hearth", (width + 0.1, 0.5, 0.05), (0, 0.08, 0.025), p.paint()),
    ]
    for side in (-1, 1):
        x = side * (width - pillar) / 2
        parts.append(box("stone", (pillar, 0.28, 0.75), (x, -0.03, 0.375), stone))
    for i in range(3):
        parts.append(cylinder(f"log{i}", 0.09, 0.4, (0, -0.04 + 0.09 * i, 0.094), p.wood(), ACROSS))
    return standing(parts, Surface((0, 0, 1.16), (width, 0.28), 0.5))


def wood_stove(p: Palette) -> Thing:
    """Return an iron stove with its bent pipe."""
    iron, tall = p.metals[1], p.rng.uniform(0.5, 0.8)
    barrel = Lathed(((0.2, 0), (0.26, 0.05), (0.26, tall - 0.05), (0.22, tall)), 20)
    pipe: list[Triple] = [(0, -0.02, tall + 0.1), (0, -0.02, 1.9), (0, -0.3, 1.9)]
    parts = [
        solid("body", barrel, (0, 0, 0.14), iron),
        bent_bar("pipe", pipe, 0.13, iron, 0.12),
        box("door", (0.26, 0.04, 0.22), (0, 0.25, 0.14 + tall / 2), p.metals[0]),
        bar("handle", (0.09, 0.26, 0.1 + tall / 2), (0.09, 0.31, 0.18 + tall / 2), 0.02, p.metals[2]),
    ]
    for turn in (np.arange(3) * 2 * np.pi / 3 + np.pi / 6).tolist():
        x, y = float(np.cos(turn)), float(np.sin(turn))
        parts.append(bar("feet", (0.24 * x, 0.24 * y, 0), (0.18 * x, 0.18 * y, 0.17), 0.03, iron))
    return standing(parts)


def tiered_stand(p: Palette) -> Thing:
    """Return round boards of falling size around one pole."""
    wood, widest = p.wood(), p.rng.uniform(0.55, 0.8)
    heights, parts, tops = (0.12, 0.5, 0.88, 1.2), [], []
    for i, z in enumerate(heights):
        across = widest * (1 - 0.2 * i)
        parts.append(cylinder(f"tier{i}", across, 0.025, (0, 0, z), wood))
        tops.append(Surface((0, 0, z + 0.0125), (across * 0.66, across * 0.66), 0.3))
    parts.append(cylinder("pole", 0.05, 1.3, (0, 0, 0.65), p.metals[0]))
    for turn in (np.arange(3) * 2 * np.pi / 3).tolist():
        x, y = widest / 2 * float(np.cos(turn)), widest / 2 * float(np.sin(turn))
        parts.append(bar("feet", (x, y, 0.0), (0.6 * x, 0.6 * y, 0.13), 0.04, wood))
    return standing(parts, *tops)


def folding_screen(p: Palette) -> Thing:
    """Return panels that stand in a zigzag."""
    wood, cloth = p.wood(), p.fabric()
    count, wide, tall = int(p.rng.integers(3, 5)), 0.42, p.rng.uniform(1.5, 1.75)
    turn, parts = 0.5, []
    step = wide * np.cos(turn)
    for i in range(count):
        x, side = (i - (count - 1) / 2) * step, 1 if i % 2 else -1
        at = (float(x), 0.0, tall / 2)
        parts.append(box(f"panel{i}", (wide - 0.06, 0.015, tall - 0.16), at, cloth, (0, 0, side * turn)))
        for z in (0.07, tall - 0.06):
            rail = (wide, 0.03, 0.07)
            parts.append(box(f"rim{i}", rail, (float(x), 0.0, z), wood, (0, 0, side * turn)))
    for i in range(count + 1):
        x, side = (i - count / 2) * step, 1 if i % 2 else -1
        y = -side * wide / 2 * float(np.sin(turn))
        parts.append(cylinder(f"post{i}", 0.04, tall, (float(x), y, tall / 2), wood))
    return standing(parts)


def chaise(p: Palette) -> Thing:
    """Return a long chair of one bent sheet on two arches."""
    cloth, metal = p.fabric(), p.metal()
    line = ((0.85, 0.42), (0.35, 0.28), (0.0, 0.46), (-0.3, 0.36), (-0.85, 0.92))
    parts = [
        solid("shell", Sheet(line, 0.07, 0.56), (0, 0, 0), cloth),
        cylinder("roll", 0.16, 0.5, (0, -0.77, 0.9), p.fabric(), ACROSS),
    ]
    for side in (-1, 1):
        x = side * 0.2
        arch: list[Triple] = [(x, 0.6, 0.02), (x, 0.25, 0.3), (x, -0.25, 0.36), (x, -0.55, 0.02)]
        parts.append(bent_bar("arch", arch, 0.035, metal, 0.15))
        parts.append(bar("arch", (x, -0.6, 0.02), (x, 0.65, 0.02), 0.035, metal))
    return standing(parts, is_movable=True)


def hanging_chair(p: Palette) -> Thing:
    """Return an egg of cloth that hangs from a bow with a round foot."""
    metal, cloth = p.metal(), p.fabric()
    egg = Lathed(
        ((0.05, 0), (0.34, 0.12), (0.42, 0.4), (0.38, 0.46), (0.36, 0.4), (0.28, 0.16), (0.04, 0.08))
    )
    bow: list[Triple] = [(0, -0.5, 0.03), (0, -0.62, 0.9), (0, -0.5, 1.7), (0, -0.1, 1.86), (0, 0.05, 1.75)]
    parts = [
        cylinder("foot", 0.9, 0.04, (0, -0.2, 0.02), metal),
        bent_bar("bow", bow, 0.06, metal, 0.3),
        solid("egg", egg, (0, 0.05, 0.35), p.wood()),
        cushion("pad", (0.5, 0.5, 0.14), (0, 0.05, 0.5), cloth),
        bar("rope", (0, 0.05, 1.2), (0, 0.05, 1.77), 0.02, metal),
    ]
    for x in (-0.39, 0.39):
        parts.append(bar("rope", (x, 0.05, 0.78), (0, 0.05, 1.22), 0.02, metal))
    parts += [ellipsoid("knot", (0.06, 0.06, 0.06), (0, 0.05, 1.2), metal)]
    return standing(parts)
