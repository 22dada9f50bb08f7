"""Whether the parts of a thing hold together, and whether it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool, Float
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from autoseg3d_core.simulation.endless.touch import triangles
from autoseg3d_core.simulation.parts import Part

REACH_M = 0.003
"""Parts that come this near to each other touch."""
FOOT_M = 0.012


def touching(parts: Sequence[Part]) -> Bool[np.ndarray, "parts parts"]:
    """Tell which parts touch: an edge of one, a little enlarged, goes through a face of the other."""
    faces = [_enlarged(part) for part in parts]
    low = np.array([face.min(axis=(0, 1)) for face in faces])
    high = np.array([face.max(axis=(0, 1)) for face in faces])
    near = ((low[:, None] < high[None]) & (high[:, None] > low[None])).all(axis=-1)
    result = np.eye(len(parts), dtype=bool)
    for i, j in np.argwhere(np.triu(near, 1)).tolist():
        between = np.maximum(low[i], low[j]), np.minimum(high[i], high[j])
        a, b = _within(faces[i], *between), _within(faces[j], *between)
        result[i, j] = result[j, i] = _pierces(a, b) or _pierces(b, a)
    return result


def _enlarged(part: Part) -> Float[np.ndarray, "faces 3 3"]:
    size = np.array(part.size)
    return triangles(replace(part, size=tuple((size + REACH_M).tolist())))


def _within(
    faces: Float[np.ndarray, "faces 3 3"], low: Float[np.ndarray, "3"], high: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "kept 3 3"]:
    """Return the triangles that may reach into a box."""
    return faces[((faces.min(axis=1) <= high) & (faces.max(axis=1) >= low)).all(axis=1)]


def _pierces(edged: Float[np.ndarray, "faces 3 3"], pierced: Float[np.ndarray, "others 3 3"]) -> bool:
    """Tell whether an edge of the first triangles goes through one of the others (Moeller, Trumbore 1997)."""
    if not len(edged) or not len(pierced):
        return False
    start = edged.reshape(-1, 3)
    along = np.roll(edged, -1, axis=1).reshape(-1, 3) - start
    corner, first, second = pierced[:, 0], pierced[:, 1] - pierced[:, 0], pierced[:, 2] - pierced[:, 0]
    normal = np.cross(first, second)
    slope = -along @ normal.T  # (edges, faces)
    to = start[:, None] - corner[None]
    turn = np.cross(to, along[:, None])
    inverse = 1 / np.where(np.abs(slope) < 1e-15, np.inf, slope)
    u = np.einsum("efi,fi->ef", turn, second) * inverse
    v = -np.einsum("efi,fi->ef", turn, first) * inverse
    share = np.einsum("efi,fi->ef", to, normal) * inverse
    return bool(((inverse != 0) & (u >= 0) & (v >= 0) & (u + v <= 1) & (share >= 0) & (share <= 1)).any())


def largest_piece(parts: Sequence[Part]) -> list[Part]:
    """Return the parts that hold together with the most others."""
    _, piece = connected_components(csr_matrix(touching(parts)), directed=False)
    return [part for part, mine in zip(parts, piece == np.bincount(piece).argmax(), strict=True) if mine]


def stands(parts: Sequence[Part]) -> bool:
    """Tell whether the middle of mass lies above what touches the floor; parts weigh as their boxes do."""
    points = np.concatenate([part.vertices for part in parts])
    feet = points[points[:, 2] < points[:, 2].min() + FOOT_M][:, :2].astype(np.float32)
    weight = np.array([np.prod(part.size) for part in parts])
    middle = (np.array([part.at for part in parts]) * weight[:, None]).sum(axis=0) / weight.sum()
    hull = cv2.convexHull(feet)
    if len(hull) < 3:
        return False
    return cv2.pointPolygonTest(hull, (float(middle[0]), float(middle[1])), False) >= 0
