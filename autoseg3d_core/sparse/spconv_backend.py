"""Sparse convolution by spconv: the fast one on a CUDA device; forward only beside a CPU torch.

spconv wants cells that are not negative and weights as (outputs, k0, k1, k2, inputs) with axis ki along
column i of the cells. Cells move by multiples of 16, so that no coarser grid moves with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float, Int64
from spconv import pytorch as spconv
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from autoseg3d_core.config import ConfigError
from autoseg3d_core.sparse.keys import pack_cells
from autoseg3d_core.sparse.tensor import Geometry, Level, SparseTensor

GRID = 16
"""Cells of the finest level in one cell of the coarsest that still lines up."""

_converted: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
"""Weights in spconv's layout with the version they were made from; converting all takes 50 ms."""


def submanifold(
    tensor: SparseTensor,
    weight: Float[Tensor, "volume inputs outputs"],
    dilation: int = 1,
    at: SparseTensor | None = None,
) -> SparseTensor:
    """Convolve with a centred kernel; the output lies on the tensor's own voxels, or on those of `at`."""
    kernel = round(len(weight) ** (1 / 3))
    if len(tensor) == 0:
        return _empty(tensor if at is None else at, tensor.stride, weight)
    layer = _layer("submanifold", weight.shape[1], weight.shape[2], kernel, dilation)
    result = tensor.replaced(_run(layer, _sites(tensor.geometry, tensor.stride), tensor.features, weight))
    if at is None:
        return result
    return at.replaced(result.features[torch.searchsorted(tensor.level.keys, at.level.keys)])


def down(tensor: SparseTensor, weight: Float[Tensor, "8 inputs outputs"]) -> SparseTensor:
    """Convolve with a 2x2x2 kernel and stride 2, onto the coarser cells around the tensor's voxels."""
    if len(tensor) == 0:
        return _empty(tensor, 2 * tensor.stride, weight)
    layer = _layer("down", weight.shape[1], weight.shape[2], 2, 1)
    sites = Sites(_blank(tensor.geometry, tensor.stride))
    features = _run(layer, sites, tensor.features, weight)
    coarser = tensor.geometry.cached(_partner_key(tensor.stride), lambda: _partner(tensor, sites))
    return SparseTensor(features[coarser.to_ours], 2 * tensor.stride, tensor.geometry)


def up(tensor: SparseTensor, weight: Float[Tensor, "8 inputs outputs"]) -> SparseTensor:
    """Undo a `down`'s stride: each finer voxel receives from its parent by the kernel element it lies in."""
    stride = tensor.stride // 2
    if len(tensor) == 0:
        return _empty(tensor, stride, weight)
    layer = _layer("up", weight.shape[1], weight.shape[2], 2, 1)
    partner = tensor.geometry.cached(_partner_key(stride), lambda: _partner_of_level(tensor, stride))
    features = _run(layer, Sites(partner.left), tensor.features[partner.to_theirs], weight)
    return SparseTensor(features, stride, tensor.geometry)


def _empty(tensor: SparseTensor, stride: int, weight: Tensor) -> SparseTensor:
    rows = len(tensor.geometry.level(stride))
    return SparseTensor(tensor.features.new_zeros(rows, weight.shape[2]), stride, tensor.geometry)


@dataclass
class Sites:
    """The spconv tensor of one level; what spconv finds out about its cells is kept with it."""

    tensor: spconv.SparseConvTensor


@dataclass(frozen=True, eq=False)
class Partner:
    """The coarser spconv tensor that a `down` left, whose rows have spconv's own order."""

    left: spconv.SparseConvTensor
    to_ours: Int64[Tensor, " voxels"]
    to_theirs: Int64[Tensor, " voxels"]


def _partner_key(stride: int) -> tuple[str, int]:
    return ("spconv down", stride)


def _partner(tensor: SparseTensor, sites: Sites) -> Partner:
    to_ours = torch.argsort(pack_cells(sites.tensor.indices.long()))
    tensor.geometry.level(2 * tensor.stride)
    return Partner(sites.tensor, to_ours, torch.argsort(to_ours))


