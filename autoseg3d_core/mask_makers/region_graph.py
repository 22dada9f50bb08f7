"""Regions of a label image as a graph: borders between neighbours, merging, and growth into gaps."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Int, Int32, Int64


@dataclass(frozen=True, eq=False)
class Borders:
    """A row per pair of neighbouring regions: the pair, the border's length, its mean strength."""

    first: Int[np.ndarray, " pairs"]
    second: Int[np.ndarray, " pairs"]
    length: Int[np.ndarray, " pairs"]
    strength: Float32[np.ndarray, " pairs"]


def borders(
    labels: Int32[np.ndarray, "height width"], strength: Float32[np.ndarray, "height width"]
) -> Borders:
    """Return the borders between regions (0 is no region) with the mean of `strength` along each."""
    ones, others, along = [], [], []
    for a, b, s, t in (
        (labels[:, :-1], labels[:, 1:], strength[:, :-1], strength[:, 1:]),
        (labels[:-1], labels[1:], strength[:-1], strength[1:]),
    ):
        meet = (a != b) & (a > 0) & (b > 0)
        ones.append(np.minimum(a[meet], b[meet]))
        others.append(np.maximum(a[meet], b[meet]))
        along.append(np.maximum(s[meet], t[meet]))
    count = int(labels.max()) + 1
    key = np.concatenate(ones).astype(np.int64) * count + np.concatenate(others)
    pairs, place, length = np.unique(key, return_inverse=True, return_counts=True)
    total = np.bincount(place, weights=np.concatenate(along), minlength=len(pairs))
    return Borders(pairs // count, pairs % count, length, (total / length).astype(np.float32))


def merged(
    labels: Int32[np.ndarray, "height width"], first: np.ndarray, second: np.ndarray
) -> Int32[np.ndarray, "height width"]:
    """Return the labels with the named pairs joined, numbered from 1 without gaps; 0 stays."""
    # No pair names 0, so it is a component of its own, and the first.
    return components(first, second, int(labels.max()) + 1).astype(np.int32)[labels]


def components(
    first: Int[np.ndarray, " pairs"], second: Int[np.ndarray, " pairs"], count: int
) -> Int64[np.ndarray, " nodes"]:
    """Return the connected component of each of `count` nodes, numbered in the order of their lowest nodes.

    Every round hangs the roots that a pair joins below lower ones, and then shortens all ways to the root;
    some rounds settle a graph of hundreds of nodes in a fraction of what a sparse matrix takes to be made.
    """
    root = np.arange(count)
    while True:
        one, other = root[first], root[second]
        apart = one != other
        if not apart.any():
            break
        first, second, one, other = first[apart], second[apart], one[apart], other[apart]
        root[np.maximum(one, other)] = np.minimum(one, other)  # of several the last; the rest follow
        above = root[root]
        while (above != root).any():
            root, above = above, above[above]
    return (np.cumsum(root == np.arange(count)) - 1)[root]


def grown(
    labels: Int32[np.ndarray, "height width"], allowed: np.ndarray
) -> Int32[np.ndarray, "height width"]:
    """Return the labels with each allowed pixel of none given the label nearest to it."""
    _, nearest = cv2.distanceTransformWithLabels(
        (labels == 0).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    seeds = labels > 0
    lookup = np.zeros(int(nearest.max()) + 1, np.int32)
    lookup[nearest[seeds]] = labels[seeds]
    return np.where(seeds | ~allowed, labels, lookup[nearest])


def without_small(labels: Int32[np.ndarray, "height width"], least: int) -> Int32[np.ndarray, "height width"]:
    """Return the labels without regions of fewer pixels, numbered from 1 without gaps."""
    sizes = np.bincount(labels.ravel())
    kept = sizes >= least
    kept[0] = False
    return (np.cumsum(kept) * kept).astype(np.int32)[labels]
