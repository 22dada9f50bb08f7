"""Things that are nothing in particular: grown face by face, bent sheets, heaps of soft things, poles."""

from __future__ import annotations

import numpy as np

from autoseg3d_core.simulation.endless.attachments import add_attachments
from autoseg3d_core.simulation.endless.bars import bar, bent_bar
from autoseg3d_core.simulation.endless.draft import SINK_M, Draft, mirrored, renamed, turned
from autoseg3d_core.simulation.endless.outlines import plate, profile
from autoseg3d_core.simulation.endless.supports import hold_up
from autoseg3d_core.simulation.parts import Material, Part, Triple, box, cushion, cylinder, ellipsoid, solid
from autoseg3d_core.simulation.solids import Extruded, Lathed, Sheet


def grown(d: Draft, size: Triple) -> None:
    """Make a body to whose faces other bodies are added, often alike left and right."""
    width, depth, height = size
    foot = height * d.between(0.1, 0.5) if d.chance(0.5) else 0.0
    tall = (height - foot) * d.between(0.4, 1.0)
    if foot:
        hold_up(d, width * 0.55, depth * 0.55, foot)
    core = _solid(d, "core", (width * 0.6, depth * 0.6, tall), (0, 0, foot + tall / 2), d.skins.body)
    d.add(core)
    boxes = [(np.array(core.at), np.array(core.size))]
    for _ in range(int(d.rng.integers(1, 6))):
        middle, extent = boxes[int(d.rng.integers(len(boxes)))]
        axis, sign = int(d.rng.integers(3)), int(d.rng.choice([-1, 1]))
        new = np.array([width, depth, height]) * d.rng.uniform(0.1, 0.5, 3)
        at = middle.copy()
        at[axis] += sign * ((extent + new)[axis] / 2 - SINK_M)
        for other in {0, 1, 2} - {axis}:
            slack = (extent[other] - new[other]) / 2
            at[other] += d.rng.choice([0.0, slack, -slack, d.rng.uniform(-1, 1) * slack])
        if at[2] - new[2] / 2 < 0 or at[2] + new[2] / 2 > height * 1.1:
            continue
        skin = (d.skins.body, d.skins.second, d.skins.soft, d.skins.detail)[int(d.rng.integers(4))]
        part = box if d.chance(0.65) else cushion
        piece = part(d.name("piece"), _triple(new), _triple(at), skin)
        d.add(piece)
        boxes.append((at, new))
        if axis == 0 and d.chance(0.7) and np.allclose(middle[0], 0.0):
            d.add(*renamed(mirrored([piece]), "m"))
    if d.chance(0.4):
        add_attachments(d, width * 0.6, depth * 0.6, foot + tall)


def _solid(d: Draft, name: str, size: Triple, at: Triple, skin: Material) -> Part:
    return (box, box, cushion)[int(d.rng.integers(3))](name, size, at, skin)


