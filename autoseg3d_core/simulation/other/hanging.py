"""What hangs on walls and from ceilings, and what fills windows and doorways."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.simulation.endless.bars import bar, bent_bar
from autoseg3d_core.simulation.endless.draft import LABEL
from autoseg3d_core.simulation.furniture_walls import UPRIGHT
from autoseg3d_core.simulation.other.basics import ACROSS, FORWARD, hung
from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import Material, Part, Thing, Triple, box, cylinder, ellipsoid, solid
from autoseg3d_core.simulation.solids import Extruded, Lathed

SHIELD = ((0.0, -0.3), (0.17, -0.12), (0.2, 0.06), (0.2, 0.25), (-0.2, 0.25), (-0.2, 0.06), (-0.17, -0.12))


def cuckoo_clock(p: Palette) -> Thing:
    """Return a clock like a hut, with weights."""
    wood, metal = p.wood(), p.metals[1]
    gable = ((-0.13, 0.0), (0.13, 0.0), (0.13, 0.2), (0.0, 0.34), (-0.13, 0.2))
    parts = [
        solid("hut", Extruded(gable, 0.14), (0, 0, 0), wood, UPRIGHT),
        cylinder("face", 0.16, 0.012, (0, 0.145, 0.12), p.white(), FORWARD),
        box("window", (0.06, 0.012, 0.06), (0, 0.144, 0.25), p.wood()),
    ]
    for side in (-1, 1):
        slope = (0.26, 0.2, 0.02)
        parts.append(box("roof", slope, (side * 0.07, 0.1, 0.272), p.board(), (0, side * 0.82, 0)))
        long = float(p.rng.uniform(0.2, 0.5))
        parts.append(bar("chains", (side * 0.05, 0.08, 0.01), (side * 0.05, 0.08, -long), 0.008, metal))
        parts.append(ellipsoid("weights", (0.05, 0.05, 0.13), (side * 0.05, 0.08, -long), metal))
    return hung(parts)


def sconce(p: Palette) -> Thing:
    """Return a lamp on an arm."""
    metal, glow = p.metals[0], Material((1.0, 0.88, 0.66), "", 0.0, 0.4)
    arm: list[Triple] = [(0, 0.01, 0.05), (0, 0.2, 0.05), (0, 0.2, 0.14)]
    shade = Lathed(((0.04, 0), (0.09, 0.06), (0.1, 0.16), (0.09, 0.16), (0.03, 0.02)))
    parts = [
        solid(
            "plate",
            Extruded(((-0.06, -0.1), (0.06, -0.1), (0.06, 0.1), (-0.06, 0.1)), 0.02),
            (0, 0, 0.05),
            metal,
            UPRIGHT,
        ),
        bent_bar("arm", arm, 0.022, metal, 0.06),
        solid("shade", shade, (0, 0.2, 0.12), glow),
    ]
    return hung(parts)


def dartboard(p: Palette) -> Thing:
    """Return a round board of rings with three darts."""
    parts = [
        cylinder("board", 0.45, 0.035, (0, 0.0175, 0), p.metals[1], FORWARD),
        cylinder("rings", 0.38, 0.01, (0, 0.038, 0), p.printed("plaid", 4), FORWARD),
        cylinder("rings", 0.06, 0.01, (0, 0.044, 0), p.plastic(), FORWARD),
    ]
    for i in range(3):
        x, z = p.rng.uniform(-0.12, 0.12, 2).tolist()
        parts.append(bar(f"dart{i}", (x, 0.04, z), (x, 0.18, z + 0.02), 0.016, p.plastic()))
    return hung(parts)


def extinguisher(p: Palette) -> Thing:
    """Return a fire extinguisher on its bracket."""
    red = Material((0.75, 0.08, 0.07), "", 0.6)
    hose: list[Triple] = [(0, 0.1, 0.5), (0.1, 0.1, 0.48), (0.11, 0.1, 0.3), (0.09, 0.1, 0.15)]
    bottle = Lathed(((0.07, 0), (0.075, 0.02), (0.075, 0.36), (0.03, 0.43), (0.02, 0.48)))
    parts = [
        solid("bottle", bottle, (0, 0.1, 0), red),
        box("bracket", (0.12, 0.04, 0.04), (0, 0.02, 0.2), p.metals[1]),
        box("head", (0.04, 0.1, 0.05), (0, 0.11, 0.49), p.metals[1]),
        bent_bar("hose", hose, 0.02, p.metals[1], 0.05),
        box("label", (0.09, 0.005, 0.12), (0, 0.175, 0.22), p.white()),
    ]
    return hung(parts)


def tapestry(p: Palette) -> Thing:
    """Return a hanging cloth with fringes on a pole."""
    wide, tall = p.rng.uniform(0.6, 1.2), p.rng.uniform(0.7, 1.3)
    parts = [
        Part("cloth", "drape", (wide, 0.05, tall), (0, 0.026, tall / 2), p.fabric()),
        cylinder("pole", 0.03, wide + 0.14, (0, 0.026, tall + 0.012), p.wood(), ACROSS),
    ]
    for x in np.linspace(-0.46, 0.46, 9).tolist():
        parts.append(bar("fringe", (x * wide, 0.026, 0.03), (x * wide, 0.026, -0.07), 0.02, p.metals[0]))
    return hung(parts)


def shield(p: Palette) -> Thing:
    """Return a shield with two crossed staffs behind it."""
    wood = p.wood()
    parts = [
        solid("shield", Extruded(SHIELD, 0.03, 0.9), (0, 0.03, 0), p.printed("plaid", 4), UPRIGHT),
        ellipsoid("boss", (0.12, 0.1, 0.12), (0, 0.06, 0.03), p.metals[0]),
    ]
    for side in (-1, 1):
        parts.append(bar("staffs", (side * 0.32, 0.016, -0.38), (-side * 0.32, 0.016, 0.38), 0.03, wood))
    return hung(parts)


def hat_rack(p: Palette) -> Thing:
    """Return a rack of curved hooks with hats and a scarf."""
    wood = p.wood()
    parts = [box("board", (0.9, 0.025, 0.09), (0, 0.0125, 0), wood)]
    hat = Lathed(((0.15, 0), (0.15, 0.01), (0.085, 0.015), (0.08, 0.1), (0.02, 0.11)))
    for i, x in enumerate((-0.33, -0.11, 0.11, 0.33)):
        hook: list[Triple] = [(x, 0.02, 0), (x, 0.1, -0.02), (x, 0.11, 0.05)]
        parts.append(bent_bar("hooks", hook, 0.014, p.metals[0], 0.03))
        if i in (0, 2):
            parts.append(solid(f"hat{i}", hat, (x, 0.035, -0.02), p.fabric(), FORWARD))
        if i == 3:
            parts.append(Part("scarf", "drape", (0.16, 0.04, 0.6), (x, 0.11, -0.27), p.fabric()))
    return hung(parts)


def chandelier(p: Palette) -> Thing:
    """Return a ring of lights on a chain; its origin is where it is fixed."""
    metal, glow = p.metals[0], Material((1.0, 0.92, 0.75), "", 0.0, 0.5)
    drop, radius = p.rng.uniform(0.35, 0.6), p.rng.uniform(0.22, 0.35)
    parts = [bar("chain", (0, 0, -0.002), (0, 0, -drop), 0.02, metal)]
    for i, turn in enumerate((np.arange(6) * np.pi / 3).tolist()):
        x, y = float(radius * np.cos(turn)), float(radius * np.sin(turn))
        bow: list[Triple] = [(0, 0, -drop), (0.6 * x, 0.6 * y, -drop - 0.1), (x, y, -drop)]
        parts.append(bent_bar("arms", bow, 0.018, metal, 0.1))
        parts.append(cylinder(f"light{i}", 0.035, 0.09, (x, y, -drop + 0.04), glow))
    return hung(parts)


def lattice_window(p: Palette, width: float, height: float) -> Thing:
    """Return a window of many panes with shutters that stand open; y = 0 is the wall's face."""
    frame, bar_m, y = p.wood(), 0.045, -0.05
    sky = Material((1.0, 1.0, 1.0), "sky1", 0.0, p.rng.uniform(0.3, 0.6), is_glass=True)
    parts = [box("pane", (width, height, 0.01), (0, y - 0.02, height / 2), sky, UPRIGHT)]
    for x in np.linspace(-(width - bar_m) / 2, (width - bar_m) / 2, max(3, round(width / 0.3))).tolist():
        parts.append(box("frame", (bar_m, 0.05, height), (x, y, height / 2), frame))
    for z in np.linspace(bar_m / 2, height - bar_m / 2, max(3, round(height / 0.3))).tolist():
        parts.append(box("frame", (width, 0.045, bar_m), (0, y, z), frame))
    parts.append(box("sill", (width + 0.16, 0.1, 0.05), (0, 0.045, -0.026), p.paint()))
    return Thing(LABEL, tuple(parts))


