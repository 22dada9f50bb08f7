"""The labelled cloud of a scene, gathered frame by frame in small voxels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64, UInt8

KEY_BITS = 20
KEY_HALF = 1 << (KEY_BITS - 1)
BATCH = 32


@dataclass(frozen=True, eq=False)
class Votes:
    """Sums over the points of one instance in one voxel, a row per pair, sorted by voxel and instance."""

    voxel: Int64[np.ndarray, " rows"]
    instance: Int64[np.ndarray, " rows"]
    count: Int64[np.ndarray, " rows"]
    xyz: Float[np.ndarray, "rows 3"]
    rgb: Float[np.ndarray, "rows 3"]

    @staticmethod
    def of(
        xyz: Float[np.ndarray, "points 3"],
        rgb: UInt8[np.ndarray, "points 3"],
        instance: Int64[np.ndarray, " points"],
        voxel_m: float,
    ) -> Votes:
        """Return the sums over points."""
        cell = np.floor(xyz / voxel_m).astype(np.int64) + KEY_HALF
        key = (cell[:, 0] << (2 * KEY_BITS)) | (cell[:, 1] << KEY_BITS) | cell[:, 2]
        ones = np.ones(len(key), np.int64)
        return _summed(key, instance.astype(np.int64), ones, xyz.astype(np.float64), rgb.astype(np.float64))

    @staticmethod
    def gathered(every: Iterable[Votes]) -> Votes:
        """Return the sums of all of one or more, merged many at a time."""
        pending: list[Votes] = []
        for votes in every:
            pending.append(votes)
            if len(pending) == BATCH:
                pending = [_merged(pending)]
        return _merged(pending)

    def winners(
        self,
    ) -> tuple[Float[np.ndarray, "voxels 3"], UInt8[np.ndarray, "voxels 3"], Int64[np.ndarray, " voxels"]]:
        """Return per voxel the mean point, mean colour and name of the instance with the most points."""
        order = np.lexsort((self.instance, -self.count, self.voxel))
        first = order[np.concatenate([[True], np.diff(self.voxel[order]) > 0])] if len(order) else order
        count = self.count[first][:, None]
        return (
            (self.xyz[first] / count).astype(np.float32),
            np.round(self.rgb[first] / count).astype(np.uint8),
            self.instance[first],
        )


def _merged(every: list[Votes]) -> Votes:
    columns = ("voxel", "instance", "count", "xyz", "rgb")
    return _summed(*(np.concatenate([getattr(votes, name) for votes in every]) for name in columns))


def _summed(
    voxel: np.ndarray, instance: np.ndarray, count: np.ndarray, xyz: np.ndarray, rgb: np.ndarray
) -> Votes:
    """Return rows with equal voxel and instance added up."""
    if len(voxel) == 0:
        return Votes(voxel, instance, count, xyz, rgb)
    order = np.lexsort((instance, voxel))
    voxel, instance = voxel[order], instance[order]
    starts = np.flatnonzero(np.concatenate([[True], (np.diff(voxel) != 0) | (np.diff(instance) != 0)]))
    sums = [np.add.reduceat(column[order], starts, axis=0) for column in (count, xyz, rgb)]
    return Votes(voxel[starts], instance[starts], *sums)