def bent(d: Draft, size: Triple) -> None:
    """Make a sheet bent along a line as seen from the side, with ribs, boards or bars that meet it."""
    width, depth, height = size
    thick = float(np.clip(min(size) * d.between(0.02, 0.08), 0.003, 0.05))
    lines: tuple[list[tuple[float, float]], ...] = (
        [(-1.0, 1.0), (-0.8, 0.45), (0.9, 0.45), (1.0, 0.0)],
        [(-1.0, 0.0), (-0.7, 1.0), (0.7, 1.0), (1.0, 0.0)],
        [(-1.0, 1.0), (-1.0, 0.0), (1.0, 0.0), (1.0, 0.5)],
        [(1.0, 0.0), (-1.0, 0.0), (-1.0, 0.5), (1.0, 0.5), (1.0, 1.0), (-1.0, 1.0)],
        [(-1.0, 0.0), (-0.4, 0.7), (0.4, 0.3), (1.0, 1.0)],
        [(0.6, 0.0), (-1.0, 0.0), (-1.0, 1.0), (1.0, 1.0)],
    )
    line = np.array(lines[int(d.rng.integers(len(lines)))]) * [depth / 2, height] + [0, thick / 2]
    line[:, 0] *= d.rng.choice([-1, 1])
    smooth = _smooth(line, d.between(0.05, 0.5))
    d.add(solid("sheet", Sheet(tuple(map(tuple, smooth.tolist())), thick, width), (0, 0, 0), d.skins.body))
    if d.chance(0.6):
        at = smooth[len(smooth) // 3 :: max(1, len(smooth) // 3)][:2]
        for y, z in at.tolist():
            across = thick * d.between(1.5, 4)
            d.add(cylinder(d.name("bar"), across, width * 1.04, (0, y, z), d.skins.bar, (0, np.pi / 2, 0)))
    level = smooth[np.argmax(smooth[:, 1])]
    if d.chance(0.4):
        d.add(
            cushion(
                "pad",
                (width * 0.9, depth * 0.4, thick * 3),
                (0, float(level[0]) * 0.6, float(level[1])),
                d.skins.soft,
            )
        )


def _smooth(line: np.ndarray, share: float, steps: int = 6) -> np.ndarray:
    """Return a line with its corners rounded by this share of the shorter neighbour."""
    out = [line[0]]
    for a, b, c in zip(line[:-2], line[1:-1], line[2:], strict=True):
        reach = share * min(float(np.linalg.norm(a - b)), float(np.linalg.norm(c - b)))
        first, last = b + (a - b) / np.linalg.norm(a - b) * reach, b + (c - b) / np.linalg.norm(c - b) * reach
        out += [(1 - t) ** 2 * first + 2 * t * (1 - t) * b + t**2 * last for t in np.linspace(0, 1, steps)]
    return np.array([*out, line[-1]])


def soft(d: Draft, size: Triple) -> None:
    """Make a heap of cushions and bolsters."""
    width, depth, height = size
    rows, levels = int(d.rng.integers(1, 4)), int(d.rng.integers(1, 4))
    tall = height / (levels if levels == 1 else levels * 0.95)
    for level in range(levels):
        shrink = 1.0 - 0.2 * level * d.between(0, 1)
        for i in range(rows):
            w = width * shrink / rows
            skin = d.skins.soft if d.chance(0.6) else d.skins.second
            x = (i - (rows - 1) / 2) * w
            turn = (0.0, 0.0, d.between(-0.1, 0.1) if level else 0.0)
            z = tall / 2 + level * tall * 0.9
            d.add(cushion(d.name("pad"), (w * 0.99, depth * shrink, tall), (x, 0, z), skin, turn))
    if d.chance(0.5):
        across = min(depth, height) * d.between(0.2, 0.5)
        z = tall + (levels - 1) * tall * 0.9 + across * 0.42
        d.add(cylinder("roll", across, width * 0.8, (0, -depth * 0.2, z), d.skins.detail, (0, np.pi / 2, 0)))
    d.offer((0, 0, tall + (levels - 1) * tall * 0.9), (width * 0.5, depth * 0.4))


def pole(d: Draft, size: Triple) -> None:
    """Make a foot with a pole that carries heads, arms, hooks or a shade."""
    width, depth, height = size
    thick, skin = max(0.006, 0.03 * height * d.between(0.3, 1.2)), d.skins.bar
    foot = max(0.006, height * d.between(0.01, 0.06))
    across = float(np.clip(min(width, depth), 0.15 * height, 0.5 * height))
    if d.chance(0.6):
        d.add(
            solid("foot", Extruded(plate(d.rng, across, across), foot, d.between(0.6, 1.0)), (0, 0, 0), skin)
        )
    else:
        for i in range(count := int(d.rng.integers(3, 6))):
            a = 2 * np.pi * i / count
            end = (across / 2 * float(np.cos(a)), across / 2 * float(np.sin(a)), thick / 2)
            d.add(bar(d.name("foot"), end, (0, 0, foot + across * 0.2), thick, skin))
    lean = (d.between(-0.2, 0.2) * width, 0.0) if d.chance(0.3) else (0.0, 0.0)
    bend = (d.between(0.2, 0.5) * width, d.between(-0.3, 0.3) * depth) if d.chance(0.4) else lean
    high = height * d.between(0.75, 0.95)
    top = (bend[0], bend[1], high)
    d.add(
        bent_bar("pole", [(0, 0, foot * 0.5), (lean[0], lean[1], high * 0.85), top], thick, skin, high * 0.3)
    )
    kind = int(d.rng.integers(3))
    if kind == 0:
        head = min(width, depth, 0.5 * height) * d.between(0.5, 1.0)
        shape = Lathed(profile(d.rng, head / 2, head * d.between(0.4, 1.2)))
        d.add(solid("head", shape, (top[0], top[1], high - thick), d.skins.second))
    elif kind == 1:
        d.add(ellipsoid("head", (width * 0.6, width * 0.6, width * 0.5), top, d.skins.second))
    else:
        arm = [
            bar("arm", (0, 0, high * 0.8), (across * 0.5, 0, high * d.between(0.8, 1.0)), thick * 0.7, skin)
        ]
        if d.chance(0.5):
            tip = (across * 0.5, 0.0, arm[0].at[2])
            arm = [bar("arm", (0, 0, high * 0.8), tip, thick * 0.7, skin)]
            arm.append(ellipsoid("tip", (across * 0.3, across * 0.3, across * 0.3), tip, d.skins.detail))
        d.parts = [part for part in d.parts if part.name != "pole"]
        d.add(bent_bar("pole", [(0, 0, foot * 0.5), (0, 0, height)], thick, skin, 0.0))
        for i in range(count := int(d.rng.integers(2, 7))):
            d.add(*renamed(turned(arm, 2 * np.pi * i / count), str(i)))


def _triple(values: np.ndarray) -> Triple:
    x, y, z = (float(v) for v in values)
    return x, y, z
