"""How a scene is lit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autoseg3d_core.simulation.parts import Triple


@dataclass(frozen=True)
class Light:
    """Light from all sides, from the camera, and from far away in given directions."""

    ambient: Triple
    head: Triple
    directions: tuple[Triple, ...]
    colors: tuple[Triple, ...]


EVEN_LIGHT = Light(
    (0.45, 0.45, 0.45), (0.2, 0.2, 0.2), ((0.3, 0.5, -1.0), (-0.6, -0.3, -0.8)), ((0.35,) * 3, (0.2,) * 3)
)


def draw_light(rng: np.random.Generator) -> Light:
    """Return the light of a scene: day or lamps, bright or dim, warm or cold."""
    strength, warmth = rng.uniform(0.75, 1.15), rng.uniform(-0.08, 0.14)
    tint = np.array([1 + warmth, 1.0, 1 - warmth])
    ambient = rng.uniform(0.42, 0.6) * strength * tint
    head = rng.uniform(0.08, 0.28) * strength * np.ones(3)
    directions, colors = [], []
    for power in (rng.uniform(0.28, 0.45), rng.uniform(0.1, 0.3)):
        turn, drop = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.6)
        directions.append((float(np.cos(turn)), float(np.sin(turn)), float(-drop)))
        colors.append(_triple(power * strength * tint * rng.uniform(0.94, 1.06, 3)))
    return Light(_triple(ambient), _triple(head), tuple(directions), tuple(colors))


def _triple(values: np.ndarray) -> Triple:
    red, green, blue = (float(v) for v in values)
    return red, green, blue
