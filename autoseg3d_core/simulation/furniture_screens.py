"""Screens and what belongs to them: monitors, televisions, laptops, keyboards."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import Material, Part, Thing, box, cushion

SCREEN_GLOW = 0.35


def monitor(p: Palette) -> Thing:
    """Return a screen on a foot, its picture at the front."""
    rng, dark = p.rng, p.metals[1]
    width = rng.uniform(0.48, 0.72)
    height, lift = width * 0.58, rng.uniform(0.1, 0.16)
    parts = (
        box("foot", (0.22, 0.18, 0.015), (0, 0, 0.0075), dark),
        box("foot", (0.05, 0.03, lift + height * 0.4), (0, -0.03, (lift + height * 0.4) / 2 + 0.01), dark),
        box("body", (width, 0.035, height), (0, 0, lift + height / 2), dark),
        _panel(p, "body", width - 0.03, height - 0.03, 0.018, lift + height / 2),
    )
    return Thing("monitor", parts)


def _panel(p: Palette, name: str, width: float, height: float, y: float, z: float) -> Part:
    """Return a lit panel that faces the front."""
    on = p.rng.random() < 0.7
    dark = Material((0.03, 0.03, 0.04), "", 0.9, is_glass=True)
    skin = p.printed("screen", 4, emission=SCREEN_GLOW) if on else dark
    return box(name, (width, height, 0.004), (0, y, z), skin, (np.pi / 2, 0, np.pi))


def television(p: Palette) -> Thing:
    """Return a large flat screen."""
    rng, dark = p.rng, p.metals[1]
    width = rng.uniform(0.8, 1.35)
    height = width * 0.57
    parts = (
        box("foot", (width * 0.4, 0.2, 0.02), (0, 0, 0.01), dark),
        box("foot", (0.1, 0.03, 0.1), (0, 0, 0.06), dark),
        box("body", (width, 0.05, height), (0, 0, 0.09 + height / 2), dark),
        _panel(p, "body", width - 0.03, height - 0.03, 0.026, 0.09 + height / 2),
    )
    return Thing("television", parts)


def laptop(p: Palette) -> Thing:
    """Return an open laptop."""
    skin, dark = p.metal(), Material((0.05, 0.05, 0.06))
    lean = p.rng.uniform(0.1, 0.4)
    middle = (-0.11 - 0.11 * float(np.sin(lean)), 0.02 + 0.11 * float(np.cos(lean)))
    picture = p.printed("screen", 4, emission=SCREEN_GLOW)
    parts = (
        box("base", (0.33, 0.22, 0.018), (0, 0, 0.009), skin),
        box("keys", (0.28, 0.11, 0.003), (0, -0.03, 0.019), dark),
        box("lid", (0.33, 0.22, 0.01), (0, middle[0], middle[1]), skin, (np.pi / 2 + lean, 0, 0)),
        box(
            "lid",
            (0.3, 0.19, 0.004),
            (0, middle[0] + 0.006, middle[1]),
            picture,
            (np.pi / 2 - lean, 0, np.pi),
        ),
    )
    return Thing("laptop", parts)


def keyboard(p: Palette) -> Thing:
    """Return a keyboard and a mouse."""
    skin, dark = p.metal(), Material((0.15, 0.15, 0.16))
    parts = (
        box("board", (0.43, 0.14, 0.02), (-0.06, 0, 0.01), skin),
        box("board", (0.41, 0.12, 0.006), (-0.06, 0, 0.023), dark),
        cushion("mouse", (0.06, 0.1, 0.035), (0.25, 0, 0.018), skin),
    )
    return Thing("keyboard", parts)
