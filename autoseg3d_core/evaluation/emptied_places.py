"""Whether the camera really looked at the places that things have left: without it nobody can know of it.

The surface that was seen of each thing before is looked for again in true depth and true poses. A point of it
is seen through where depth ends clearly behind it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Float64

from autoseg3d_core.structures import Frame

CELL_M = 0.03
"""Points of a surface are so far apart."""
BEHIND_M = 0.1
"""A point is seen through where depth is larger than its own by this."""
LEAST_FRAMES, LEAST_SHARE = 3, 0.5
"""A place was looked at when this share of its points was seen through in so many frames each."""


class EmptiedPlaces:
    """Takes the frames before and after things left, and says whose places were seen to be empty."""

    def __init__(self, names: Iterable[int]) -> None:
        self._names = frozenset(names)
        self._cells: dict[int, np.ndarray] = {name: np.zeros((0, 3), np.int64) for name in self._names}
        self._through: dict[int, np.ndarray] = {}

    def take_before(self, frame: Frame, world_from_camera: Float64[np.ndarray, "4 4"]) -> None:
        """Take a frame with its true label image, in which the things still stand."""
        assert frame.label_image is not None
        camera, depth = frame.camera, frame.depth
        for name in self._names & set(np.unique(frame.label_image).tolist()):
            row, column = np.nonzero((frame.label_image == name) & (depth > 0))
            z = depth[row, column].astype(np.float64)
            x, y = (column - camera.cx) / camera.fx * z, (row - camera.cy) / camera.fy * z
            world = np.column_stack([x, y, z]) @ world_from_camera[:3, :3].T + world_from_camera[:3, 3]
            cells = np.concatenate([self._cells[name], np.floor(world / CELL_M).astype(np.int64)])
            self._cells[name] = np.unique(cells, axis=0)

    def take_after(self, frame: Frame, world_from_camera: Float64[np.ndarray, "4 4"]) -> None:
        """Take a frame in which they have left."""
        for name, cells in self._cells.items():
            counts = self._through.setdefault(name, np.zeros(len(cells), np.int64))
            counts += _is_seen_through((cells + 0.5) * CELL_M, frame, world_from_camera)

    def looked_at(self) -> frozenset[int]:
        """Return the things whose places were seen to be empty."""
        seen = {name: counts >= LEAST_FRAMES for name, counts in self._through.items() if len(counts)}
        return frozenset(name for name, points in seen.items() if points.mean() >= LEAST_SHARE)


def _is_seen_through(
    points: Float[np.ndarray, "points 3"], frame: Frame, world_from_camera: Float64[np.ndarray, "4 4"]
) -> np.ndarray:
    """Tell behind which points of the world the depth of a frame ends."""
    camera = frame.camera
    x, y, z = ((points - world_from_camera[:3, 3]) @ world_from_camera[:3, :3]).T
    ahead = np.maximum(z, 1e-3)
    column = np.round(x / ahead * camera.fx + camera.cx)
    row = np.round(y / ahead * camera.fy + camera.cy)
    inside = (z > 0) & (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    depth = frame.depth[np.where(inside, row, 0).astype(int), np.where(inside, column, 0).astype(int)]
    return inside & (depth > z + BEHIND_M)
