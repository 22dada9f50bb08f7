"""Draws things of any shape and size: a body of some kind, on supports, with attachments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autoseg3d_core.simulation.endless import bodies, odd
from autoseg3d_core.simulation.endless.connected import largest_piece, stands
from autoseg3d_core.simulation.endless.draft import Draft
from autoseg3d_core.simulation.endless.skins import draw_skins
from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import Thing, Triple, box

Body = Callable[[Draft, Triple], None]
LARGE: tuple[tuple[Body, float], ...] = (
    (bodies.carcass, 0.22),
    (bodies.slab, 0.18),
    (bodies.seat, 0.14),
    (bodies.lathed, 0.07),
    (bodies.stack, 0.08),
    (bodies.rack, 0.08),
    (bodies.machine, 0.08),
    (odd.grown, 0.08),
    (odd.bent, 0.03),
    (odd.soft, 0.03),
    (odd.pole, 0.06),
)
SMALL: tuple[tuple[Body, float], ...] = (
    (bodies.lathed, 0.28),
    (bodies.stack, 0.13),
    (bodies.machine, 0.15),
    (bodies.container, 0.12),
    (odd.grown, 0.1),
    (bodies.carcass, 0.05),
    (bodies.slab, 0.03),
    (odd.bent, 0.04),
    (odd.pole, 0.06),
    (odd.soft, 0.04),
)
TRIES = 6


def draw_thing(
    p: Palette, size: Triple, kinds: tuple[tuple[Body, float], ...], is_movable: bool = False
) -> Thing:
    """Return a thing of about this size that holds together and stands by itself."""
    weights = np.array([weight for _, weight in kinds])
    for _ in range(TRIES):
        make = kinds[int(p.rng.choice(len(kinds), p=weights / weights.sum()))][0]
        d = Draft(p.rng, draw_skins(p))
        make(d, size)
        d.parts = largest_piece(d.parts)
        if stands(d.parts):
            return d.thing(is_movable)
    d = Draft(p.rng, draw_skins(p))
    d.add(box("body", size, (0, 0, size[2] / 2), d.skins.body))
    return d.thing(is_movable)


def furniture(p: Palette, most: Triple = (2.2, 1.0, 2.2)) -> Thing:
    """Return a thing for the floor, from the size of a stool to that of a wardrobe."""
    rng = p.rng
    height = float(np.exp(rng.uniform(np.log(min(0.28, 0.6 * most[2])), np.log(most[2]))))
    width = float(np.exp(rng.uniform(np.log(min(0.3, 0.6 * most[0])), np.log(most[0]))))
    depth = float(np.clip(width * np.exp(rng.normal(-0.3, 0.4)), 0.25, most[1]))
    return draw_thing(p, (width, depth, height), LARGE, bool(rng.random() < 0.4))


def small_thing(p: Palette, space: tuple[float, float], headroom: float) -> Thing:
    """Return a thing that may stand on a surface of this size with this free height."""
    rng = p.rng
    largest = float(np.clip(0.7 * min(space), 0.05, 0.45))
    scale = float(np.exp(rng.uniform(np.log(0.05), np.log(largest + 0.01))))
    width, depth = scale, scale * rng.uniform(0.4, 1.0)
    height = float(np.clip(scale * np.exp(rng.normal(0.0, 0.6)), 0.015, 0.85 * headroom))
    return draw_thing(p, (width, depth, height), SMALL, True)
