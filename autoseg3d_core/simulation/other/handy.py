"""Small things to be picked up."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.simulation.endless.bars import bar, bent_bar
from autoseg3d_core.simulation.other.basics import ACROSS, FORWARD, standing
from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import Thing, Triple, box, cone, cushion, cylinder, ellipsoid, solid
from autoseg3d_core.simulation.solids import Extruded, Lathed


def teapot(p: Palette) -> Thing:
    """Return a teapot."""
    skin = p.plastic() if p.rng.random() < 0.5 else p.white()
    body = Lathed(((0.05, 0), (0.09, 0.03), (0.1, 0.07), (0.08, 0.12), (0.04, 0.14)))
    bow: list[Triple] = [(-0.075, 0, 0.12), (-0.15, 0, 0.11), (-0.15, 0, 0.05), (-0.085, 0, 0.035)]
    parts = [
        solid("body", body, (0, 0, 0), skin),
        ellipsoid("lid", (0.05, 0.05, 0.04), (0, 0, 0.145), skin),
        bent_bar("handle", bow, 0.014, skin, 0.04),
        bar("spout", (0.16, 0, 0.13), (0.08, 0, 0.05), 0.03, skin, "round", 0.5),
    ]
    return standing(parts, is_movable=True)


def toolbox(p: Palette) -> Thing:
    """Return a toolbox with a handle."""
    skin = p.plastic()
    path: list[Triple] = [(-0.1, 0, 0.16), (-0.1, 0, 0.22), (0.1, 0, 0.22), (0.1, 0, 0.16)]
    parts = [
        box("body", (0.4, 0.2, 0.12), (0, 0, 0.06), skin),
        box("lid", (0.41, 0.21, 0.05), (0, 0, 0.14), p.metals[1]),
        bent_bar("handle", path, 0.02, p.metals[1], 0.03),
    ]
    return standing(parts, is_movable=True)


def helmet(p: Palette) -> Thing:
    """Return a helmet that lies on its rim."""
    dome = Lathed(((0.13, 0), (0.13, 0.06), (0.11, 0.12), (0.07, 0.16), (0.01, 0.175)))
    parts = [
        solid("shell", dome, (0, 0, 0), p.plastic()),
        box("visor", (0.2, 0.1, 0.012), (0, 0.14, 0.02), p.metals[1]),
    ]
    return standing(parts, is_movable=True)


def toy_car(p: Palette) -> Thing:
    """Return a toy car."""
    skin = p.plastic()
    parts = [
        box("body", (0.1, 0.22, 0.05), (0, 0, 0.05), skin),
        cushion("cabin", (0.09, 0.12, 0.06), (0, -0.01, 0.095), skin),
    ]
    wheels = [(x, y, 0.025) for x in (-0.05, 0.05) for y in (-0.07, 0.07)]
    parts += [cylinder("wheels", 0.05, 0.02, at, p.metals[1], ACROSS) for at in wheels]
    return standing(parts, is_movable=True)


def globe(p: Palette) -> Thing:
    """Return a globe in its bow."""
    across, metal = p.rng.uniform(0.18, 0.28), p.metals[0]
    middle = 0.08 + across / 2
    turn = np.linspace(-1.2, 1.2, 7)
    radius = across / 2 + 0.012
    bow = [(0.0, float(-radius * np.cos(t)), float(middle + radius * np.sin(t))) for t in turn]
    ends: list[Triple] = [
        (0.0, 0.0, middle - across / 2 + 0.006),
        *bow,
        (0.0, 0.0, middle + across / 2 - 0.006),
    ]
    parts = [
        ellipsoid("ball", (across,) * 3, (0, 0, middle), p.printed("patina", 4)),
        bent_bar("bow", ends, 0.014, metal, 0.02),
        cone("foot", (0.15, 0.15, 0.086), (0, 0, 0.043), p.wood()),
    ]
    return standing(parts, is_movable=True)


def candlestick(p: Palette) -> Thing:
    """Return a candlestick with three arms."""
    metal, wax = p.metals[0], p.white()
    parts = [cone("foot", (0.13, 0.13, 0.03), (0, 0, 0.015), metal)]
    parts.append(bar("stem", (0, 0, 0.02), (0, 0, 0.24), 0.02, metal))
    for side in (-1, 1):
        bow: list[Triple] = [(0, 0, 0.13), (side * 0.11, 0, 0.13), (side * 0.11, 0, 0.21)]
        parts.append(bent_bar("stem", bow, 0.015, metal, 0.05))
    for i, (x, z) in enumerate(((-0.11, 0.21), (0.0, 0.24), (0.11, 0.21))):
        parts.append(cylinder("cups", 0.05, 0.015, (x, 0, z), metal))
        parts.append(cylinder(f"candle{i}", 0.025, 0.12, (x, 0, z + 0.06), wax))
    return standing(parts, is_movable=True)


def watering_can(p: Palette) -> Thing:
    """Return a watering can with a long spout."""
    skin = p.plastic()
    grip: list[Triple] = [(-0.08, 0, 0.19), (-0.06, 0, 0.27), (0.04, 0, 0.27), (0.06, 0, 0.19)]
    parts = [
        cylinder("body", 0.2, 0.2, (0, 0, 0.1), skin),
        bent_bar("handle", grip, 0.016, skin, 0.04),
        bar("spout", (0.09, 0, 0.05), (0.28, 0, 0.26), 0.025, skin),
        cone("rose", (0.07, 0.07, 0.04), (0.29, 0, 0.27), p.metals[0], (0, np.pi + 0.74, 0)),
    ]
    return standing(parts, is_movable=True)


def desk_fan(p: Palette) -> Thing:
    """Return a fan in its cage."""
    skin, metal = p.plastic(), p.metals[0]
    parts = [
        cylinder("foot", 0.18, 0.03, (0, 0, 0.015), skin),
        bar("stem", (0, 0, 0.02), (0, -0.02, 0.24), 0.025, skin),
        cylinder("motor", 0.09, 0.12, (0, -0.04, 0.25), skin, FORWARD),
        cylinder("cage", 0.3, 0.012, (0, 0.02, 0.25), metal, FORWARD),
        cylinder("hub", 0.07, 0.06, (0, 0.04, 0.25), skin, FORWARD),
    ]
    for turn in (np.arange(4) * np.pi / 2 + 0.4).tolist():
        at = (float(0.08 * np.cos(turn)), 0.045, float(0.25 + 0.08 * np.sin(turn)))
        parts.append(box("blades", (0.13, 0.04, 0.012), at, skin, (0.4, -turn, 0)))
    return standing(parts, is_movable=True)


def typewriter(p: Palette) -> Thing:
    """Return a typewriter with paper in it."""
    skin, dark = p.plastic(), p.metals[1]
    wedge = ((-0.15, 0.0), (0.15, 0.0), (0.15, 0.13), (-0.02, 0.11), (-0.15, 0.05))
    parts = [
        solid("body", Extruded(wedge, 0.34), (0.17, 0, 0), skin, (np.pi / 2, 0, -np.pi / 2)),
        cylinder("roller", 0.05, 0.42, (0, -0.08, 0.14), dark, ACROSS),
        box("paper", (0.21, 0.006, 0.2), (0, -0.085, 0.23), p.white(), (0.15, 0, 0)),
    ]
    for row in range(3):
        at = (0.0, 0.06 + 0.03 * row, 0.092 - 0.014 * row)
        parts.append(box("keys", (0.26 - 0.02 * row, 0.02, 0.03), at, dark))
    return standing(parts, is_movable=True)


def tankard(p: Palette) -> Thing:
    """Return a tall mug of wood or metal with hoops and a lid."""
    skin, hoop = p.board(), p.metals[0]
    grip: list[Triple] = [(0.05, 0, 0.15), (0.12, 0, 0.15), (0.12, 0, 0.05), (0.055, 0, 0.05)]
    parts = [
        cone("body", (0.13, 0.13, 0.18), (0, 0, 0.09), skin),
        bent_bar("handle", grip, 0.02, skin, 0.03),
        cylinder("lid", 0.1, 0.015, (0, 0, 0.185), hoop),
    ]
    parts += [cylinder("hoops", w, 0.015, (0, 0, z), hoop) for w, z in ((0.128, 0.03), (0.105, 0.14))]
    return standing(parts, is_movable=True)


def headphones(p: Palette) -> Thing:
    """Return headphones on their stand."""
    dark, skin = p.plastic(), p.metals[0]
    band = [(float(0.08 * np.cos(t)), 0.0, float(0.2 + 0.08 * np.sin(t))) for t in np.linspace(-0.4, 3.54, 9)]
    parts = [
        cylinder("foot", 0.12, 0.015, (0, 0, 0.0075), skin),
        bar("stem", (0, 0, 0.01), (0, 0, 0.285), 0.018, skin),
        bent_bar("band", band, 0.02, dark, 0.02),
    ]
    parts += [cylinder(f"cup{s}", 0.08, 0.04, (s * 0.068, 0, 0.165), dark, ACROSS) for s in (-1, 1)]
    return standing(parts, is_movable=True)


def binoculars(p: Palette) -> Thing:
    """Return binoculars that lie."""
    dark = p.metals[1]
    parts = [box("bridge", (0.08, 0.05, 0.02), (0, -0.02, 0.03), dark)]
    for side in (-1, 1):
        parts.append(cone(f"tube{side}", (0.06, 0.06, 0.14), (side * 0.04, 0, 0.03), dark, (np.pi / 2, 0, 0)))
        parts.append(cylinder(f"eye{side}", 0.035, 0.03, (side * 0.04, -0.08, 0.03), p.metals[0], FORWARD))
    return standing(parts, is_movable=True)


def hourglass(p: Palette) -> Thing:
    """Return an hourglass in its frame."""
    wood, tall = p.wood(), p.rng.uniform(0.16, 0.3)
    waist = ((0.045, 0), (0.05, tall * 0.2), (0.008, tall * 0.5), (0.05, tall * 0.8), (0.045, tall))
    parts = [solid("glass", Lathed(waist), (0, 0, 0.01), p.printed("patina", 4))]
    parts += [cylinder("frame", 0.14, 0.02, (0, 0, z), wood) for z in (0.005, tall + 0.012)]
    for turn in (np.arange(3) * 2 * np.pi / 3).tolist():
        x, y = float(0.06 * np.cos(turn)), float(0.06 * np.sin(turn))
        parts.append(bar("frame", (x, y, 0), (x, y, tall + 0.01), 0.012, wood))
    return standing(parts, is_movable=True)


def loaf(p: Palette) -> Thing:
    """Return bread on a board, with a knife."""
    crust = p.wood()
    parts = [
        box("board", (0.34, 0.2, 0.018), (0, 0, 0.009), p.wood()),
        ellipsoid("bread", (0.22, 0.11, 0.1), (-0.03, -0.02, 0.06), crust),
        box("knife", (0.2, 0.025, 0.004), (0.04, 0.075, 0.02), p.metals[0]),
        box("grip", (0.1, 0.025, 0.018), (-0.1, 0.075, 0.026), p.metals[1]),
    ]
    return standing(parts, is_movable=True)


def toy_robot(p: Palette) -> Thing:
    """Return a toy robot."""
    skin, other = p.plastic(), p.metals[0]
    parts = [
        box("body", (0.11, 0.07, 0.12), (0, 0, 0.14), skin),
        box("head", (0.07, 0.06, 0.06), (0, 0, 0.228), other),
        bar("head", (0, 0, 0.26), (0, 0, 0.31), 0.01, other),
        cylinder("dial", 0.05, 0.012, (0, 0.038, 0.15), p.white(), FORWARD),
    ]
    for side in (-1, 1):
        parts.append(box(f"leg{side}", (0.04, 0.05, 0.085), (side * 0.03, 0, 0.0425), other))
        parts.append(box(f"leg{side}", (0.045, 0.085, 0.02), (side * 0.03, 0.01, 0.01), skin))
        parts.append(bar(f"arm{side}", (side * 0.05, 0, 0.18), (side * 0.1, 0.03, 0.1), 0.025, other))
    return standing(parts, is_movable=True)
