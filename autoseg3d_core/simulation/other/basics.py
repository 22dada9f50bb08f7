"""What all kinds of these rooms need: a thing without a class, and the turns of its round parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autoseg3d_core.simulation.endless.draft import LABEL, shifted
from autoseg3d_core.simulation.parts import Part, Surface, Thing, Triple

ACROSS: Triple = (0.0, np.pi / 2, 0.0)
"""Turns z to x: the axle of wheels."""
FORWARD: Triple = (-np.pi / 2, 0.0, 0.0)
"""Turns z to y: what looks to the front."""


def standing(parts: list[Part], *surfaces: Surface, is_movable: bool = False) -> Thing:
    """Return a thing that rests on its lowest point."""
    down = -float(min(part.vertices[:, 2].min() for part in parts))
    raised = [replace(s, at=(s.at[0], s.at[1], s.at[2] + down)) for s in surfaces]
    return Thing(LABEL, tuple(shifted(parts, (0.0, 0.0, down))), tuple(raised), is_movable)


def hung(parts: list[Part], *surfaces: Surface) -> Thing:
    """Return a thing for a wall (its back at y = 0) or a ceiling (its top at z = 0)."""
    return Thing(LABEL, tuple(parts), surfaces)
