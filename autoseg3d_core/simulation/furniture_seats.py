"""Seats and beds: chairs, stools, sofas, beds."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import Material, Part, Surface, Thing, box, cushion, cylinder, moved


def legs(
    width: float,
    depth: float,
    height: float,
    thick: float,
    material: Material,
    is_round: bool = False,
    inset: float = 0.0,
) -> tuple[Part, ...]:
    """Return four legs under a rectangle, named leg0 to leg3."""
    x, y = width / 2 - thick / 2 - inset, depth / 2 - thick / 2 - inset
    corners = ((-x, -y), (x, -y), (-x, y), (x, y))
    if is_round:
        return tuple(
            cylinder(f"leg{i}", thick, height, (cx, cy, height / 2), material)
            for i, (cx, cy) in enumerate(corners)
        )
    return tuple(
        box(f"leg{i}", (thick, thick, height), (cx, cy, height / 2), material)
        for i, (cx, cy) in enumerate(corners)
    )


def _chair_back(
    p: Palette, width: float, seat: float, depth: float, frame: Material, pad: Material
) -> list[Part]:
    """Return a back that is a board, slats, or a padded board; it leans a little."""
    rng, height, lean = p.rng, p.rng.uniform(0.38, 0.52), -p.rng.uniform(0.05, 0.16)
    y, z = -depth / 2 + 0.02, seat + height / 2
    style = rng.integers(4)
    if style == 0:
        return [box("back", (width, 0.025, height), (0, y - 0.02, z), frame, (-lean, 0, 0))]
    if style == 1:
        return [cushion("back", (width, 0.06, height), (0, y - 0.02, z + 0.03), pad, (-lean, 0, 0))]
    posts = [
        box("back", (0.035, 0.035, height), (side * (width / 2 - 0.02), y, z), frame) for side in (-1, 1)
    ]
    if style == 2:
        count = int(rng.integers(2, 5))
        levels = np.linspace(seat + 0.12, seat + height - 0.04, count)
        return posts + [box("back", (width - 0.06, 0.02, 0.06), (0, y, float(v)), frame) for v in levels]
    top = [box("back", (width, 0.03, 0.07), (0, y, seat + height), frame)]
    places = np.linspace(-width / 2 + 0.08, width / 2 - 0.08, int(rng.integers(3, 6)))
    return posts + top + [box("back", (0.02, 0.015, height), (float(v), y, z), frame) for v in places]


def chair(p: Palette) -> Thing:
    """Return a chair with four legs, now and then with arms."""
    rng = p.rng
    width, depth, seat = rng.uniform(0.40, 0.50), rng.uniform(0.40, 0.48), rng.uniform(0.43, 0.48)
    frame, pad = (p.board() if rng.random() < 0.7 else p.metal()), p.fabric()
    thick, is_round = rng.uniform(0.03, 0.045), bool(rng.random() < 0.4)
    parts = list(legs(width, depth, seat - 0.02, thick, frame, is_round))
    if rng.random() < 0.5:
        parts.append(box("seat", (width, depth, 0.03), (0, 0, seat - 0.005), frame))
    else:
        parts.append(cushion("seat", (width + 0.02, depth + 0.02, 0.07), (0, 0, seat + 0.005), pad))
    parts += _chair_back(p, width, seat, depth, frame, pad)
    if rng.random() < 0.2:
        for side in (-1, 1):
            x = side * (width / 2 - 0.015)
            parts.append(box(f"arm{side}", (0.04, depth * 0.9, 0.03), (x, 0, seat + 0.2), frame))
            parts.append(box(f"arm{side}", (0.03, 0.03, 0.2), (x, depth / 2 - 0.06, seat + 0.1), frame))
    return Thing("chair", tuple(parts), is_movable=True)


def office_chair(p: Palette) -> Thing:
    """Return a swivel chair on a star of five feet."""
    rng = p.rng
    dark, pad, seat = p.metal(), p.fabric(), rng.uniform(0.44, 0.52)
    width = rng.uniform(0.44, 0.52)
    parts: list[Part] = []
    for spoke in range(5):
        angle = 2 * np.pi * spoke / 5 + 0.3
        x, y = float(np.cos(angle)), float(np.sin(angle))
        parts.append(box("base", (0.28, 0.045, 0.035), (0.14 * x, 0.14 * y, 0.08), dark, (0, 0, angle)))
        parts.append(cylinder("base", 0.055, 0.03, (0.27 * x, 0.27 * y, 0.03), dark, (np.pi / 2, 0, angle)))
    parts.append(cylinder("column", 0.06, seat - 0.12, (0, 0, 0.08 + (seat - 0.12) / 2), dark))
    parts.append(cushion("seat", (width, width, 0.09), (0, 0.01, seat), pad))
    height = rng.uniform(0.4, 0.62)
    parts.append(box("back", (0.06, 0.03, 0.25), (0, -width / 2 - 0.02, seat + 0.1), dark))
    parts.append(
        cushion(
            "back",
            (width * 0.95, 0.09, height),
            (0, -width / 2 + 0.01, seat + 0.12 + height / 2),
            pad,
            (0.1, 0, 0),
        )
    )
    if rng.random() < 0.65:
        for side in (-1, 1):
            x = side * (width / 2 + 0.03)
            parts.append(box(f"arm{side}", (0.05, 0.25, 0.03), (x, 0, seat + 0.22), dark))
            parts.append(box(f"arm{side}", (0.03, 0.05, 0.22), (x, -0.02, seat + 0.11), dark))
    return Thing("chair", tuple(parts), is_movable=True)


def stool(p: Palette) -> Thing:
    """Return a stool, round or square."""
    rng = p.rng
    side, height, frame = rng.uniform(0.30, 0.42), rng.uniform(0.43, 0.75), p.board()
    parts = list(legs(side * 0.8, side * 0.8, height - 0.02, 0.035, frame, True))
    if rng.random() < 0.5:
        parts.append(cylinder("seat", side, 0.04, (0, 0, height), frame))
    else:
        parts.append(cushion("seat", (side, side, 0.08), (0, 0, height), p.fabric()))
    return Thing("chair", tuple(parts), is_movable=True)


def sofa(p: Palette) -> Thing:
    """Return a sofa for one to three, with cushions."""
    rng = p.rng
    places = int(rng.choice([1, 2, 2, 3, 3]))
    place, depth, seat = rng.uniform(0.55, 0.72), rng.uniform(0.82, 0.98), rng.uniform(0.38, 0.45)
    arm, back, cloth = rng.uniform(0.1, 0.22), rng.uniform(0.38, 0.5), p.fabric()
    inner = places * place
    foot, base = rng.uniform(0.05, 0.12), seat - 0.15
    parts = list(legs(inner + 2 * arm, depth, foot, 0.05, p.wood(), inset=0.04))
    solid = cushion if rng.random() < 0.6 else box
    parts.append(box("base", (inner, depth - 0.04, base - foot), (0, 0, (base + foot) / 2), cloth))
    parts.append(
        solid(
            "back",
            (inner + 0.02, 0.22, seat + back - foot),
            (0, -depth / 2 + 0.11, (seat + back + foot) / 2),
            cloth,
        )
    )
    for side in (-1, 1):
        height = seat + rng.uniform(0.17, 0.19) - foot
        at = (side * (inner / 2 + arm / 2), 0, foot + height / 2)
        parts.append(solid(f"arm{side}", (arm, depth, height), at, cloth))
    accent = p.fabric() if rng.random() < 0.3 else cloth
    for i in range(places):
        x = (i - (places - 1) / 2) * place
        parts.append(cushion(f"seat{i}", (place, depth - 0.22, 0.18), (x, 0.1, base + 0.08), accent))
        parts.append(
            cushion(
                f"cushion{i}",
                (place - 0.03, 0.2, back),
                (x, -depth / 2 + 0.29, seat + back / 2),
                accent,
                (0.15, 0, 0),
            )
        )
    top = Surface((0, 0.12, base + 0.17), (inner * 0.9, depth * 0.35), 0.6)
    return Thing("sofa", tuple(parts), (top,))


def bed(p: Palette) -> Thing:
    """Return a bed with mattress, blanket and pillows, its head at the back."""
    rng = p.rng
    width, length, height = (
        float(rng.choice([0.9, 1.0, 1.4, 1.6, 1.8])),
        rng.uniform(1.95, 2.1),
        rng.uniform(0.42, 0.58),
    )
    frame, sheet, blanket = p.board(), p.white(), p.fabric()
    parts = list(legs(width, length, 0.14, 0.07, frame))
    parts.append(box("frame", (width, length, 0.16), (0, 0, 0.2), frame))
    parts.append(
        cushion(
            "mattress",
            (width - 0.02, length - 0.04, height - 0.26),
            (0, 0.01, 0.26 + (height - 0.26) / 2),
            sheet,
        )
    )
    if rng.random() < 0.85:
        head = rng.uniform(0.7, 1.15)
        solid = cushion if rng.random() < 0.3 else box
        parts.append(
            solid(
                "headboard",
                (width + 0.04, 0.07, head),
                (0, -length / 2 - 0.03, head / 2 + 0.02),
                p.fabric() if solid is cushion else frame,
            )
        )
    cover = rng.uniform(0.5, 0.75) * length
    parts.append(
        cushion(
            "blanket",
            (width + 0.06, cover, height - 0.16),
            (0, length / 2 - cover / 2 + 0.02, 0.2 + (height - 0.12) / 2),
            blanket,
        )
    )
    count = 1 if width < 1.2 else 2
    pillow = p.fabric() if rng.random() < 0.5 else sheet
    for i in range(count):
        x = (i - (count - 1) / 2) * width / 2
        at = (x + rng.normal(0, 0.02), -length / 2 + 0.24, height + 0.05)
        parts.append(
            cushion(
                f"pillow{i}",
                (min(0.62, width / count - 0.1), 0.4, 0.16),
                at,
                pillow,
                (-0.12, 0, rng.normal(0, 0.1)),
            )
        )
    top = Surface((0, length * 0.2, height + 0.05), (width * 0.7, length * 0.4), 0.6)
    return Thing("bed", tuple(parts), (top,))


def bench(p: Palette) -> Thing:
    """Return a long seat without a back."""
    rng = p.rng
    width, depth, seat = rng.uniform(0.8, 1.4), rng.uniform(0.3, 0.42), rng.uniform(0.42, 0.48)
    frame = p.board()
    parts = [
        *legs(width, depth, seat - 0.02, 0.05, frame),
        box("seat", (width, depth, 0.04), (0, 0, seat), frame),
    ]
    if rng.random() < 0.4:
        parts.append(cushion("pad", (width - 0.02, depth, 0.07), (0, 0, seat + 0.05), p.fabric()))
        return Thing("otherfurniture", tuple(parts))
    return Thing("otherfurniture", tuple(parts), (Surface((0, 0, seat + 0.02), (width * 0.9, depth * 0.8)),))


def pair_of_shoes(p: Palette) -> Thing:
    """Return two shoes side by side."""
    skin = p.plastic()
    one = (
        cushion("shoe", (0.1, 0.27, 0.08), (-0.065, 0, 0.045), skin),
        cushion("shoe", (0.09, 0.12, 0.12), (-0.065, -0.07, 0.07), skin),
    )
    return Thing("shoes", moved(one, (0, 0, 0), "0") + moved(one, (0.13, 0.02, 0), "1"), is_movable=True)
