"""Points on no mask become fragments too: a network wants every point to belong to one."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from autoseg3d_core.geometry.groups import group_mean, group_size
from autoseg3d_core.structures import FragmentCloud

ROUNDS = 8
FULL_COLOUR = 255.0
"""Colours count as they are published, from 0 to 255, beside metres: they decide."""


def add_leftovers(cloud: FragmentCloud, clusters: int) -> FragmentCloud:
    """Return the cloud with the points of no fragment split into fragments by place and colour.

    Fragments without a point are left out, and the others numbered anew. Fewer loose points than clusters
    make one fragment. The k-means of the published preparation, with starting points spread evenly over the
    image instead of drawn at random.
    """
    cloud = drop_empty(cloud)
    loose = (cloud.fragment < 0).nonzero()[:, 0]
    if len(loose) == 0:
        return cloud
    rows = torch.cat([cloud.xyz[loose], cloud.rgb[loose] * FULL_COLOUR], dim=1)
    cluster = torch.zeros_like(loose) if len(loose) < clusters else k_means(rows, clusters)
    numbers, cluster = torch.unique(cluster, return_inverse=True)
    count = len(cloud.fragment_score)
    fragment = cloud.fragment.index_copy(0, loose, cluster + count)
    made = len(numbers)
    score = torch.cat([cloud.fragment_score, cloud.fragment_score.new_zeros(made)])
    whole = cloud.wholeness
    whole = None if whole is None else torch.cat([whole, whole.new_full((made,), -1)])
    return dataclasses.replace(cloud, fragment=fragment, fragment_score=score, wholeness=whole)


def drop_empty(cloud: FragmentCloud) -> FragmentCloud:
    """Return the cloud with fragments numbered anew, those without a point left out."""
    held, fragment = torch.unique(cloud.fragment, return_inverse=True)
    loose = int(len(held) > 0 and int(held[0]) < 0)
    if len(held) - loose == len(cloud.fragment_score):
        return cloud
    kept = held[loose:]
    return dataclasses.replace(
        cloud,
        fragment=fragment - loose,
        fragment_score=cloud.fragment_score[kept],
        wholeness=None if cloud.wholeness is None else cloud.wholeness[kept],
    )


def k_means(rows: Float[Tensor, "rows columns"], clusters: int) -> Int64[Tensor, " rows"]:
    """Return the cluster of each row after some rounds of Lloyd's algorithm."""
    start = torch.linspace(0, len(rows) - 1, clusters, device=rows.device).round().long()
    centers = rows[start]
    nearest = _nearest(rows, centers)
    for _ in range(ROUNDS):
        held = group_size(nearest, clusters)[:, None] > 0
        centers = torch.where(held, group_mean(rows, nearest, clusters), centers)
        nearest = _nearest(rows, centers)
    return nearest


def _nearest(
    rows: Float[Tensor, "rows columns"], centers: Float[Tensor, "clusters columns"]
) -> Int64[Tensor, " rows"]:
    """Return the nearest centre of each row, by the squared distance less the row's own square."""
    return torch.addmm(centers.square().sum(dim=1)[:, None], centers, rows.T, alpha=-2).min(dim=0).indices
