"""The materials of one thing: one for all, or a few, shared with other things or its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autoseg3d_core.simulation.palette import Palette, colour
from autoseg3d_core.simulation.parts import Material

PATTERNS = 24
"""Random textures of a scene."""
PLAIN = ("", "", "plaster", "fabric", "carpet", "wood", "planks", "marble", "leaves")


@dataclass(frozen=True)
class Skins:
    """Materials by what they are for; several may be the same."""

    body: Material
    second: Material
    detail: Material
    soft: Material
    bar: Material


def draw_skins(p: Palette) -> Skins:
    """Return the materials of a thing; a third of all things are of one material."""
    rng = p.rng
    body = any_material(p)
    second = body if rng.random() < 0.5 else any_material(p)
    detail = body if rng.random() < 0.35 else any_material(p)
    soft = (p.fabric() if rng.random() < 0.5 else any_material(p)) if rng.random() < 0.8 else body
    bar = body if rng.random() < 0.4 else (p.metal() if rng.random() < 0.5 else any_material(p))
    if rng.random() < 0.15:
        return Skins(body, body, body, body, body)
    return Skins(body, second, detail, soft, bar)


def any_material(p: Palette) -> Material:
    """Return a material of the scene's palette, or any other."""
    rng = p.rng
    if rng.random() < 0.5:
        draws = (p.wood, p.wood, p.fabric, p.paint, p.paint, p.metal, p.plastic, p.white)
        return draws[int(rng.integers(len(draws)))]()
    if rng.random() < 0.4:
        return pattern(p)
    kind = str(rng.choice(PLAIN))
    tint = colour(rng, (0.0, 0.85), (0.12, 0.98))
    return Material(tint, f"{kind}{rng.integers(3)}" if kind else "", float(rng.choice([0.0, 0.2, 0.5, 0.8])))


def pattern(p: Palette, emission: float = 0.0) -> Material:
    """Return a material with a random texture."""
    rng = p.rng
    tint = (1.0, 1.0, 1.0) if rng.random() < 0.6 else colour(rng, (0.0, 0.4), (0.5, 1.0))
    return Material(tint, f"pattern{rng.integers(PATTERNS)}", float(rng.choice([0.0, 0.3, 0.6])), emission)


def shade(rng: np.random.Generator, material: Material) -> Material:
    """Return nearly the same material, a little lighter or darker."""
    factor = rng.uniform(0.8, 1.15)
    red, green, blue = (float(min(1.0, v * factor)) for v in material.rgb)
    return Material((red, green, blue), material.texture, material.shine, material.emission)
