"""What is known of each region of a tree, as numbers: what its quality is learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from autoseg3d_core.mask_makers.region_tree import Pairs, RegionTree, sum_over


@dataclass(frozen=True, eq=False)
class View:
    """What the network said of one image, as probabilities, and what it got: all that regions are judged by.

    `near` and `channels` are at the working size, the others at half of it; `focal` is in pixels.
    """

    near: Float32[np.ndarray, "levels directions height width"]
    far: Float32[np.ndarray, "levels far_directions rows columns"]
    foreground: Float32[np.ndarray, "rows columns"]
    features: Float32[np.ndarray, "channels rows columns"]
    inverse_depth: Float32[np.ndarray, "height width"]
    focal: float


def facts_of(
    tree: RegionTree, pairs: Pairs, labels: Int32[np.ndarray, "height width"], view: View
) -> Float32[np.ndarray, "nodes facts"]:
    """Return a row per node: its mean features, size, shape, distance, place in the tree, and borders."""
    count = tree.members.shape[1]
    members = tree.members.astype(np.float32)
    area = sum_over(members, np.bincount(labels.ravel(), minlength=count).astype(np.float32))
    sums, low, high = _sums(labels[::2, ::2], count, _columns(view))
    sums, (low, high) = sum_over(members, sums), _bounds(tree, low, high)
    steps = np.maximum(sums[:, 0], 1)
    mean = sums[:, 1:] / steps[:, None]
    tall, wide = ((high - low + 1).clip(1) / view.foreground.shape).T
    known, inverse = mean[:, 3], mean[:, 4] / np.maximum(mean[:, 3], 1e-3)
    share = area / labels.size
    death = np.where(tree.parent >= 0, tree.born[tree.parent], 0)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    at_edge = sum_over(members, np.bincount(edge, minlength=count).astype(np.float32))
    shape = [
        np.log(share),
        np.log(tall),
        np.log(wide),
        share / (tall * wide),
        np.log(tall / wide),
        at_edge / np.sqrt(area),
        known,
        inverse,
        np.log(area) - 2 * np.log(np.maximum(inverse, 0.05) * view.focal),  # of square metres
        mean[:, 1],
        mean[:, 2],
        tree.born,
        death,
        tree.born - death,
        np.log(members.sum(axis=1)),
    ]
    around = _around(members, pairs, count)
    return np.concatenate([mean[:, :1], mean[:, 5:], np.stack(shape, axis=1), around], axis=1).astype(
        np.float32
    )


def _columns(view: View) -> Float32[np.ndarray, "pixels facts"]:
    """Return what is summed over regions: 1, foreground, both affinities, known, inverse depth, features."""
    depth = view.inverse_depth[::2, ::2]
    near = np.minimum(view.near[:, 0, ::2, ::2], view.near[:, 1, ::2, ::2])
    rows = [np.ones_like(depth), view.foreground, *near, (depth > 0).astype(np.float32), depth]
    return np.ascontiguousarray(
        np.stack([*rows, *view.features]).reshape(len(rows) + len(view.features), -1).T
    )


def _sums(
    labels: Int32[np.ndarray, "rows columns"], count: int, columns: Float32[np.ndarray, "pixels facts"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the sums of columns over each region, and its lowest and highest row and column."""
    order = np.argsort(labels.ravel().astype(np.int16), kind="stable")
    sorted_labels = labels.ravel()[order]
    starts = np.flatnonzero(np.diff(sorted_labels, prepend=-1))
    seen = sorted_labels[starts]
    sums = np.zeros((count, columns.shape[1]), np.float32)
    sums[seen] = np.add.reduceat(columns[order], starts, axis=0)
    low, high = np.full((count, 2), 1e6, np.float32), np.full((count, 2), -1e6, np.float32)
    row, column = np.divmod(order, labels.shape[1])
    last = np.append(starts[1:], len(order)) - 1
    low[seen, 0], high[seen, 0] = row[starts], row[last]  # the sort keeps the order of rows
    low[seen, 1] = np.minimum.reduceat(column, starts)
    high[seen, 1] = np.maximum.reduceat(column, starts)
    return sums, low, high


def _bounds(tree: RegionTree, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest row and column of each node; first regions are their own."""
    merged = tree.members[tree.members.shape[1] :]
    of_merged = (
        np.where(merged, low.T[:, None], np.float32(1e6)).min(axis=2).T,
        np.where(merged, high.T[:, None], np.float32(-1e6)).max(axis=2).T,
    )
    return np.concatenate([low, of_merged[0]]), np.concatenate([high, of_merged[1]])


def _around(members: np.ndarray, pairs: Pairs, count: int) -> np.ndarray:
    """Return mean and highest affinity to what lies around, per level, and how much touches."""
    met = np.zeros((3, count, count), np.float32)
    for table, values in zip(met, (pairs.count, *pairs.affinity.T), strict=True):
        table[pairs.first, pairs.second] = table[pairs.second, pairs.first] = values
    touch, *affinity = (sum_over(members, table) * (1 - members) for table in met)
    total = touch.sum(axis=1)
    out = []
    for level in affinity:
        out += [level.sum(axis=1) / (total + 1), (level / (touch + 3)).max(axis=1)]
    return np.stack([*out, np.log(total + 1), (touch > 0).sum(axis=1) / 10], axis=1)
