"""What sits on a body: panels, knobs, handles, spouts, fins, arms; each begins where a ray meets the body."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from autoseg3d_core.simulation.endless.bars import bent_bar, turn_to
from autoseg3d_core.simulation.endless.draft import SINK_M, Draft
from autoseg3d_core.simulation.endless.outlines import plate, profile
from autoseg3d_core.simulation.endless.touch import Spot, Touch
from autoseg3d_core.simulation.parts import Material, Part, Triple, box, cushion, cylinder, ellipsoid, solid
from autoseg3d_core.simulation.solids import Extruded, Lathed

Look = Callable[[float, float], Spot | None]
"""Finds the spot of a face at two coordinates in it."""


def add_attachments(d: Draft, width: float, depth: float, height: float, count: int = 0) -> None:
    """Add some attachments to a body of about this size, on its front, its sides in pairs, or its top."""
    for _ in range(count or int(d.rng.integers(1, 4))):
        kind = int(d.rng.integers(8))
        if kind < 3:
            _on_front(d, width, height)
        elif kind < 6:
            _on_sides(d, depth, height)
        else:
            _on_top(d, width, depth)


def _on_front(d: Draft, width: float, height: float) -> None:
    touch, scale = Touch(d.parts), min(width, height)
    x, z = (0.0 if d.chance(0.4) else d.between(-0.35, 0.35) * width), d.between(0.2, 0.9) * height
    kind = int(d.rng.integers(5))
    if kind == 0:
        _panel(d, touch, (x, z), (d.between(0.15, 0.8) * width, d.between(0.1, 0.6) * height))
    elif kind == 1:
        _array(d, touch, (x, z), scale)
    elif kind == 2:
        half = d.between(0.06, 0.25) * scale
        across = d.chance(0.5)
        ends = [(x - half, z), (x + half, z)] if across else [(x, z - half), (x, z + half)]
        _bow(d, touch.front(*ends[0]), touch.front(*ends[1]), scale)
    else:
        _sprout(d, touch.front(x, z), scale)


def _on_sides(d: Draft, depth: float, height: float) -> None:
    """Add the same on both sides, or on one."""
    touch, scale, state = Touch(d.parts), min(depth, height), d.rng.bit_generator.state
    y, z = (0.0 if d.chance(0.5) else d.between(-0.35, 0.35) * depth), d.between(0.15, 0.9) * height
    half, kind = d.between(0.08, 0.3) * height, int(d.rng.integers(4))
    sides = (-1, 1) if d.chance(0.65) else (1,)
    state = d.rng.bit_generator.state
    for side in sides:
        d.rng.bit_generator.state = state  # both sides are drawn alike
        spot = touch.side(side, y, z)
        if kind == 0:
            _bow(d, touch.side(side, y, z - half), touch.side(side, y, min(z + half, height * 0.98)), scale)
        elif kind == 1:
            _wheel(d, touch.side(side, y, min(z, height * 0.4)), scale)
        else:
            _sprout(d, spot, scale, side)


def _on_top(d: Draft, width: float, depth: float) -> None:
    touch, scale = Touch(d.parts), min(width, depth)
    x, y = (0.0, 0.0) if d.chance(0.5) else (d.between(-0.3, 0.3) * width, d.between(-0.3, 0.3) * depth)
    if d.chance(0.25):
        half = d.between(0.1, 0.3) * width
        _bow(d, touch.top(x - half, y), touch.top(x + half, y), scale)
        return
    _sprout(d, touch.top(x, y), scale)


def _panel(d: Draft, touch: Touch, at: tuple[float, float], size: tuple[float, float]) -> None:
    """Add a flat piece where the face is flat, plain or with a rim."""
    (x, z), (width, height) = at, size
    corners = [touch.front(x + sx * width / 2, z + sz * height / 2) for sx in (-1, 1) for sz in (-1, 1)]
    depths = [spot.at[1] for spot in corners if spot]
    if len(depths) < 4 or max(depths) - min(depths) > SINK_M:
        return
    y, thick = max(depths), float(np.clip(min(size) * d.between(0.01, 0.12), 0.003, 0.03))
    name, skin = d.name("panel"), d.skins.detail if d.chance(0.6) else d.skins.second
    d.add(box(name, (width, thick + SINK_M, height), (x, y + (thick - SINK_M) / 2, z), skin))
    if d.chance(0.4):
        inner = (width * d.between(0.5, 0.9), thick * 0.4, height * d.between(0.5, 0.9))
        d.add(box(d.name("inlay"), inner, (x, y + thick + 0.1 * thick, z), d.skins.soft))


def _array(d: Draft, touch: Touch, at: tuple[float, float], scale: float) -> None:
    """Add rows of equal buttons, dials or slots, where the face is."""
    columns, rows = int(d.rng.integers(1, 6)), int(d.rng.integers(1, 4))
    pitch = d.between(0.08, 0.16) * scale
    across, out = pitch * d.between(0.4, 0.85), pitch * d.between(0.1, 0.4)
    is_round, name, skin = d.chance(0.6), d.name("buttons"), d.skins.detail
    for i in range(columns):
        for j in range(rows):
            spot = touch.front(at[0] + (i - (columns - 1) / 2) * pitch, at[1] + (j - (rows - 1) / 2) * pitch)
            if spot is None or abs(spot.normal[1]) < 0.5:
                continue
            middle, turn = spot.out(out / 2 - SINK_M), turn_to(np.array(spot.normal))
            if is_round:
                d.add(cylinder(name, across, out, middle, skin, turn))
            else:
                d.add(box(name, (across, across, out), middle, skin, turn))


def _bow(d: Draft, first: Spot | None, last: Spot | None, scale: float) -> None:
    """Add a handle between two spots."""
    if first is None or last is None:
        return
    length = float(np.linalg.norm(np.subtract(first.at, last.at)))
    if length < 0.02 or length > 3 * scale:
        return
    reach, thick = length * d.between(0.3, 0.8), float(np.clip(scale * d.between(0.03, 0.1), 0.004, 0.04))
    path = [first.out(-SINK_M), first.out(reach), last.out(reach), last.out(-SINK_M)]
    if min(float(np.linalg.norm(np.subtract(a, b))) for a, b in pairwise(path)) < 0.004:
        return
    skin = d.skins.detail if d.chance(0.5) else d.skins.body
    d.add(bent_bar(d.name("handle"), path, thick, skin, d.between(0.1, 1.0) * reach))


def _wheel(d: Draft, spot: Spot | None, scale: float) -> None:
    if spot is None:
        return
    across, thick = scale * d.between(0.15, 0.5), scale * d.between(0.04, 0.15)
    along = (float(np.sign(spot.normal[0])), 0.0, 0.0)
    lift = max(across / 2, spot.at[2])
    at = (spot.at[0] + along[0] * (thick / 2 - SINK_M), spot.at[1], lift if spot.at[2] < lift else spot.at[2])
    d.add(cylinder(d.name("wheel"), across, thick, at, d.skins.detail, (0, np.pi / 2, 0)))


def _sprout(d: Draft, spot: Spot | None, scale: float, side: int = 1) -> None:
    """Add a knob, a spout, an arm with something at its end, a block or a fin."""
    if spot is None:
        return
    normal, name, skin = np.array(spot.normal), d.name("piece"), _any_skin(d)
    turn, kind = turn_to(normal), int(d.rng.integers(6))
    across = float(np.clip(scale * d.between(0.05, 0.35), 0.008, 0.6))
    out = across * d.between(0.3, 1.6)
    if kind == 0:
        d.add(solid(name, Lathed(profile(d.rng, across / 2, out)), spot.out(-SINK_M), skin, turn))
    elif kind == 1:
        d.add(ellipsoid(name, (across, across, out), spot.out(out * 0.4), skin, turn))
    elif kind == 2:
        shape = cushion if d.chance(0.4) else box
        d.add(
            shape(name, (across, across * d.between(0.3, 1.0), out), spot.out(out / 2 - SINK_M), skin, turn)
        )
    elif kind == 3:
        outline = plate(d.rng, across * 1.6, across * d.between(0.1, 0.4))
        d.add(solid(name, Extruded(outline, out * 1.5, d.between(0.4, 1.0)), spot.out(-SINK_M), skin, turn))
    else:
        _arm(d, spot, across, skin, side)


def _arm(d: Draft, spot: Spot, across: float, skin: Material, side: int) -> None:
    """Add a straight or bent bar that ends in a head."""
    thick = max(0.006, across * d.between(0.12, 0.4))
    up = np.array([d.between(-0.2, 0.2) * side, d.between(-0.2, 0.5), d.between(0.1, 1.0)])
    first = np.array(spot.out(across * d.between(0.8, 2.0)))
    last = first + up * across * 1.5
    last[2] = max(last[2], 0.02)
    path = [spot.out(-SINK_M), _triple(first), _triple(last)]
    d.add(bent_bar(d.name("arm"), path, thick, skin, d.between(0.2, 2.0) * thick))
    if d.chance(0.6):
        d.add(_head(d, _triple(last), across * d.between(0.5, 1.4)))


def _head(d: Draft, at: Triple, across: float) -> Part:
    name, skin, kind = d.name("head"), _any_skin(d), int(d.rng.integers(4))
    if kind == 0:
        return ellipsoid(name, (across, across, across * d.between(0.4, 1.2)), at, skin)
    if kind == 1:
        return box(name, (across, across * d.between(0.2, 1.0), across * d.between(0.3, 1.0)), at, skin)
    if kind == 2:
        tall = across * d.between(0.4, 1.2)
        return solid(name, Lathed(profile(d.rng, across / 2, tall)), (at[0], at[1], at[2] - SINK_M), skin)
    return cylinder(name, across, across * d.between(0.1, 0.6), at, skin, (np.pi / 2, 0, 0))


def _any_skin(d: Draft) -> Material:
    skins = (d.skins.body, d.skins.second, d.skins.detail, d.skins.bar)
    return skins[int(d.rng.integers(len(skins)))]


def _triple(values: np.ndarray) -> Triple:
    x, y, z = (float(v) for v in values)
    return x, y, z
