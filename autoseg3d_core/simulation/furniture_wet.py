"""What kitchens and bathrooms have: counters, sinks, refrigerators, stoves, toilets, bathtubs."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.simulation.furniture_storage import chest_of
from autoseg3d_core.simulation.palette import Palette
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

COUNTER_DEPTH = 0.62


def counter(
    p: Palette, front: Material, top: Material, modules: int, has_sink: bool
) -> tuple[Thing, Thing | None]:
    """Return a run of base cabinets under a worktop, and the sink that lies on it at its origin."""
    rng = p.rng
    width, height = modules * 0.6, 0.9
    parts = chest_of(p, width, COUNTER_DEPTH - 0.02, 0.1, height - 0.04, modules, 0.35, p.metals[2], front)
    parts.append(box("plinth", (width, COUNTER_DEPTH - 0.12, 0.1), (0, -0.05, 0.05), p.metals[1]))
    parts.append(box("worktop", (width, COUNTER_DEPTH, 0.04), (0, 0, height - 0.02), top))
    place = (modules - 1) * 0.3 * float(rng.choice([-1, 1])) if modules > 1 else 0.0
    free = width - 0.7 if has_sink else width - 0.1
    middle = -np.sign(place) * 0.3 if has_sink else 0.0
    surfaces = (Surface((float(middle), -0.02, height), (free, 0.45), 0.45),) if free > 0.2 else ()
    thing = Thing("counter", tuple(parts), surfaces)
    return thing, _sink_bowl(p, place, height) if has_sink else None


def _sink_bowl(p: Palette, x: float, height: float) -> Thing:
    """Return a sink whose rim lies on a worktop at this height."""
    steel, rim, tall = p.metals[0], 0.045, 0.03
    dark = Material(tuple(0.55 * c for c in steel.rgb), "", 0.5)  # type: ignore[arg-type]
    wide, deep = p.rng.uniform(0.42, 0.5), 0.4
    parts = [box("basin", (wide - 0.02, deep - 0.02, 0.006), (x, 0, height + 0.003), dark)]
    for side in (-1, 1):
        parts.append(box("rim", (rim, deep + rim, tall), (x + side * wide / 2, 0, height + tall / 2), steel))
        parts.append(box("rim", (wide + rim, rim, tall), (x, side * deep / 2, height + tall / 2), steel))
    parts += _tap(x, -deep / 2 - 0.04, height, steel)
    return Thing("sink", tuple(parts))


def _tap(x: float, y: float, z: float, steel: Material) -> list[Part]:
    return [
        cylinder("tap", 0.035, 0.24, (x, y, z + 0.12), steel),
        cylinder("tap", 0.025, 0.18, (x, y + 0.08, z + 0.235), steel, (np.pi / 2, 0, 0)),
        cylinder("tap", 0.025, 0.06, (x, y + 0.16, z + 0.21), steel),
    ]


def wall_cabinet(p: Palette, front: Material, modules: int) -> Thing:
    """Return cabinets for the wall above a counter."""
    width, depth, height = modules * 0.6, p.rng.uniform(0.32, 0.38), p.rng.uniform(0.55, 0.75)
    parts = chest_of(p, width, depth, 0.0, height, modules, 0.0, p.metals[2], front)
    return Thing("cabinet", tuple(parts))


def refrigerator(p: Palette) -> Thing:
    """Return a refrigerator with one or two doors."""
    rng = p.rng
    skin = p.white() if rng.random() < 0.6 else p.metals[0]
    width, depth, top = rng.uniform(0.55, 0.75), rng.uniform(0.6, 0.7), rng.uniform(1.2, 1.95)
    split = top * rng.choice([0.35, 0.68, 1.0])
    parts = [box("body", (width, depth - 0.06, top - 0.04), (0, -0.03, (top + 0.04) / 2), skin)]
    for i, (foot, head) in enumerate(((0.06, split), (split, top))):
        if head - foot < 0.1:
            continue
        z, high = (foot + head) / 2, head - foot - 0.01
        parts.append(box(f"door{i}", (width - 0.005, 0.05, high), (0, depth / 2 - 0.03, z), skin))
        grip = min(0.35, high * 0.5)
        parts.append(
            box(f"door{i}", (0.025, 0.035, grip), (width / 2 - 0.06, depth / 2 + 0.012, z), p.metals[0])
        )
    return Thing("refrigerator", tuple(parts))


def stove(p: Palette) -> Thing:
    """Return a stove with an oven door, rings and knobs."""
    skin = p.white() if p.rng.random() < 0.5 else p.metal()
    dark = Material((0.05, 0.05, 0.06), "", 0.8)
    parts = [
        box("body", (0.59, 0.58, 0.88), (0, -0.02, 0.45), skin),
        box("hob", (0.58, 0.56, 0.012), (0, -0.02, 0.896), dark),
    ]
    for i, (x, y) in enumerate(((-0.14, -0.16), (0.14, -0.16), (-0.14, 0.12), (0.14, 0.12))):
        parts.append(cylinder(f"ring{i}", 0.17 + 0.04 * (i % 2), 0.008, (x, y, 0.906), p.metals[0]))
    parts.append(box("oven", (0.55, 0.02, 0.5), (0, 0.28, 0.42), dark))
    parts.append(box("oven", (0.45, 0.03, 0.02), (0, 0.305, 0.63), p.metals[0]))
    for i in range(5):
        parts.append(
            cylinder(f"knob{i}", 0.045, 0.03, (-0.2 + 0.1 * i, 0.285, 0.78), p.metals[1], (np.pi / 2, 0, 0))
        )
    return Thing("otherfurniture", tuple(parts))


def toilet(p: Palette) -> Thing:
    """Return a toilet with its tank at the back."""
    skin, rng = p.white(), p.rng
    lid = skin if rng.random() < 0.7 else p.plastic()
    parts = [
        cone("foot", (0.28, 0.42, 0.38), (0, 0.05, 0.19), skin, (np.pi, 0, 0)),
        ellipsoid("bowl", (0.37, 0.5, 0.26), (0, 0.08, 0.33), skin),
        cylinder("seat", 0.36, 0.03, (0, 0.12, 0.42), lid),
        box("seat", (0.36, 0.18, 0.03), (0, -0.03, 0.42), lid),
        cushion("tank", (0.38, 0.18, 0.38), (0, -0.24, 0.6), skin),
        box("tank", (0.3, 0.16, 0.4), (0, -0.24, 0.22), skin),
        cylinder("button", 0.05, 0.02, (0, -0.24, 0.795), p.metals[0]),
    ]
    return Thing("toilet", tuple(parts))


def bathtub(p: Palette) -> Thing:
    """Return a bathtub; its long side stands at the wall."""
    rng, skin = p.rng, p.white()
    length, width, height = rng.uniform(1.5, 1.8), rng.uniform(0.7, 0.8), rng.uniform(0.5, 0.6)
    wall = 0.07
    parts = [box("bottom", (length - 0.02, width - 0.02, 0.14), (0, 0, 0.07), skin)]
    for i, side in enumerate((-1, 1)):
        parts.append(
            box(f"side{i}", (length, wall, height), (0, side * (width - wall) / 2, height / 2), skin)
        )
        parts.append(
            box(
                f"end{i}", (wall, width - 2 * wall, height), (side * (length - wall) / 2, 0, height / 2), skin
            )
        )
    parts += _tap(length / 2 - 0.2, -width / 2 + 0.03, height, p.metals[0])
    return Thing("bathtub", tuple(parts))


def washbasin(p: Palette) -> Thing:
    """Return a washbasin on a cabinet or a pillar."""
    rng, skin = p.rng, p.white()
    width, depth, height = rng.uniform(0.5, 0.75), rng.uniform(0.4, 0.48), rng.uniform(0.8, 0.88)
    if rng.random() < 0.6:
        parts = chest_of(
            p, width, depth, 0.12, height - 0.12, 2 if width > 0.6 else 1, 0.3, p.board(), p.board()
        )
        parts.append(box("plinth", (width - 0.04, depth - 0.1, 0.12), (0, -0.03, 0.06), p.metals[2]))
    else:
        parts = [cone("pillar", (0.24, 0.22, height - 0.12), (0, -0.08, (height - 0.12) / 2), skin)]
    dark = Material((0.72, 0.73, 0.74), "", 0.6)
    parts.append(box("basin", (width, depth, 0.1), (0, 0, height - 0.07), skin))
    parts.append(ellipsoid("bowl", (width * 0.7, depth * 0.65, 0.02), (0, 0.02, height - 0.018), dark))
    for side in (-1, 1):
        parts.append(box("basin", (0.05, depth, 0.03), (side * (width / 2 - 0.025), 0, height - 0.01), skin))
        parts.append(
            box("basin", (width - 0.1, 0.05, 0.03), (0, side * (depth / 2 - 0.025), height - 0.01), skin)
        )
    parts += _tap(0, -depth / 2 + 0.05, height, p.metals[0])
    return Thing("sink", tuple(parts))


def washing_machine(p: Palette) -> Thing:
    """Return a washing machine."""
    skin, dark = p.white(), Material((0.12, 0.12, 0.14), "", 0.7, is_glass=True)
    front = 0.28
    parts = (
        box("body", (0.6, 0.56, 0.85), (0, 0, 0.425), skin),
        cylinder("door", 0.36, 0.03, (0, front + 0.012, 0.42), p.metals[0], (np.pi / 2, 0, 0)),
        cylinder("window", 0.27, 0.03, (0, front + 0.02, 0.42), dark, (np.pi / 2, 0, 0)),
        box("panel", (0.56, 0.015, 0.1), (0, front + 0.006, 0.78), p.metals[1]),
        cylinder("knob", 0.06, 0.03, (0.1, front + 0.02, 0.78), p.metals[0], (np.pi / 2, 0, 0)),
    )
    return Thing("otherfurniture", parts, (Surface((0, 0, 0.85), (0.5, 0.45), 0.6),))
