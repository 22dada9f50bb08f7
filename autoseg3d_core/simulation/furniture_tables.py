"""Tables and desks."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.simulation.furniture_seats import legs
from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import Part, Surface, Thing, box, cylinder


def table(p: Palette, size: tuple[float, float] | None = None, height: float | None = None) -> Thing:
    """Return a rectangular table on four legs, two sides or two feet."""
    rng = p.rng
    width, depth = size or (rng.uniform(1.1, 2.0), rng.uniform(0.7, 0.95))
    height = height or rng.uniform(0.71, 0.77)
    thick, frame = rng.uniform(0.02, 0.05), p.board()
    top = frame if rng.random() < 0.6 else p.board()
    under = height - thick
    parts: list[Part] = [box("top", (width, depth, thick), (0, 0, height - thick / 2), top)]
    style = rng.integers(4)
    if style <= 1:
        parts += legs(width, depth, under, rng.uniform(0.04, 0.08), frame, bool(style), rng.uniform(0, 0.06))
        if rng.random() < 0.6:
            for side in (-1, 1):
                parts.append(
                    box(
                        "apron",
                        (width - 0.16, 0.02, 0.08),
                        (0, side * (depth / 2 - 0.06), under - 0.04),
                        frame,
                    )
                )
                parts.append(
                    box(
                        "apron",
                        (0.02, depth - 0.16, 0.08),
                        (side * (width / 2 - 0.06), 0, under - 0.04),
                        frame,
                    )
                )
    elif style == 2:
        for i, side in enumerate((-1, 1)):
            parts.append(
                box(f"side{i}", (0.04, depth - 0.06, under), (side * (width / 2 - 0.08), 0, under / 2), frame)
            )
        parts.append(box("beam", (width - 0.2, 0.03, 0.1), (0, 0, under * 0.55), frame))
    else:
        metal = p.metal()
        for i, side in enumerate((-1, 1)):
            x = side * (width / 2 - 0.2)
            parts.append(box(f"foot{i}", (0.06, depth * 0.85, 0.04), (x, 0, 0.02), metal))
            parts.append(
                box(f"foot{i}", (0.08, 0.06, under - 0.04), (x, 0, 0.04 + (under - 0.04) / 2), metal)
            )
    return Thing("table", tuple(parts), (Surface((0, 0, height), (width * 0.92, depth * 0.88), 0.7),))


def round_table(p: Palette) -> Thing:
    """Return a round table on one foot or on legs."""
    rng = p.rng
    across, height, frame = rng.uniform(0.6, 1.25), rng.uniform(0.7, 0.76), p.board()
    parts: list[Part] = [cylinder("top", across, 0.035, (0, 0, height - 0.0175), p.board())]
    if rng.random() < 0.6:
        parts.append(cylinder("column", 0.09, height - 0.06, (0, 0, (height - 0.035) / 2), frame))
        parts.append(cylinder("foot", across * 0.55, 0.03, (0, 0, 0.015), frame))
    else:
        parts += legs(across * 0.68, across * 0.68, height - 0.035, 0.05, frame, True)
    side = across * 0.66
    return Thing("table", tuple(parts), (Surface((0, 0, height), (side, side), 0.7),))


def coffee_table(p: Palette) -> Thing:
    """Return a low table, perhaps with a shelf below."""
    rng = p.rng
    width, depth, height = rng.uniform(0.7, 1.25), rng.uniform(0.45, 0.7), rng.uniform(0.34, 0.48)
    if rng.random() < 0.25:
        frame = p.board()
        parts: tuple[Part, ...] = (
            cylinder("top", depth + 0.2, 0.03, (0, 0, height - 0.015), frame),
            *legs(depth * 0.75, depth * 0.75, height - 0.03, 0.04, p.metal(), True),
        )
        return Thing("table", parts, (Surface((0, 0, height), (depth * 0.7, depth * 0.7), 0.6),))
    base = table(p, (width, depth), height)
    if rng.random() < 0.4:
        shelf = box("shelf", (width - 0.2, depth - 0.16, 0.02), (0, 0, 0.13), base.parts[0].material)
        return Thing("table", (*base.parts, shelf), base.surfaces)
    return base


def desk(p: Palette) -> Thing:
    """Return a desk: a top, sides, a modesty panel and often a chest of drawers."""
    rng = p.rng
    width, depth, height = rng.uniform(1.1, 1.7), rng.uniform(0.6, 0.8), rng.uniform(0.71, 0.76)
    board, front = p.board(), p.board()
    under = height - 0.03
    parts: list[Part] = [box("top", (width, depth, 0.03), (0, 0, height - 0.015), board)]
    if rng.random() < 0.5:
        for i, side in enumerate((-1, 1)):
            parts.append(
                box(
                    f"side{i}", (0.03, depth - 0.04, under), (side * (width / 2 - 0.015), 0, under / 2), board
                )
            )
        parts.append(
            box("panel", (width - 0.06, 0.02, under * 0.55), (0, -depth / 2 + 0.06, under * 0.7), board)
        )
    else:
        parts += legs(width, depth, under, 0.05, p.metal())
    if rng.random() < 0.65:
        hand, chest = float(rng.choice([-1, 1])), 0.40
        x, tall = hand * (width / 2 - 0.06 - chest / 2), under - 0.06
        parts.append(box("chest", (chest, depth - 0.12, tall), (x, -0.02, 0.05 + tall / 2), board))
        count = int(rng.integers(2, 5))
        for i, z in enumerate(np.linspace(0.05, 0.05 + tall, count + 1)[:-1]):
            step, y = tall / count, -0.02 + (depth - 0.12) / 2 + 0.009
            parts.append(
                box(f"drawer{i}", (chest - 0.01, 0.018, step - 0.012), (x, y, float(z) + step / 2), front)
            )
            parts.append(
                box(f"drawer{i}", (0.12, 0.018, 0.014), (x, y + 0.018, float(z) + step * 0.7), p.metals[0])
            )
    return Thing("desk", tuple(parts), (Surface((0, 0, height), (width * 0.94, depth * 0.9), 0.8),))
