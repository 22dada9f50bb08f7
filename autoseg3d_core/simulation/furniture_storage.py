"""Storage: cabinets with doors and drawers, shelves with boards."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.simulation.furniture_seats import legs
from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import Material, Part, Surface, Thing, box, cylinder


def fronts(
    p: Palette,
    left: float,
    right: float,
    foot: float,
    top: float,
    y: float,
    front: Material,
    drawers: bool,
    name: str,
) -> list[Part]:
    """Return one door, or a stack of drawers, with handles, on the plane y of a cabinet's front."""
    width, height, metal = right - left, top - foot, p.metals[0]
    x, grip = (left + right) / 2, p.rng.integers(2)
    if not drawers:
        z = (foot + top) / 2
        parts = [box(name, (width - 0.008, 0.018, height - 0.008), (x, y + 0.009, z), front)]
        side = x + float(p.rng.choice([-1, 1])) * (width / 2 - 0.05)
        if grip:
            return [*parts, box(name, (0.014, 0.025, min(0.18, height * 0.4)), (side, y + 0.03, z), metal)]
        return [*parts, cylinder(name, 0.03, 0.03, (side, y + 0.03, z), metal, (np.pi / 2, 0, 0))]
    count = max(1, round(height / p.rng.uniform(0.16, 0.28)))
    parts, step = [], height / count
    for i in range(count):
        z = foot + (i + 0.5) * step
        parts.append(box(f"{name}.{i}", (width - 0.008, 0.018, step - 0.008), (x, y + 0.009, z), front))
        wide = min(0.16, width * 0.5)
        parts.append(box(f"{name}.{i}", (wide, 0.025, 0.014), (x, y + 0.03, z + step * 0.15), metal))
    return parts


def chest_of(
    p: Palette,
    width: float,
    depth: float,
    foot: float,
    top: float,
    columns: int,
    drawers: float,
    board: Material,
    front: Material,
) -> list[Part]:
    """Return a carcass with doors or drawers in columns; `drawers` is the chance of each to have them."""
    parts = [box("carcass", (width, depth - 0.02, top - foot), (0, -0.01, (top + foot) / 2), board)]
    edges = np.linspace(-width / 2 + 0.01, width / 2 - 0.01, columns + 1)
    for i in range(columns):
        has_drawers = bool(p.rng.random() < drawers)
        left, right = float(edges[i]), float(edges[i + 1])
        parts += fronts(
            p, left, right, foot + 0.01, top - 0.01, depth / 2 - 0.02, front, has_drawers, f"front{i}"
        )
    return parts


def cabinet(p: Palette, low: float = 0.6, high: float = 1.2) -> Thing:
    """Return a cabinet with doors or drawers, on feet or a plinth, with a free top."""
    rng = p.rng
    columns = int(rng.integers(1, 4))
    width, depth, top = columns * rng.uniform(0.38, 0.55), rng.uniform(0.35, 0.5), rng.uniform(low, high)
    board = p.board()
    front = board if rng.random() < 0.65 else p.board()
    foot = rng.uniform(0.04, 0.15)
    parts = chest_of(p, width, depth, foot, top - 0.02, columns, 0.4, board, front)
    parts.append(box("top", (width + 0.02, depth, 0.02), (0, 0, top - 0.01), board))
    if rng.random() < 0.5:
        parts += legs(width, depth - 0.02, foot, 0.04, board)
    else:
        parts.append(box("plinth", (width - 0.02, depth - 0.08, foot), (0, -0.03, foot / 2), board))
    return Thing("cabinet", tuple(parts), (Surface((0, 0, top), (width * 0.92, depth * 0.85), 0.6),))


def wardrobe(p: Palette) -> Thing:
    """Return a tall cabinet with doors."""
    rng = p.rng
    columns = int(rng.integers(2, 5))
    width, depth, top = columns * rng.uniform(0.42, 0.55), rng.uniform(0.5, 0.62), rng.uniform(1.8, 2.2)
    board = p.board()
    front = board if rng.random() < 0.6 else p.board()
    split = rng.uniform(0.25, 0.5) if rng.random() < 0.3 else 0.06
    parts = chest_of(p, width, depth, split, top, columns, 0.0, board, front)
    if split > 0.1:
        lower = chest_of(p, width, depth, 0.05, split, 1, 1.0, board, front)
        parts += [Part("low_" + q.name, q.shape, q.size, q.at, q.material, q.turn) for q in lower]
    parts.append(box("plinth", (width - 0.02, depth - 0.08, 0.06), (0, -0.03, 0.03), board))
    return Thing("cabinet", tuple(parts))


