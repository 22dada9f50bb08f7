"""How tracks grow: by what a frame shows of them, and by the younger tracks that are joined to them."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

from autoseg3d_core.structures import Association, FrameInstances, Sightings, Tracks


def observe(
    tracks: Tracks,
    instances: FrameInstances,
    association: Association,
    row: Tensor,
    blend: float,
    stamp_ns: int,
) -> Tracks:
    """Return the tracks after a frame's sightings: instance i belongs to the track at `row[i]`.

    Several instances may belong to one track. `blend` is the least weight of a frame in a running mean.
    """
    count = torch.zeros_like(tracks.hits).index_add_(0, row, torch.ones_like(row))
    seen = count > 0
    sightings = Sightings(row, count, (1.0 / (tracks.hits + 1)).clamp(min=blend) * seen)
    labels, votes = _voted_labels(tracks, instances, row)
    return dataclasses.replace(
        tracks,
        labels=labels,
        label_votes=votes,
        remembered=tracks.remembered.observe(association.to_remember, sightings),
        world_reach=_grow(tracks.world_reach, row, instances.world_boxes),
        centroids=sightings.blend(tracks.centroids, instances.centroids),
        scores=sightings.blend(tracks.scores, instances.scores),
        hits=tracks.hits + seen,
        misses=torch.where(seen, 0, tracks.misses + 1),
        last_seen_ns=torch.where(seen, stamp_ns, tracks.last_seen_ns),
    )


def inherit(tracks: Tracks, older: Tensor, younger: Tensor) -> Tracks:
    """Return the tracks where each older one has what its younger ones saw; both are ids."""
    to, of = tracks.index_of(older), tracks.index_of(younger)
    return dataclasses.replace(
        tracks,
        remembered=tracks.remembered.join(to, of),
        world_reach=_grow(tracks.world_reach, to, tracks.world_reach[of]),
        views=tracks.views.scatter_reduce(0, to, tracks.views[of], "amax"),
        overlooked=tracks.overlooked.scatter_reduce(0, to, tracks.overlooked[of], "amin"),
        hits=tracks.hits.scatter_reduce(0, to, tracks.hits[of], "amax"),
        misses=tracks.misses.scatter_reduce(0, to, tracks.misses[of], "amin"),
        last_seen_ns=tracks.last_seen_ns.scatter_reduce(0, to, tracks.last_seen_ns[of], "amax"),
    )


def _grow(boxes: Tensor, row: Tensor, others: Tensor) -> Tensor:
    """Return the boxes grown around others; `row` says which of ours each of them belongs to."""
    spread: dict[str, Any] = {"index": row[:, None].expand(-1, 3), "include_self": True}
    low = boxes[:, :3].scatter_reduce(0, src=others[:, :3], reduce="amin", **spread)
    high = boxes[:, 3:].scatter_reduce(0, src=others[:, 3:], reduce="amax", **spread)
    return torch.cat([low, high], dim=1)


def _voted_labels(tracks: Tracks, instances: FrameInstances, row: Tensor) -> tuple[Tensor, Tensor]:
    """Return each track's label and its votes: scores for it add up, those for another label take away.

    A label without votes gives way to what this frame says (Boyer and Moore's majority vote, weighted).
    """
    speaks_for = torch.where(instances.labels == tracks.labels[row], 1.0, -1.0)
    votes = tracks.label_votes.index_add(0, row, speaks_for * instances.scores)
    said = tracks.labels.index_copy(0, row, instances.labels)
    return torch.where(votes < 0, said, tracks.labels), votes.abs()
