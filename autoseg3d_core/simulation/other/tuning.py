"""Kinds for tuning: none of them stands in the rooms that are scored."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.simulation.endless.bars import bar, bent_bar
from autoseg3d_core.simulation.other.basics import ACROSS, FORWARD, hung, standing
from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import (
    Material,
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
from autoseg3d_core.simulation.solids import Extruded, Lathed, Sheet


def shoe_rack(p: Palette) -> Thing:
    """Return a low rack of slanted slats."""
    wood = p.wood()
    parts = [box("sides", (0.03, 0.3, 0.5), (side * 0.38, 0, 0.25), wood) for side in (-1, 1)]
    for z in (0.12, 0.36):
        parts += [box("slats", (0.76, 0.04, 0.015), (0, y, z + y * 0.2), wood) for y in (-0.1, 0.0, 0.1)]
    return standing(parts)


def wheelbarrow(p: Palette) -> Thing:
    """Return a wheelbarrow."""
    metal, skin = p.metals[1], p.plastic()
    parts = [
        cone("tray", (0.6, 0.8, 0.28), (0, 0, 0.46), skin, (np.pi, 0, 0)),
        cylinder("wheel", 0.36, 0.09, (0, 0.55, 0.18), metal, ACROSS),
    ]
    for side in (-1, 1):
        parts.append(bar("frame", (side * 0.05, 0.55, 0.18), (side * 0.28, -0.8, 0.5), 0.035, metal))
        parts.append(bar("legs", (side * 0.22, -0.3, 0), (side * 0.2, -0.25, 0.42), 0.03, metal))
    return standing(parts, is_movable=True)


def guitar(p: Palette) -> Thing:
    """Return a guitar that stands in its holder."""
    wood, dark = p.wood(), p.metals[1]
    parts = [
        ellipsoid("body", (0.4, 0.1, 0.42), (0, 0, 0.3), wood),
        ellipsoid("body", (0.3, 0.1, 0.3), (0, 0, 0.55), wood),
        box("neck", (0.055, 0.03, 0.5), (0, 0.02, 0.9), dark),
        box("head", (0.08, 0.03, 0.15), (0, 0.02, 1.2), wood),
        box("holder", (0.3, 0.3, 0.03), (0, 0, 0.015), dark),
        box("holder", (0.05, 0.05, 0.12), (0, 0, 0.07), dark),
    ]
    return standing(parts, is_movable=True)


def barrel(p: Palette) -> Thing:
    """Return a barrel with hoops."""
    tall = p.rng.uniform(0.7, 0.95)
    staves = Lathed(((0.24, 0), (0.3, tall * 0.3), (0.31, tall / 2), (0.3, tall * 0.7), (0.24, tall)))
    parts = [solid("staves", staves, (0, 0, 0), p.wood())]
    for share, across in ((0.12, 0.55), (0.35, 0.625), (0.65, 0.625), (0.88, 0.55)):
        parts.append(cylinder("hoops", across, 0.03, (0, 0, share * tall), p.metals[0]))
    return standing(parts, Surface((0, 0, tall), (0.3, 0.3), 0.5))


def cable_drum(p: Palette) -> Thing:
    """Return a cable drum that serves as a table."""
    wood, across, tall = p.wood(), p.rng.uniform(0.8, 1.1), p.rng.uniform(0.55, 0.75)
    parts = [cylinder("discs", across, 0.05, (0, 0, z), wood) for z in (0.025, tall - 0.025)]
    for turn in (np.arange(10) * np.pi / 5).tolist():
        x, y = float(across * 0.22 * np.cos(turn)), float(across * 0.22 * np.sin(turn))
        parts.append(box("core", (0.03, across * 0.13, tall), (x, y, tall / 2), wood, (0, 0, turn)))
    return standing(parts, Surface((0, 0, tall), (across * 0.62, across * 0.62), 0.6))


def kennel(p: Palette) -> Thing:
    """Return a kennel with its roof and opening."""
    wood, roof = p.wood(), p.board()
    gable = ((-0.32, 0.0), (0.32, 0.0), (0.32, 0.42), (0.0, 0.68), (-0.32, 0.42))
    parts = [
        solid("hut", Extruded(gable, 0.7), (0, -0.35, 0), wood, (np.pi / 2, 0.0, np.pi)),
        box("opening", (0.26, 0.02, 0.34), (0, 0.355, 0.19), p.metals[1]),
    ]
    for side in (-1, 1):
        parts.append(box("roof", (0.5, 0.82, 0.03), (side * 0.19, 0, 0.545), roof, (0, side * 0.68, 0)))
    return standing(parts)


def punching_bag(p: Palette) -> Thing:
    """Return a punching bag on its gallows."""
    iron, skin = p.metals[1], p.fabric()
    post: list[Triple] = [(0, -0.45, 0.03), (0, -0.45, 1.85), (0, 0.0, 1.85)]
    parts = [
        box("base", (0.7, 0.9, 0.05), (0, -0.15, 0.025), iron),
        bent_bar("post", post, 0.07, iron, 0.1),
        bar("chain", (0, 0, 1.85), (0, 0, 1.5), 0.02, p.metals[0]),
        cylinder("bag", 0.34, 1.0, (0, 0, 1.02), skin),
    ]
    return standing(parts)


def water_dispenser(p: Palette) -> Thing:
    """Return a water dispenser with its bottle."""
    skin = p.white()
    bottle = Lathed(((0.04, 0), (0.13, 0.08), (0.14, 0.34), (0.1, 0.4)))
    parts = [
        box("body", (0.32, 0.32, 0.95), (0, 0, 0.475), skin),
        solid("bottle", bottle, (0, 0, 0.94), p.printed("scales", 3)),
        box("niche", (0.24, 0.02, 0.2), (0, 0.165, 0.72), p.metals[1]),
    ]
    parts += [cylinder(f"tap{s}", 0.03, 0.05, (s * 0.06, 0.185, 0.8), p.plastic(), FORWARD) for s in (-1, 1)]
    return standing(parts)


def deck_chair(p: Palette) -> Thing:
    """Return a folding chair of two frames with a hanging cloth."""
    wood = p.wood()
    parts = [
        solid(
            "cloth",
            Sheet(((0.42, 0.4), (0.1, 0.26), (-0.25, 0.42), (-0.55, 0.9)), 0.012, 0.44),
            (0, 0, 0),
            p.fabric(),
        )
    ]
    for side in (-1, 1):
        x = side * 0.24
        parts.append(bar("outer", (x, 0.5, 0.0), (x, -0.57, 0.92), 0.035, wood, "square"))
        parts.append(bar("inner", (x * 0.99, -0.45, 0.0), (x * 0.99, 0.44, 0.42), 0.035, wood, "square"))
    parts.append(bar("outer", (-0.25, -0.55, 0.9), (0.25, -0.55, 0.9), 0.035, wood, "square"))
    parts.append(bar("inner", (-0.25, 0.43, 0.41), (0.25, 0.43, 0.41), 0.035, wood, "square"))
    return standing(parts, is_movable=True)


def lectern(p: Palette) -> Thing:
    """Return a lectern with an open book."""
    wood = p.wood()
    parts = [
        box("foot", (0.5, 0.4, 0.05), (0, 0, 0.025), wood),
        box("post", (0.12, 0.12, 1.0), (0, 0, 0.54), wood),
        box("desk", (0.55, 0.4, 0.03), (0, 0, 1.07), wood, (-0.4, 0, 0)),
        box("ledge", (0.55, 0.03, 0.06), (0, 0.18, 1.02), wood),
    ]
    for side in (-1, 1):
        parts.append(box("book", (0.17, 0.24, 0.03), (side * 0.085, 0.01, 1.1), p.white(), (-0.4, 0, 0)))
    return standing(parts)


def camera(p: Palette) -> Thing:
    """Return a camera for photographs."""
    dark = p.metals[1]
    parts = [
        box("body", (0.14, 0.06, 0.09), (0, 0, 0.045), dark),
        cylinder("lens", 0.07, 0.07, (0, 0.06, 0.045), dark, FORWARD),
        box("finder", (0.05, 0.05, 0.03), (0, 0, 0.1), dark),
    ]
    return standing(parts, is_movable=True)


def trophy(p: Palette) -> Thing:
    """Return a cup with two ears on a block."""
    metal = p.metals[0]
    cup = Lathed(
        ((0.03, 0), (0.015, 0.03), (0.02, 0.06), (0.07, 0.1), (0.08, 0.19), (0.07, 0.19), (0.02, 0.09))
    )
    parts = [box("block", (0.1, 0.1, 0.06), (0, 0, 0.03), p.wood()), solid("cup", cup, (0, 0, 0.058), metal)]
    for side in (-1, 1):
        ear: list[Triple] = [(side * 0.07, 0, 0.22), (side * 0.13, 0, 0.22), (side * 0.06, 0, 0.155)]
        parts.append(bent_bar("ears", ear, 0.012, metal, 0.03))
    return standing(parts, is_movable=True)


def dumbbell(p: Palette) -> Thing:
    """Return a dumbbell."""
    iron, radius = p.metals[1], float(p.rng.uniform(0.05, 0.09))
    parts = [cylinder("grip", 0.03, 0.26, (0, 0, radius), p.metals[0], ACROSS)]
    for side in (-1, 1):
        prism = Lathed(((radius, 0), (radius, 0.07)), 6)
        at = (side * 0.1 - 0.035, 0, radius)
        parts.append(solid("weights", prism, at, iron, ACROSS))
    return standing(parts, is_movable=True)


def radio(p: Palette) -> Thing:
    """Return a radio with an aerial and a carrying bow."""
    skin, dark = p.board(), p.metals[1]
    grip: list[Triple] = [(-0.12, 0, 0.15), (-0.12, 0, 0.2), (0.12, 0, 0.2), (0.12, 0, 0.15)]
    parts = [
        box("case", (0.28, 0.09, 0.16), (0, 0, 0.08), skin),
        cylinder("speaker", 0.12, 0.012, (-0.06, 0.048, 0.08), dark, FORWARD),
        cylinder("dial", 0.05, 0.025, (0.08, 0.052, 0.1), p.white(), FORWARD),
        bent_bar("grip", grip, 0.012, dark, 0.02),
        bar("aerial", (0.12, -0.03, 0.15), (0.2, -0.03, 0.42), 0.008, p.metals[0]),
    ]
    return standing(parts, is_movable=True)


def rubber_duck(p: Palette) -> Thing:
    """Return a duck."""
    skin = p.plastic()
    parts = [
        ellipsoid("body", (0.12, 0.17, 0.1), (0, 0, 0.05), skin),
        ellipsoid("head", (0.08, 0.08, 0.08), (0, 0.05, 0.12), skin),
        ellipsoid("beak", (0.04, 0.06, 0.02), (0, 0.1, 0.115), p.plastic()),
    ]
    return standing(parts, is_movable=True)


def lantern(p: Palette) -> Thing:
    """Return a lantern with a bow."""
    metal = p.metals[1]
    bow: list[Triple] = [(-0.06, 0, 0.22), (-0.06, 0, 0.32), (0.06, 0, 0.32), (0.06, 0, 0.22)]
    parts = [
        cylinder("foot", 0.15, 0.03, (0, 0, 0.015), metal),
        cylinder("light", 0.1, 0.17, (0, 0, 0.112), Material((1.0, 0.85, 0.5), "", 0.0, 0.4)),
        cone("hat", (0.16, 0.16, 0.06), (0, 0, 0.222), metal),
        bent_bar("bow", bow, 0.01, metal, 0.05),
    ]
    for turn in (np.arange(4) * np.pi / 2).tolist():
        x, y = float(0.062 * np.cos(turn)), float(0.062 * np.sin(turn))
        parts.append(bar("cage", (x, y, 0.02), (x, y, 0.21), 0.01, metal))
    return standing(parts, is_movable=True)


def wreath(p: Palette) -> Thing:
    """Return a ring of balls with a bow at its foot."""
    leaf, ball = p.fabric(), p.plastic()
    parts = []
    for i, turn in enumerate((np.arange(14) * np.pi / 7).tolist()):
        at = (float(0.2 * np.cos(turn)), 0.05, float(0.2 * np.sin(turn)))
        parts.append(ellipsoid(f"ball{i}", (0.11, 0.1, 0.11), at, ball if i % 4 == 0 else leaf))
    parts.append(box("ribbon", (0.18, 0.03, 0.07), (0, 0.1, -0.2), p.fabric()))
    return hung(parts)


def wall_phone(p: Palette) -> Thing:
    """Return a telephone with its receiver and cord."""
    skin = p.plastic()
    cord: list[Triple] = [(-0.09, 0.09, -0.02), (-0.09, 0.08, -0.25), (0.02, 0.05, -0.3), (0.04, 0.04, -0.02)]
    parts = [
        box("case", (0.18, 0.08, 0.24), (0.02, 0.04, 0.1), skin),
        box("keys", (0.1, 0.012, 0.12), (0.05, 0.084, 0.08), p.white()),
        box("receiver", (0.05, 0.05, 0.24), (-0.09, 0.1, 0.1), skin),
        bent_bar("cord", cord, 0.012, p.metals[1], 0.08),
    ]
    return hung(parts)


def oar(p: Palette) -> Thing:
    """Return an oar on two hooks."""
    wood = p.wood()
    parts = [
        bar("shaft", (-0.8, 0.06, 0), (0.6, 0.06, 0), 0.04, wood),
        box("blade", (0.4, 0.02, 0.15), (0.75, 0.06, 0), p.paint()),
    ]
    parts += [bar("hooks", (x, 0, -0.03), (x, 0.09, -0.015), 0.03, p.metals[1]) for x in (-0.5, 0.3)]
    return hung(parts)


def paper_lamp(p: Palette) -> Thing:
    """Return a lamp of three balls on a cord; its origin is where it is fixed."""
    glow = Material((0.98, 0.94, 0.86), "", 0.0, 0.4)
    parts = [bar("cord", (0, 0, -0.002), (0, 0, -0.75), 0.012, p.metals[1])]
    for i, (x, z) in enumerate(((0.0, -0.6), (0.09, -0.42), (-0.09, -0.4))):
        parts.append(ellipsoid(f"ball{i}", (0.2, 0.2, 0.2), (x, 0, z), glow))
    return hung(parts)


def camp_bed(p: Palette) -> Thing:
    """Return a cloth between two bars on crossed legs."""
    metal, long = p.metal(), float(p.rng.uniform(1.7, 1.95))
    parts = [box("cloth", (0.64, long, 0.02), (0, 0, 0.4), p.fabric())]
    parts.append(cushion("bag", (0.5, 0.3, 0.16), (0, -long / 2 + 0.22, 0.48), p.fabric()))
    for side in (-1, 1):
        parts.append(bar("bars", (side * 0.33, -long / 2, 0.4), (side * 0.33, long / 2, 0.4), 0.035, metal))
        for y in (-0.4, 0.0, 0.4):
            parts.append(bar("legs", (side * 0.33, y * long, 0), (-side * 0.33, y * long, 0.4), 0.025, metal))
    return standing(parts)
