"""What hangs on walls or fills openings: doors, windows, curtains, pictures, mirrors, boards, radiators."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import Material, Part, Thing, box, cushion, cylinder

UPRIGHT = (np.pi / 2, 0.0, np.pi)
"""Turns a panel whose picture lies in x and y so that it faces the front."""


def door_leaf(p: Palette, skin: Material, width: float, height: float) -> Thing:
    """Return a door's leaf that reaches from its hinge at the origin along x."""
    thick = 0.04
    parts = [box("leaf", (width, thick, height - 0.01), (width / 2, 0, height / 2), skin)]
    if p.rng.random() < 0.6:
        for z, tall in ((height * 0.28, height * 0.32), (height * 0.7, height * 0.38)):
            for side in (-1, 1):
                parts.append(box("leaf", (width * 0.62, 0.008, tall), (width / 2, side * 0.02, z), skin))
    for side in (-1, 1):
        at = (width - 0.12, side * 0.055, height * 0.49)
        parts.append(box("handle", (0.13, 0.02, 0.02), at, p.metals[0]))
        parts.append(
            cylinder(
                "handle",
                0.03,
                0.05,
                (width - 0.07, side * 0.035, height * 0.49),
                p.metals[0],
                (np.pi / 2, 0, 0),
            )
        )
    return Thing("door", tuple(parts))


def closed_door(p: Palette, skin: Material) -> Thing:
    """Return a closed door with its frame, on the face of a wall."""
    width, height = p.rng.uniform(0.8, 0.95), p.rng.uniform(1.98, 2.08)
    leaf = door_leaf(p, skin, width, height)
    parts = [
        Part(q.name, q.shape, q.size, (q.at[0] - width / 2, q.at[1], q.at[2]), q.material, q.turn)
        for q in leaf.parts
        if q.at[1] >= 0
    ]
    for side in (-1, 1):
        parts.append(box("frame", (0.07, 0.07, height), (side * (width / 2 + 0.035), 0, height / 2), skin))
    parts.append(box("frame", (width + 0.14, 0.07, 0.07), (0, 0, height + 0.035), skin))
    return Thing("door", tuple(parts))


def window(p: Palette, width: float, height: float) -> Thing:
    """Return a window that fills an opening; its frame's foot is the sill and y = 0 the wall's face."""
    frame = p.metals[2] if p.rng.random() < 0.7 else p.wood()
    sky = Material((1.0, 1.0, 1.0), "sky0", 0.0, p.rng.uniform(0.35, 0.6), is_glass=True)
    bar, y = 0.05, -0.05
    parts = [box("pane", (width, height, 0.01), (0, y - 0.02, height / 2), sky, UPRIGHT)]
    for side in (-1, 1):
        parts.append(box("frame", (bar, 0.06, height), (side * (width - bar) / 2, y, height / 2), frame))
    for z in (bar / 2, height - bar / 2):
        parts.append(box("frame", (width - 2 * bar, 0.06, bar), (0, y, z), frame))
    for x in np.linspace(-width / 2, width / 2, int(p.rng.integers(1, 4)) + 1)[1:-1]:
        parts.append(box("frame", (bar, 0.05, height - 2 * bar), (float(x), y, height / 2), frame))
    parts.append(box("sill", (width + 0.1, 0.13, 0.03), (0, 0.06, -0.016), frame))
    return Thing("window", tuple(parts))


def curtain(p: Palette, width: float, height: float, label: str = "curtain") -> Thing:
    """Return hanging cloth with a rod; its frame's foot is the lower hem."""
    cloth = p.fabric()
    parts = (
        Part("cloth", "drape", (width, 0.09, height), (0, 0, height / 2), cloth),
        cylinder("rod", 0.025, width + 0.1, (0, 0, height + 0.02), p.metal(), (0, np.pi / 2, 0)),
    )
    return Thing(label, parts)


def picture(p: Palette) -> Thing:
    """Return a framed picture."""
    rng = p.rng
    width, height, rim = rng.uniform(0.25, 1.0), rng.uniform(0.25, 0.8), rng.uniform(0.015, 0.05)
    frame = p.board()
    print_ = p.printed("picture", 6)
    parts = [box("print", (width, height, 0.008), (0, 0.002, height / 2), print_, UPRIGHT)]
    for side in (-1, 1):
        parts.append(
            box("frame", (rim, 0.025, height + 2 * rim), (side * (width + rim) / 2, 0, height / 2), frame)
        )
        parts.append(box("frame", (width, 0.025, rim), (0, 0, height / 2 + side * (height + rim) / 2), frame))
    return Thing("picture", tuple(parts))


def mirror(p: Palette) -> Thing:
    """Return a mirror, whose depth cannot be measured."""
    width, height = p.rng.uniform(0.4, 0.8), p.rng.uniform(0.6, 1.1)
    glass = Material((0.72, 0.78, 0.8), "", 1.0, 0.1, is_glass=True)
    parts = (
        box("frame", (width + 0.06, 0.02, height + 0.06), (0, 0, height / 2), p.metal()),
        box("glass", (width, 0.008, height), (0, 0.012, height / 2), glass),
    )
    return Thing("mirror", parts)


def whiteboard(p: Palette) -> Thing:
    """Return a whiteboard with a ledge."""
    width, height = p.rng.uniform(1.1, 2.0), p.rng.uniform(0.8, 1.1)
    frame = p.metals[0]
    parts = [box("board", (width, 0.015, height), (0, 0, height / 2), Material((0.95, 0.95, 0.95), "", 0.6))]
    parts.append(box("frame", (width + 0.04, 0.025, 0.03), (0, 0, height + 0.015), frame))
    parts.append(box("frame", (width + 0.04, 0.08, 0.03), (0, 0.03, -0.015), frame))
    return Thing("whiteboard", tuple(parts))


def clock(p: Palette) -> Thing:
    """Return a round clock."""
    across, back = p.rng.uniform(0.22, 0.36), (np.pi / 2, 0.0, 0.0)
    parts = (
        cylinder("rim", across, 0.03, (0, 0, across / 2), p.plastic(), back),
        cylinder("face", across * 0.9, 0.01, (0, 0.016, across / 2), p.white(), back),
        box("hands", (0.012, 0.004, across * 0.35), (0.0, 0.023, across * 0.65), p.metals[1], (0, 0.3, 0)),
        box(
            "hands",
            (0.012, 0.004, across * 0.25),
            (across * 0.1, 0.023, across / 2),
            p.metals[1],
            (0, 1.5, 0),
        ),
    )
    return Thing("clock", parts)


def radiator(p: Palette) -> Thing:
    """Return a radiator with ribs."""
    width, height, skin = p.rng.uniform(0.5, 1.3), p.rng.uniform(0.45, 0.65), p.white()
    parts = [box("body", (width, 0.04, height - 0.06), (0, 0, height / 2), skin)]
    for x in np.arange(-width / 2 + 0.03, width / 2 - 0.02, 0.07):
        parts.append(cushion("ribs", (0.045, 0.1, height), (float(x), 0, height / 2), skin))
    return Thing("radiator", tuple(parts))
