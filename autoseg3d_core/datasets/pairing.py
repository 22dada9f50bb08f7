"""Which depth image belongs to which colour image, by their stamps."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64


def pair_stamps(
    colors: Int64[np.ndarray, " colors"], depths: Int64[np.ndarray, " depths"], slop_ns: int
) -> list[tuple[int, int]]:
    """Return pairs of positions in two sorted lists of stamps, none used twice, in the order of `colors`.

    The closest two are paired first, so that no image takes the partner that fits another one better.
    """
    first = np.searchsorted(depths, colors - slop_ns, side="left")
    count = np.searchsorted(depths, colors + slop_ns, side="right") - first
    color = np.repeat(np.arange(len(colors)), count)
    depth = np.arange(len(color)) + np.repeat(first - (np.cumsum(count) - count), count)
    gap = np.abs(colors[color] - depths[depth])
    order = np.lexsort((depth, color, gap))
    partner: dict[int, int] = {}
    taken: set[int] = set()
    for i, j in zip(color[order].tolist(), depth[order].tolist(), strict=True):
        if i not in partner and j not in taken:
            partner[i] = j
            taken.add(j)
    return sorted(partner.items())
