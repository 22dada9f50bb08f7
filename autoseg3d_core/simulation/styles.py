"""The styles of simulated rooms by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autoseg3d_core.simulation.endless.style import draw_endless, draw_mixed
from autoseg3d_core.simulation.other.style import draw_other, draw_other_tuning
from autoseg3d_core.simulation.rooms_style import HOME, Style


def _home(rng: np.random.Generator) -> Style:
    return HOME


STYLES: dict[str, Callable[[np.random.Generator], Style]] = {
    "home": _home,
    "endless": draw_endless,
    "mixed": draw_mixed,
    "other": draw_other,
    "other-tuning": draw_other_tuning,
}
"""Draws a style for one scene."""
