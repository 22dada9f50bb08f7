"""Colours of track ids: the same id always has the same colour, neighbouring ids look different."""

from __future__ import annotations

import colorsys

import numpy as np
from jaxtyping import Int, UInt8

NOBODY = (150, 150, 150)
GOLDEN_RATIO = 0.618033988749895
SHADES = ((0.75, 0.95), (0.95, 0.75), (0.5, 1.0))
"""Saturation and value, taken in turn, so that ids of similar hue still differ."""
COLORS = 1024


def _table() -> UInt8[np.ndarray, "colors 3"]:
    rows = [colorsys.hsv_to_rgb((i * GOLDEN_RATIO) % 1.0, *SHADES[i % len(SHADES)]) for i in range(COLORS)]
    return np.round(np.array(rows) * 255).astype(np.uint8)


_COLORS = _table()


def colors_of(ids: Int[np.ndarray, "*ids"]) -> UInt8[np.ndarray, "*ids 3"]:
    """Return the colour of each id as RGB; grey for id 0."""
    ids = np.asarray(ids)
    return np.where((ids > 0)[..., None], _COLORS[ids % COLORS], np.uint8(NOBODY[0]))