def _partner_of_level(tensor: SparseTensor, stride: int) -> Partner:
    """Run a `down` of one channel for the sake of the cells it leaves."""
    finer = SparseTensor(
        tensor.features.new_zeros(len(tensor.geometry.level(stride)), 1), stride, tensor.geometry
    )
    sites = Sites(_blank(tensor.geometry, stride))
    with torch.no_grad():
        _run(_layer("down", 1, 1, 2, 1), sites, finer.features, finer.features.new_zeros(8, 1, 1))
    return _partner(finer, sites)


def _sites(geometry: Geometry, stride: int) -> Sites:
    return geometry.cached(("spconv sites", stride), lambda: Sites(_blank(geometry, stride)))


def _blank(geometry: Geometry, stride: int) -> spconv.SparseConvTensor:
    """Return the spconv tensor of a level, without features."""
    lowest, shape = geometry.cached("spconv frame", lambda: _frame(geometry.finest))
    level, factor = geometry.level(stride), stride // geometry.finest.stride
    cells = level.cells.clone()
    cells[:, 1:] -= lowest // factor
    size = [max(side // factor, 1) for side in shape]
    nothing = torch.zeros(len(level), 1, device=cells.device)
    return spconv.SparseConvTensor(nothing, cells.int(), size, geometry.batch_size)


def _frame(finest: Level) -> tuple[Tensor, list[int]]:
    """Return the lowest corner of the cells and the size of a box around them, both on the coarse grid."""
    cells = finest.cells[:, 1:]
    lowest = (cells.amin(dim=0) // GRID) * GRID
    sides = (cells.amax(dim=0) - lowest) // GRID + 1
    return lowest, (sides * GRID).tolist()


@cache
def _layer(kind: str, inputs: int, outputs: int, kernel: int, dilation: int) -> nn.Module:
    """Return a spconv layer for its algorithm choice; its own weights are on no device and never used."""
    with torch.device("meta"):
        if kind == "down":
            return spconv.SparseConv3d(inputs, outputs, 2, stride=2, bias=False, indice_key="down")
        if kind == "up":
            return spconv.SparseInverseConv3d(inputs, outputs, 2, bias=False, indice_key="down")
        about = {
            "padding": kernel // 2 * dilation,
            "dilation": dilation,
            "indice_key": f"{kernel} {dilation}",
        }
        return spconv.SubMConv3d(inputs, outputs, kernel, bias=False, large_kernel_fast_algo=True, **about)


def _run(layer: nn.Module, sites: Sites, features: Tensor, weight: Tensor) -> Tensor:
    """Run a spconv layer with these features and weights; `sites` becomes the tensor that it leaves."""
    learns = torch.is_grad_enabled() and (features.requires_grad or weight.requires_grad)
    if learns and features.device.type == "cpu":
        raise ConfigError(
            "spconv cannot train on a CPU: choose the sparse backend 'torch', or torch.no_grad()"
        )
    theirs = _their_layout(weight) if learns else _remembered_layout(weight)
    given = sites.tensor.replace_feature(features)
    with _one_thread_on_cpu(features):
        left = torch.func.functional_call(layer, {"weight": theirs}, (given,))
    sites.tensor = left.replace_feature(left.features[:, :0])
    return left.features


@contextmanager
def _one_thread_on_cpu(features: Tensor) -> Iterator[None]:
    """Keep spconv's CPU build to one thread: with two, a few rows per thousand come out wrong (2.3.8)."""
    threads = torch.get_num_threads()
    if features.device.type != "cpu" or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _their_layout(weight: Float[Tensor, "volume inputs outputs"]) -> Float[Tensor, "outputs k k k inputs"]:
    """Return a weight with x fastest as spconv has it, for cells in the order (batch, x, y, z)."""
    k = round(len(weight) ** (1 / 3))
    return weight.view(k, k, k, *weight.shape[1:]).permute(4, 2, 1, 0, 3).contiguous()


def _remembered_layout(weight: Tensor) -> Tensor:
    version, theirs = _converted.get(weight, (-1, None))
    if version != weight._version:
        theirs = _their_layout(weight.detach())
        _converted[weight] = (weight._version, theirs)
    return theirs
