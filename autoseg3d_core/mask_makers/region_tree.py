"""Regions of an image from a network's affinities of pixel pairs, and the tree in which they merge.

What strong affinities connect is a region. Regions are merged from the strongest mean affinity down
(average linkage over a graph, in levels), and every region that ever stood is a node of the tree: a part,
an object, or something in between (Arbelaez et al., Contour detection and hierarchical image
segmentation, 2011).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float32, Int32, Int64

from autoseg3d_core.mask_makers.affinity_network import FAR, NEAR
from autoseg3d_core.mask_makers.region_graph import components, grown

SURE_AFFINITY, THIN_AFFINITY = 0.93, 0.9
"""Above these pixels are connected from the first: those away from any border, and the rest."""
PRIOR_PAIRS, PRIOR_AFFINITY = 3.0, 0.3
"""A border of few pixels is judged as if it had so many more, of this affinity."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """How regions touch, a row per two that do: sums over the pairs of pixels that lie one in each."""

    first: Int64[np.ndarray, " pairs"]
    second: Int64[np.ndarray, " pairs"]
    count: Float32[np.ndarray, " pairs"]
    affinity: Float32[np.ndarray, "pairs levels"]


@dataclass(frozen=True, eq=False)
class RegionTree:
    """Every region that stood while regions merged: which of the first ones it holds, and at which affinity.

    The first rows of `members` are the first regions themselves. `parent` is the row that a node merged into,
    -1 at a root; `born` the mean affinity at which a node came about, 1 for the first ones.
    """

    members: Bool[np.ndarray, "nodes regions"]
    parent: Int64[np.ndarray, " nodes"]
    born: Float32[np.ndarray, " nodes"]


def first_regions(
    near: Float32[np.ndarray, "directions height width"], least: int, most: int
) -> Int32[np.ndarray, "height width"]:
    """Return the region of each pixel from 0 on: what is surely connected, then what is of the rest.

    `near` are the affinities to the right and down. First only pixels away from every weak affinity connect,
    so that a gap of one or two pixels in a border does not join what lies on its sides; thin things come
    after that. Regions of fewer than `least` pixels, and all but the `most` largest, give their pixels to the
    nearest others.
    """
    right, down = near
    weakest = np.minimum(right, down)
    weakest[:, 1:] = np.minimum(weakest[:, 1:], right[:, :-1])
    weakest[1:] = np.minimum(weakest[1:], down[:-1])
    window = np.ones((3, 3), np.uint8)
    inner = (cv2.erode(weakest, window) > SURE_AFFINITY).astype(np.uint8)
    sure = _large(cv2.connectedComponents(inner, connectivity=4, ltype=cv2.CV_32S)[1], least)
    rest = cv2.dilate((sure > 0).astype(np.uint8), window) == 0
    thin = _large(_connected(right, down, rest), least)
    labels = np.where(thin > 0, thin + sure.max(), sure)
    size = np.bincount(labels.ravel())
    size[0] = 0
    kept = size > 0
    kept[np.argsort(size)[:-most]] = False
    if not kept.any():
        return np.zeros_like(labels)
    return grown(_renumbered(labels, kept), np.ones((), bool)) - 1


def _connected(right: np.ndarray, down: np.ndarray, where: np.ndarray) -> Int32[np.ndarray, "height width"]:
    """Return what is connected by affinities, among some pixels; 0 is none of them."""
    height, width = where.shape
    joints = np.zeros((2 * height - 1, 2 * width - 1), np.uint8)  # pixels at even places, joints between them
    joints[::2, ::2] = where
    joints[::2, 1::2] = (right[:, :-1] > THIN_AFFINITY) & where[:, :-1] & where[:, 1:]
    joints[1::2, ::2] = (down[:-1] > THIN_AFFINITY) & where[:-1] & where[1:]
    return cv2.connectedComponents(joints, connectivity=4, ltype=cv2.CV_32S)[1][::2, ::2]


def _large(labels: Int32[np.ndarray, "height width"], least: int) -> Int32[np.ndarray, "height width"]:
    kept = np.bincount(labels.ravel()) >= least
    kept[0] = False
    return _renumbered(labels, kept)


def _renumbered(labels: np.ndarray, kept: np.ndarray) -> Int32[np.ndarray, "height width"]:
    return (np.cumsum(kept) * kept).astype(np.int32)[labels]


def touching(
    labels: Int32[np.ndarray, "height width"],
    near: Float32[np.ndarray, "levels directions height width"],
    far: Float32[np.ndarray, "levels far_directions rows columns"],
    far_weight: float,
) -> Pairs:
    """Return the pairs of regions that touch, or nearly; a far pair of pixels counts `far_weight`."""
    count = int(labels.max()) + 1
    places: list[np.ndarray] = []
    values: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    coarse = labels[::2, ::2]
    for image, affinity, directions, weight in (
        (labels, near, NEAR, 1.0),
        (coarse, far, FAR, far_weight),
    ):
        for place, (down, right) in enumerate(directions):
            height, width = image.shape
            if height <= down or width <= abs(right):
                continue
            start, stop = max(0, -right), width - max(0, right)
            here, there = image[: height - down, start:stop], image[down:, start + right : stop + right]
            apart = np.flatnonzero(here != there)
            a, b = here.ravel()[apart].astype(np.int64), there.ravel()[apart].astype(np.int64)
            places.append(np.minimum(a, b) * count + np.maximum(a, b))
            said = affinity[:, place, : height - down, start:stop].reshape(len(affinity), -1)
            values.append(said[:, apart] * np.float32(weight))
            weights.append(np.full(len(apart), weight, np.float32))
    key, value, weight_of = np.concatenate(places), np.concatenate(values, axis=1), np.concatenate(weights)
    total = np.bincount(key, weight_of, count * count)
    found = np.flatnonzero(total)
    sums = [np.bincount(key, row, count * count)[found] for row in value]
    return Pairs(
        found // count,
        found % count,
        total[found].astype(np.float32),
        np.stack(sums, axis=1).astype(np.float32),
    )


def merge_regions(pairs: Pairs, count: int, levels: tuple[float, ...]) -> RegionTree:
    """Return the tree of `count` regions, merged where the mean affinity exceeds each of some levels."""
    first, second, weight = pairs.first, pairs.second, pairs.count
    total = pairs.affinity.mean(axis=1)
    group = np.arange(count)  # of each first region
    node = np.arange(count)  # of each group
    members, born = [np.eye(count, dtype=bool)], [np.ones(count, np.float32)]
    parent = [np.full(count, -1)]
    nodes = count
    for level in levels:
        mean = (total + PRIOR_PAIRS * PRIOR_AFFINITY) / (weight + PRIOR_PAIRS)
        join = mean > level
        if not join.any():
            continue
        now = components(first[join], second[join], len(node))
        groups = int(now.max()) + 1
        grew = np.bincount(now, minlength=groups) > 1
        number = np.full(groups, -1)
        number[grew] = nodes + np.arange(grew.sum())
        parents = np.concatenate(parent)
        moved = grew[now]
        parents[node[moved]] = number[now[moved]]
        parent = [parents, np.full(grew.sum(), -1)]
        kept = np.zeros(groups, np.int64)
        kept[now] = node
        node = np.where(grew, number, kept)
        nodes += int(grew.sum())
        group = now[group]
        members.append(group[None] == np.flatnonzero(grew)[:, None])
        born.append(np.full(grew.sum(), level, np.float32))
        first, second, weight, total = _contracted(now[first], now[second], weight, total, groups)
    return RegionTree(np.concatenate(members), np.concatenate(parent), np.concatenate(born))


def _contracted(
    first: np.ndarray, second: np.ndarray, weight: np.ndarray, total: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs between groups, those within one left out, equal ones added up."""
    apart = first != second
    low, high = np.minimum(first, second)[apart], np.maximum(first, second)[apart]
    key, place = np.unique(low.astype(np.int64) * count + high, return_inverse=True)
    weight = np.bincount(place, weight[apart], len(key))
    total = np.bincount(place, total[apart], len(key))
    return key // count, key % count, weight, total