def blind(p: Palette, width: float, height: float) -> Thing:
    """Return a strip of slats on cords beside a window; its frame's foot is the lowest slat."""
    skin, count = p.board(), max(4, int(height / 0.12))
    parts = [box("rail", (width, 0.06, 0.05), (0, 0, height), skin)]
    for z in np.linspace(0.0, height - 0.06, count).tolist():
        parts.append(box("slats", (width, 0.06, 0.02), (0, 0, z), skin, (0.4, 0, 0)))
    for side in (-1, 1):
        parts.append(
            bar("cords", (side * width * 0.35, 0, 0), (side * width * 0.35, 0, height), 0.012, p.white())
        )
    return Thing(LABEL, tuple(parts))


def plank_door(p: Palette, skin: Material) -> Thing:
    """Return a closed door of planks with two crossbars and a diagonal, on the face of a wall."""
    width, height, wood = p.rng.uniform(0.85, 1.0), p.rng.uniform(1.9, 2.05), p.wood()
    count = int(p.rng.integers(4, 7))
    wide = width / count
    parts = [
        box("planks", (wide - 0.004, 0.035, height), ((i + 0.5) * wide - width / 2, 0.0, height / 2), wood)
        for i in range(count)
    ]
    for z in (0.3, height - 0.3):
        parts.append(box("braces", (width, 0.03, 0.12), (0, 0.03, z), wood))
    low, high = (-width * 0.42, 0.03, 0.32), (width * 0.42, 0.03, height - 0.32)
    parts.append(bar("braces", low, high, 0.06, wood, "square"))
    parts.append(cylinder("ring", 0.1, 0.02, (width * 0.38, 0.06, height / 2), p.metals[1], FORWARD))
    return Thing(LABEL, tuple(parts))