def nightstand(p: Palette) -> Thing:
    """Return a small chest of drawers that stands beside a bed."""
    rng = p.rng
    width, depth, top, board = (
        rng.uniform(0.38, 0.5),
        rng.uniform(0.34, 0.42),
        rng.uniform(0.42, 0.6),
        p.board(),
    )
    parts = chest_of(p, width, depth, 0.12, top, 1, 0.7, board, p.board())
    parts += legs(width, depth - 0.02, 0.12, 0.035, board)
    return Thing("cabinet", tuple(parts), (Surface((0, 0, top), (width * 0.9, depth * 0.8), 0.6),))


def bookshelf(p: Palette) -> Thing:
    """Return an open shelf; its boards carry books and other things."""
    rng = p.rng
    width, depth, top = rng.uniform(0.6, 1.3), rng.uniform(0.24, 0.36), rng.uniform(0.9, 2.1)
    board, thick = p.board(), 0.022
    parts = [
        box(f"side{i}", (thick, depth, top), (s * (width - thick) / 2, 0, top / 2), board)
        for i, s in enumerate((-1, 1))
    ]
    if rng.random() < 0.75:
        parts.append(
            box("back", (width - 2 * thick, 0.01, top - 0.04), (0, -depth / 2 + 0.006, top / 2 + 0.02), board)
        )
    count = max(2, round(top / rng.uniform(0.3, 0.42)))
    levels = np.linspace(0.06, top - thick / 2, count + 1)
    surfaces = []
    for i, level in enumerate(levels):
        z = float(level)
        parts.append(box(f"board{i}", (width - 2 * thick, depth - 0.012, thick), (0, 0.005, z), board))
        room = float(levels[i + 1] - z) - thick if i < count else 0.4
        surfaces.append(Surface((0, 0.01, z + thick / 2), (width - 0.08, depth - 0.05), room - 0.01))
    return Thing("bookshelf", tuple(parts), tuple(surfaces))


def wall_shelf(p: Palette) -> Thing:
    """Return a board on brackets for the wall; its frame's foot is its lower edge."""
    rng = p.rng
    width, depth, board = rng.uniform(0.5, 1.2), rng.uniform(0.18, 0.28), p.board()
    parts = [box("board", (width, depth, 0.025), (0, 0, 0.1125), board)]
    for i, side in enumerate((-1, 1)):
        x = side * width * 0.35
        parts.append(box(f"bracket{i}", (0.02, depth * 0.7, 0.02), (x, -depth * 0.15, 0.09), p.metals[0]))
        parts.append(box(f"bracket{i}", (0.02, 0.02, 0.1), (x, -depth / 2 + 0.01, 0.05), p.metals[0]))
    return Thing("bookshelf", tuple(parts), (Surface((0, 0.01, 0.125), (width * 0.9, depth * 0.8), 0.3),))


def tv_stand(p: Palette) -> Thing:
    """Return a low, long cabinet."""
    rng = p.rng
    width, depth, top, board = (
        rng.uniform(1.1, 1.9),
        rng.uniform(0.36, 0.46),
        rng.uniform(0.4, 0.58),
        p.board(),
    )
    parts = chest_of(p, width, depth, 0.1, top, int(rng.integers(2, 4)), 0.5, board, p.board())
    parts += legs(width, depth - 0.02, 0.1, 0.04, p.metal(), inset=0.03)
    return Thing("cabinet", tuple(parts), (Surface((0, 0, top), (width * 0.95, depth * 0.9), 1.0),))


def filing_cabinet(p: Palette) -> Thing:
    """Return a narrow steel chest of drawers."""
    rng = p.rng
    steel, top = p.metal(), rng.uniform(0.6, 1.35)
    parts = chest_of(p, 0.42, rng.uniform(0.5, 0.62), 0.03, top, 1, 1.0, steel, steel)
    depth = parts[0].size[1]
    return Thing("cabinet", tuple(parts), (Surface((0, 0, top), (0.36, depth * 0.85), 0.6),))