def best_cut(
    tree: RegionTree, size: Float32[np.ndarray, " nodes"], quality: Float32[np.ndarray, " nodes"]
) -> Bool[np.ndarray, " nodes"]:
    """Return the nodes that hold every first region once, with the highest mean quality over their size."""
    own = quality * size
    best = own.copy()
    levels = np.unique(tree.born)[::-1]
    for level in levels[1:]:  # children are always born at a higher affinity
        grown_now = np.flatnonzero(tree.born == level)
        children = np.isin(tree.parent, grown_now)
        of_children = np.bincount(tree.parent[children], best[children], len(best))[grown_now]
        best[grown_now] = np.maximum(own[grown_now], of_children)
    whole = own >= best
    taken = np.zeros_like(whole)  # whether an ancestor holds the node already
    for level in levels[::-1]:
        now = np.flatnonzero((tree.born == level) & (tree.parent >= 0))
        taken[now] = taken[tree.parent[now]] | whole[tree.parent[now]]
    return whole & ~taken


def sum_over(
    members: Float32[np.ndarray, "nodes regions"], values: Float32[np.ndarray, " regions *columns"]
) -> Float32[np.ndarray, " nodes *columns"]:
    """Return the sums of values over the regions of each node.

    By torch, because NumPy's BLAS has threads of its own, which spin for a while after each product: what
    torch does next in the frame then runs at half its speed.
    """
    return np.asarray(torch.from_numpy(members) @ torch.from_numpy(values))
