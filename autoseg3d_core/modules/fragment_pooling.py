"""Fragment pooling: one feature vector per fragment, from its points' features and its shape."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from autoseg3d_core.geometry.groups import group_mean

SIZE_FLOOR_M = 0.01
"""Added to a fragment's size, so that a fragment of one point has a shape."""


EVEN = 12.0
"""Points that fill a length evenly have a variance of its square divided by this."""


@dataclass(frozen=True, eq=False)
class PooledFragments:
    """The fragments of a frame as vectors; `weights` is the weight of each point (0 on no fragment).

    `sizes` are those of the box that points as widely spread as the fragment's would fill evenly: unlike the
    outermost points, it does not mind a few astray.
    """

    features: Float[Tensor, "fragments channels"]
    centers: Float[Tensor, "fragments 3"]
    weights: Float[Tensor, " points"]
    sizes: Float[Tensor, "fragments 3"]

    def __len__(self) -> int:
        return len(self.features)


class FragmentPooling(nn.Module):
    """Pools points by fragment: a weighted mean of features plus the strongest trace of its shape."""

    def __init__(self, channels: int = 96) -> None:
        super().__init__()
        self.shape = nn.Sequential(
            nn.Linear(3, channels),
            nn.LayerNorm(channels),
            nn.ReLU(),
            nn.Linear(channels, channels),
            nn.LayerNorm(channels),
        )
        self.weigh_in = nn.Linear(2 * channels, channels)
        self.weigh_norm = nn.LayerNorm(channels)
        self.weigh_out = nn.Linear(channels, 1, bias=False)

    def forward(
        self,
        features: Float[Tensor, "points channels"],
        xyz: Float[Tensor, "points 3"],
        fragment: Int64[Tensor, " points"],
        count: int,
    ) -> PooledFragments:
        """Pool `count` fragments; points of fragment -1 take no part, an empty fragment is zero."""
        centers = group_mean(xyz, fragment, count)
        trace = self.shape(_in_own_frame(xyz, centers, fragment, count))
        strongest = _group_maximum(trace, fragment, count)
        weights = self._weights(trace, strongest, fragment) * (fragment >= 0)
        pooled = group_mean(weights[:, None] * features, fragment, count) + strongest
        return PooledFragments(pooled, centers, weights, _sizes(xyz, centers, fragment, count))

    def _weights(self, trace: Tensor, strongest: Tensor, fragment: Tensor) -> Float[Tensor, " points"]:
        """Return each point's weight in (0, 2), from its own trace and its fragment's strongest.

        The linear layer over both is applied to each apart: the second needs it once per fragment only.
        """
        own, shared = self.weigh_in.weight.chunk(2, dim=1)
        of_fragment = functional.linear(strongest, shared, self.weigh_in.bias)
        joined = functional.linear(trace, own) + _spread(of_fragment, fragment)
        return 2 * torch.sigmoid(self.weigh_out(functional.relu(self.weigh_norm(joined)))[:, 0])


class StrongestPooling(nn.Module):
    """Pools points by fragment: the largest of each feature (SAMosaic3D); every point counts alike."""

    def forward(
        self,
        features: Float[Tensor, "points channels"],
        xyz: Float[Tensor, "points 3"],
        fragment: Int64[Tensor, " points"],
        count: int,
    ) -> PooledFragments:
        """Pool `count` fragments; points of fragment -1 take no part, an empty fragment is zero."""
        centers = group_mean(xyz, fragment, count)
        strongest = _group_maximum(features, fragment, count)
        weights = (fragment >= 0).to(features.dtype)
        return PooledFragments(strongest, centers, weights, _sizes(xyz, centers, fragment, count))


def _sizes(xyz: Tensor, centers: Tensor, fragment: Tensor, count: int) -> Float[Tensor, "fragments 3"]:
    spread = group_mean((xyz - _spread(centers, fragment)).square(), fragment, count)
    return (EVEN * spread).sqrt()


def _in_own_frame(xyz: Tensor, centers: Tensor, fragment: Tensor, count: int) -> Float[Tensor, "points 3"]:
    """Return the points about their fragment's mean, in units of its longest side."""
    extent = _group_maximum(xyz, fragment, count) + _group_maximum(-xyz, fragment, count)
    size = extent.amax(dim=1, keepdim=True) + SIZE_FLOOR_M
    return (xyz - _spread(centers, fragment)) / _spread(size, fragment, nothing=1.0)


def _spread(
    values: Float[Tensor, "groups channels"], group: Int64[Tensor, " rows"], nothing: float = 0.0
) -> Float[Tensor, "rows channels"]:
    """Return the value of each row's group, and `nothing` for rows of group -1."""
    return functional.pad(values, (0, 0, 1, 0), value=nothing).index_select(0, group + 1)


def _group_maximum(values: Tensor, group: Tensor, count: int) -> Float[Tensor, "groups channels"]:
    """Return the elementwise maximum over the rows of each group; zeros for an empty group."""
    index = (group + 1)[:, None].expand(-1, values.shape[1])
    start = values.new_zeros(count + 1, values.shape[1])
    return start.scatter_reduce(0, index, values, "amax", include_self=False)[1:]
