"""Flat things on walls: pictures, boards, papers, screens, switches, grilles, hooks, shallow boxes."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.simulation.endless.bars import bar
from autoseg3d_core.simulation.endless.draft import Draft
from autoseg3d_core.simulation.endless.outlines import plate, profile
from autoseg3d_core.simulation.endless.skins import draw_skins, pattern
from autoseg3d_core.simulation.palette import Palette
from autoseg3d_core.simulation.parts import Material, Part, Thing, Triple, box, cylinder, solid
from autoseg3d_core.simulation.solids import Extruded, Lathed

FACING: Triple = (np.pi / 2, 0.0, np.pi)
"""Turns a plate that lies flat so that its upper side looks to the front."""
TOWARDS_WALL: Triple = (-np.pi / 2, 0.0, 0.0)
"""Turns z to y, away from the wall."""
LARGEST_M = 2.0


def flat_thing(p: Palette) -> Thing:
    """Return a thing for walls; its back is at y = 0, as flat as a sheet of paper or as deep as a hand."""
    rng = p.rng
    d = Draft(rng, draw_skins(p))
    side = float(np.exp(rng.uniform(np.log(0.08), np.log(LARGEST_M))))
    aspect = float(np.exp(rng.normal(0, 0.45)))
    size = (min(side * aspect**0.5, 2.4), min(side / aspect**0.5, 1.6))
    kinds = (_framed, _framed, _plain, _plain, _papers, _board, _dials, _grille, _hooks, _ledge, _box, _round)
    kinds[int(rng.integers(len(kinds)))](d, p, *size)
    return d.thing()


def _picture(d: Draft, p: Palette) -> Material:
    kind = int(d.rng.integers(4))
    if kind == 0:
        return p.printed("picture", 12)
    if kind == 1:
        return p.printed("screen", 6, emission=d.between(0.0, 0.4))
    return pattern(p) if kind == 2 else d.skins.body


def _sheet(d: Draft, name: str, size: tuple[float, float], thick: float, at: Triple, skin: Material) -> Part:
    """Return a flat box that shows its texture upright to the front; `at` is the middle of its back."""
    return box(name, (size[0], size[1], thick), (at[0], at[1] + thick / 2, at[2]), skin, FACING)


def _plain(d: Draft, p: Palette, width: float, height: float) -> None:
    thick = float(np.clip(d.rng.exponential(0.015), 0.0015, 0.08))
    if d.chance(0.7):
        d.add(_sheet(d, "sheet", (width, height), thick, (0, 0, height / 2), _picture(d, p)))
    else:
        outline = plate(d.rng, width, height)
        d.add(solid("sheet", Extruded(outline, thick), (0, 0, height / 2), _picture(d, p), FACING))


def _framed(d: Draft, p: Palette, width: float, height: float) -> None:
    rim = min(width, height) * d.between(0.02, 0.2)
    thick, inset = float(np.clip(d.rng.exponential(0.02), 0.008, 0.06)), d.between(0.2, 0.9)
    skin = d.skins.bar
    d.add(_sheet(d, "sheet", (width - rim, height - rim), thick * inset, (0, 0, height / 2), _picture(d, p)))
    for sign in (-1, 1):
        x, z = sign * (width - rim) / 2, height / 2 + sign * (height - rim) / 2
        d.add(box("frame", (rim, thick, height), (x, thick / 2, height / 2), skin))
        d.add(box("frame", (width, thick, rim), (0, thick / 2, z), skin))


def _papers(d: Draft, p: Palette, width: float, height: float) -> None:
    """Add sheets of paper that overlap, on a board or the bare wall."""
    on_board = d.chance(0.5)
    if on_board:
        d.add(_sheet(d, "board", (width, height), 0.012, (0, 0, height / 2), d.skins.body))
    else:
        width, height = min(width, 0.5), min(height, 0.5)
        d.add(_sheet(d, "paper0", (width, height), 0.0015, (0, 0, height / 2), pattern(p)))
    y = 0.012 if on_board else 0.0015
    for i in range(int(d.rng.integers(0, 9 if on_board else 2))):
        w, h = width * d.between(0.1, 0.4), height * d.between(0.15, 0.5)
        x, z = d.between(-0.5, 0.5) * (width - w), height / 2 + d.between(-0.5, 0.5) * (height - h)
        at = (x, y + 0.0005 * i, z)
        d.add(_sheet(d, d.name("paper"), (w, h), 0.001, at, pattern(p) if d.chance(0.6) else p.white()))


def _board(d: Draft, p: Palette, width: float, height: float) -> None:
    d.add(_sheet(d, "board", (width, height), 0.012, (0, 0, height / 2), d.skins.body))
    if d.chance(0.7):
        d.add(box("ledge", (width * d.between(0.4, 1.0), 0.06, 0.015), (0, 0.03, -0.005), d.skins.bar))
    for z in (0.0, height):
        d.add(box("rim", (width, 0.02, 0.02), (0, 0.01, z), d.skins.bar))


def _dials(d: Draft, p: Palette, width: float, height: float) -> None:
    """Add a plate with switches, sockets or dials, side by side."""
    scale = min(width, height, 0.4)
    count, across = int(d.rng.integers(1, 5)), float(np.clip(scale * 0.4, 0.05, 0.15))
    thick, is_one = d.between(0.005, 0.03), d.chance(0.5)
    upright = d.chance(0.3)
    if is_one:
        size = (across, across * count) if upright else (across * count, across)
        d.add(_sheet(d, "plate", size, thick, (0, 0, 0), d.skins.body))
    for i in range(count):
        step = (i - (count - 1) / 2) * across
        x, z = (0.0, step) if upright else (step, 0.0)
        if not is_one:
            d.add(_sheet(d, f"plate{i}", (across, across), thick, (x, 0, z), d.skins.body))
        inner = across * d.between(0.4, 0.8)
        if d.chance(0.5):
            dial = cylinder(f"dial{i}", inner, thick * 0.5, (x, thick * 1.2, z), d.skins.detail, TOWARDS_WALL)
            d.add(dial)
        else:
            turn = (d.between(0.0, 0.12), 0.0, 0.0)
            d.add(box(f"dial{i}", (inner, thick, inner), (x, thick * 0.7, z), d.skins.detail, turn))


def _grille(d: Draft, p: Palette, width: float, height: float) -> None:
    deep, count = d.between(0.02, 0.12), int(np.clip(width / d.between(0.03, 0.1), 3, 30))
    thick = width / count * d.between(0.3, 0.8)
    upright = d.chance(0.5)
    span, long = (width, height) if upright else (height, width)
    thick *= span / width
    for place in np.linspace(-span / 2 + thick / 2, span / 2 - thick / 2, count).tolist():
        size = (thick, deep, long) if upright else (long, deep, thick)
        at = (place, deep / 2, height / 2) if upright else (0.0, deep / 2, height / 2 + place)
        d.add(box("bars", size, at, d.skins.body))
    size = (width, deep * 0.3, height)
    d.add(box("back", size, (0, deep * 0.2, height / 2), d.skins.second))


def _hooks(d: Draft, p: Palette, width: float, height: float) -> None:
    width, tall = min(width, 1.2), d.between(0.04, 0.12)
    d.add(_sheet(d, "board", (width, tall), 0.02, (0, 0, 0), d.skins.body))
    for x in np.linspace(-0.42, 0.42, int(d.rng.integers(2, 7))).tolist():
        out = d.between(0.04, 0.1)
        d.add(
            bar(d.name("hook"), (x * width, 0.019, 0), (x * width, 0.02 + out, out * 0.4), 0.012, d.skins.bar)
        )


def _ledge(d: Draft, p: Palette, width: float, height: float) -> None:
    """Add a board on the wall, on brackets or bare, on which things can stand."""
    width, deep, thick = max(width, 0.3), d.between(0.1, 0.3), d.between(0.015, 0.05)
    d.add(box("board", (width, deep, thick), (0, deep / 2, 0), d.skins.body))
    if d.chance(0.6):
        for x in (-0.35, 0.35):
            tall = deep * d.between(0.3, 0.9)
            d.add(box(d.name("bracket"), (0.02, 0.015, tall), (x * width, 0.0075, -tall / 2), d.skins.bar))
            d.add(
                bar(
                    d.name("bracket"),
                    (x * width, 0.005, -tall * 0.9),
                    (x * width, deep * 0.8, 0),
                    0.012,
                    d.skins.bar,
                )
            )
    d.offer((0, deep / 2, thick / 2), (width * 0.9, deep * 0.7), 0.5)


def _box(d: Draft, p: Palette, width: float, height: float) -> None:
    width, height, deep = min(width, 0.9), min(height, 0.9), d.between(0.05, 0.25)
    d.add(box("body", (width, deep, height), (0, deep / 2, height / 2), d.skins.body))
    gap = 0.03 * min(width, height)
    at = (0, deep + 0.003, height / 2)
    d.add(box("front", (width - 2 * gap, 0.01, height - 2 * gap), at, d.skins.second))
    if d.chance(0.5):
        knob = Lathed(profile(d.rng, 0.012, 0.02), 12)
        d.add(solid("knob", knob, (width * 0.35, deep + 0.006, height / 2), d.skins.detail, TOWARDS_WALL))


def _round(d: Draft, p: Palette, width: float, height: float) -> None:
    radius, deep = min(width, height, 0.8) / 2, d.between(0.01, 0.1)
    shape = Lathed(profile(d.rng, radius, deep))
    d.add(solid("body", shape, (0, 0, 0), d.skins.body, TOWARDS_WALL))
    if d.chance(0.5):
        d.add(cylinder("face", radius * 1.2, 0.01, (0, deep, 0), _picture(d, p), TOWARDS_WALL))
