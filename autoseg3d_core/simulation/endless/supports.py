"""What holds things up: legs, pedestals, panels, sleds, plinths, castors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autoseg3d_core.simulation.endless.bars import bar, bent_bar
from autoseg3d_core.simulation.endless.draft import SINK_M, Draft
from autoseg3d_core.simulation.endless.outlines import plate, profile
from autoseg3d_core.simulation.parts import box, cylinder, ellipsoid, solid
from autoseg3d_core.simulation.solids import Extruded, Lathed


def hold_up(d: Draft, width: float, depth: float, height: float, is_oval: bool = False) -> None:
    """Add what carries a body with this footprint, from the floor to this height.

    `is_oval`: the footprint's corners are empty.
    """
    low = height < 0.35 * min(width, depth)
    choices: tuple[Callable[[Draft, float, float, float], None], ...]
    if low:
        choices = (_corner_legs, _plinth, _castors, _corner_legs, _runners)
    else:
        choices = (
            _corner_legs,
            _corner_legs,
            _corner_legs,
            _pedestal,
            _panels,
            _sleds,
            _radial_legs,
            _crossed,
            _drum,
        )
    if is_oval:
        choices = (_radial_legs, _radial_legs, _pedestal, _drum, _plinth)
    choices[int(d.rng.integers(len(choices)))](d, width, depth, height)


def _thickness(d: Draft, width: float, depth: float, height: float) -> float:
    return float(np.clip(d.between(0.03, 0.1) * (width * depth * height) ** (1 / 3), 0.006, 0.12))


def _corner_legs(d: Draft, width: float, depth: float, height: float) -> None:
    rng, thick = d.rng, _thickness(d, width, depth, height)
    thick = min(thick, 0.4 * min(width, depth))
    shape, taper = str(rng.choice(["round", "square"])), d.between(0.4, 1.0) if d.chance(0.5) else 1.0
    splay = 1.0 if d.chance(0.6) else d.between(0.75, 1.2)
    inset = d.between(0.0, 0.15) * min(width, depth)
    x, y = width / 2 - thick / 2 - inset, depth / 2 - thick / 2 - inset
    skin = d.skins.bar if d.chance(0.5) else d.skins.second
    columns = [-x, x] if width < 1.6 or d.chance(0.7) else [-x, 0.0, x]
    for cx in columns:
        for cy in (-y, y):
            foot = (cx * splay, cy * splay, 0.0)
            d.add(bar(d.name("leg"), foot, (cx, cy, height + SINK_M), thick, skin, shape, taper))
    if height > 4 * thick and d.chance(0.35):
        _stretchers(d, x, y, height, thick, splay)


def _stretchers(d: Draft, x: float, y: float, height: float, thick: float, splay: float) -> None:
    level = d.between(0.15, 0.9)
    z, spread = level * height, splay + (1 - splay) * level
    x, y, skin = x * spread, y * spread, d.skins.bar
    kind = int(d.rng.integers(4))
    if kind == 0:
        for side in (-1, 1):
            d.add(bar(d.name("rail"), (side * x, -y, z), (side * x, y, z), thick * 0.7, skin, "square"))
        d.add(bar(d.name("rail"), (-x, 0, z), (x, 0, z), thick * 0.6, skin, "square"))
    elif kind == 1:
        for side in (-1, 1):
            d.add(bar(d.name("rail"), (-x, side * y, z), (x, side * y, z), thick * 0.7, skin))
            d.add(bar(d.name("rail"), (side * x, -y, z), (side * x, y, z), thick * 0.7, skin))
    elif kind == 2:
        d.add(box(d.name("shelf"), (2 * x, 2 * y, thick * 0.6), (0, 0, z), d.skins.second))
        d.offer((0, 0, z + thick * 0.3), (1.6 * x, 1.6 * y), height - z - thick)
    else:
        d.add(bar(d.name("rail"), (-x, -y, z), (x, y, z), thick * 0.6, skin))
        d.add(bar(d.name("rail"), (x, -y, z), (-x, y, z), thick * 0.6, skin))


def _radial_legs(d: Draft, width: float, depth: float, height: float) -> None:
    count, thick = int(d.rng.integers(3, 7)), _thickness(d, width, depth, height)
    reach, foot = d.between(0.15, 0.38), d.between(0.25, 0.5)
    shape, skin, start = str(d.rng.choice(["round", "square"])), d.skins.bar, d.between(0, np.pi)
    for i in range(count):
        angle = start + 2 * np.pi * i / count
        x, y = width * float(np.cos(angle)), depth * float(np.sin(angle))
        top = (x * reach, y * reach, height + SINK_M)
        d.add(bar(d.name("leg"), (x * foot, y * foot, 0.0), top, thick, skin, shape, d.between(0.5, 1.0)))


def _pedestal(d: Draft, width: float, depth: float, height: float) -> None:
    least, skin = min(width, depth), d.skins.bar
    column = d.between(0.06, 0.3) * least
    d.add(solid(d.name("column"), Lathed(profile(d.rng, column, height + SINK_M)), (0, 0, 0), skin))
    if d.chance(0.5):
        thick = max(0.01, 0.05 * height)
        foot = plate(d.rng, least * d.between(0.5, 0.95), least * d.between(0.5, 0.95))
        d.add(solid(d.name("foot"), Extruded(foot, thick, d.between(0.7, 1.0)), (0, 0, 0), skin))
        return
    count, reach, thick = int(d.rng.integers(3, 6)), least * d.between(0.3, 0.5), max(0.012, 0.05 * least)
    has_wheels = d.chance(0.5)
    lift = thick * (2.2 if has_wheels else 0.5)
    for i in range(count):
        angle = 2 * np.pi * i / count
        x, y = reach * float(np.cos(angle)), reach * float(np.sin(angle))
        d.add(
            bar(
                d.name("spoke"),
                (x, y, lift),
                (0, 0, lift + d.between(0, 0.1) * height),
                thick,
                skin,
                "square",
            )
        )
        if has_wheels:
            d.add(
                ellipsoid(d.name("wheel"), (thick * 2, thick * 2, 2 * thick), (x, y, thick), d.skins.detail)
            )


def _panels(d: Draft, width: float, depth: float, height: float) -> None:
    thick, deep = d.board(width), depth * d.between(0.6, 1.0)
    inset, skin = d.between(0.0, 0.2) * width, d.skins.second
    for side in (-1, 1):
        at = (side * (width / 2 - thick / 2 - inset), 0.0, height / 2 + SINK_M / 2)
        d.add(box(d.name("side"), (thick, deep, height + SINK_M), at, skin))
    if d.chance(0.6):
        tall, y = height * d.between(0.3, 1.0), d.between(-0.45, 0.1) * deep
        inner = width - 2 * inset - thick
        d.add(box(d.name("brace"), (inner, thick, tall), (0, y, height - tall / 2), skin))


def _sleds(d: Draft, width: float, depth: float, height: float) -> None:
    """Add two bent loops, left and right."""
    thick = _thickness(d, width, depth, height) * 0.7
    x, y = width / 2 * d.between(0.6, 0.97) - thick / 2, depth / 2 * d.between(0.7, 1.0) - thick / 2
    top, foot, skin = height + SINK_M, thick / 2, d.skins.bar
    kind = int(d.rng.integers(3))
    if kind == 0:  # under the whole depth
        path = [(0, -y, top), (0, -y, foot), (0, y, foot), (0, y, top)]
    elif kind == 1:  # a cantilever
        path = [(0, y, top), (0, y, foot), (0, -y, foot)]
    else:  # a slanted loop
        path = [(0, -y * 0.4, top), (0, -y, foot), (0, y, foot), (0, y * 0.4, top)]
    rounding = d.between(0.3, 3) * thick
    for side in (-1, 1):
        moved = [(side * x, py, pz) for _, py, pz in path]
        d.add(bent_bar(d.name("loop"), moved, thick, skin, rounding))
    d.add(
        bar(
            d.name("rail"),
            (-x, -y if kind < 2 else 0.0, foot),
            (x, -y if kind < 2 else 0.0, foot),
            thick,
            skin,
        )
    )


def _crossed(d: Draft, width: float, depth: float, height: float) -> None:
    """Add two crosses, or trestles, left and right."""
    thick, skin = _thickness(d, width, depth, height), d.skins.bar
    x, foot, head = width / 2 * d.between(0.6, 0.95), depth / 2, depth / 2 * d.between(0.05, 1.0)
    is_cross, level = d.chance(0.5), height * d.between(0.3, 0.5)
    for side in (-1, 1):
        for end in (-1, 1):
            top = -end * head if is_cross else end * head
            d.add(
                bar(
                    d.name("leg"),
                    (side * x, end * foot, 0),
                    (side * x, top, height + SINK_M),
                    thick,
                    skin,
                    "square",
                )
            )
        if not is_cross:
            wide = foot + (head - foot) * level / height
            d.add(
                bar(
                    d.name("rail"),
                    (side * x, -wide, level),
                    (side * x, wide, level),
                    thick * 0.7,
                    skin,
                    "square",
                )
            )
    z = height / 2 * foot / (foot + head) * 2 if is_cross else level
    d.add(bar(d.name("rail"), (-x, 0, z), (x, 0, z), thick * 0.8, skin))


def _drum(d: Draft, width: float, depth: float, height: float) -> None:
    share = d.between(0.35, 0.9)
    if d.chance(0.5):
        radius = min(width, depth) / 2 * share
        d.add(
            solid(d.name("drum"), Lathed(profile(d.rng, radius, height + SINK_M)), (0, 0, 0), d.skins.second)
        )
        return
    outline = plate(d.rng, width * share, depth * share)
    d.add(solid(d.name("drum"), Extruded(outline, height + SINK_M), (0, 0, 0), d.skins.second))


def _plinth(d: Draft, width: float, depth: float, height: float) -> None:
    share = d.between(0.6, 0.98)
    size = (width * share, depth * share, height + SINK_M)
    d.add(box(d.name("plinth"), size, (0, 0, (height + SINK_M) / 2), d.skins.bar))


def _castors(d: Draft, width: float, depth: float, height: float) -> None:
    x, y, across = width * 0.42, depth * 0.42, height * 0.7
    for cx in (-x, x):
        for cy in (-y, y):
            at = (cx, cy, across / 2)
            d.add(cylinder(d.name("wheel"), across, across * 0.4, at, d.skins.detail, (0, np.pi / 2, 0)))
            d.add(
                cylinder(
                    d.name("axle"), across * 0.3, height * 0.6, (cx, cy, height * 0.7 + SINK_M), d.skins.bar
                )
            )


def _runners(d: Draft, width: float, depth: float, height: float) -> None:
    thick, along_x = min(0.2 * width, 0.2 * depth), d.chance(0.5)
    for place in (-0.4, 0.4) if d.chance(0.6) else (-0.42, 0.0, 0.42):
        size = (width * 0.96, thick, height + SINK_M) if along_x else (thick, depth * 0.96, height + SINK_M)
        at = (0.0, place * depth, height / 2) if along_x else (place * width, 0.0, height / 2)
        d.add(box(d.name("runner"), size, at, d.skins.bar))
