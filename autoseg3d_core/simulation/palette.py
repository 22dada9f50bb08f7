"""The materials of one scene: a few woods, fabrics, paints and metals that its furniture shares."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from autoseg3d_core.simulation.parts import Material, Triple

WOODS: tuple[Triple, ...] = (
    (0.80, 0.62, 0.42),
    (0.62, 0.43, 0.27),
    (0.45, 0.28, 0.16),
    (0.33, 0.20, 0.13),
    (0.88, 0.76, 0.58),
    (0.72, 0.68, 0.62),
    (0.20, 0.16, 0.14),
)
WHITE: Triple = (0.92, 0.92, 0.90)
BLACK: Triple = (0.09, 0.09, 0.10)


def colour(rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]) -> Triple:
    """Return a colour of any hue."""
    return colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value))


def _near(rng: np.random.Generator, rgb: Triple, spread: float = 0.06) -> Triple:
    red, green, blue = np.clip(
        np.array(rgb) * rng.uniform(1 - spread, 1 + spread) + rng.normal(0, 0.01, 3), 0, 1
    )
    return float(red), float(green), float(blue)


@dataclass(frozen=True)
class Palette:
    """Draws materials for one scene; things of one kind often share them."""

    rng: np.random.Generator
    woods: tuple[Material, ...]
    fabrics: tuple[Material, ...]
    paints: tuple[Material, ...]
    metals: tuple[Material, ...]

    @staticmethod
    def draw(rng: np.random.Generator) -> Palette:
        """Choose the materials of a scene."""
        tones = rng.permutation(len(WOODS))
        woods = [
            Material(_near(rng, WOODS[t]), f"wood{i}", rng.uniform(0.05, 0.4))
            for i, t in enumerate(tones[:3])
        ]
        kinds = ("fabric0", "fabric1", "stripes0", "checker0", "paper0")
        chosen = rng.choice(kinds, 4, p=[0.4, 0.3, 0.12, 0.06, 0.12])
        fabrics = [Material(colour(rng, (0.0, 0.65), (0.2, 0.95)), str(kind), 0.0) for kind in chosen]
        paints = [
            Material(_near(rng, WHITE), "", 0.3),
            Material(colour(rng, (0.0, 0.35) if rng.random() < 0.75 else (0.3, 0.65), (0.25, 0.9)), "", 0.2),
        ]
        paints.append(Material(colour(rng, (0.0, 0.2), (0.15, 0.6)), "plaster0", 0.2))
        metals = [Material((0.62, 0.63, 0.65), "", 0.8), Material(_near(rng, BLACK), "", 0.4)]
        metals.append(Material(_near(rng, WHITE), "", 0.5))
        return Palette(rng, tuple(woods), tuple(fabrics), tuple(paints), tuple(metals))

    def _one(self, materials: tuple[Material, ...]) -> Material:
        return materials[int(self.rng.integers(len(materials)))]

    def wood(self) -> Material:
        """Return one of the woods."""
        return self._one(self.woods)

    def fabric(self) -> Material:
        """Return one of the fabrics."""
        return self._one(self.fabrics)

    def paint(self) -> Material:
        """Return one of the paints."""
        return self._one(self.paints)

    def metal(self) -> Material:
        """Return one of the metals."""
        return self._one(self.metals)

    def board(self) -> Material:
        """Return what furniture is made of: wood, or painted."""
        return self.wood() if self.rng.random() < 0.62 else self.paint()

    def white(self) -> Material:
        """Return ceramic or enamel."""
        return Material(_near(self.rng, WHITE), "", 0.7)

    def plastic(self) -> Material:
        """Return plastic of any colour, often dark."""
        if self.rng.random() < 0.35:
            return Material(_near(self.rng, BLACK, 0.5), "", 0.4)
        return Material(colour(self.rng, (0.1, 0.85), (0.3, 0.95)), "", 0.4)

    def printed(self, kind: str, variants: int, emission: float = 0.0) -> Material:
        """Return one of a few pictures, screens or prints in their own colours."""
        return Material((1.0, 1.0, 1.0), f"{kind}{self.rng.integers(variants)}", emission=emission)
