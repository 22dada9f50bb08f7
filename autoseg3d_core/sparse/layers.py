"""Sparse layers: they own their weights in one canonical layout and leave the work to a backend.

A weight is `(kernel volume, inputs, outputs)`, its elements ordered as `kernel_maps` says.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import math
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from autoseg3d_core.config import ConfigError
from autoseg3d_core.sparse import torch_backend
from autoseg3d_core.sparse.tensor import SparseTensor

BACKENDS = {
    "torch": "torch_backend",
    "gather": "gather_backend",
    "triton": "triton_backend",
    "spconv": "spconv_backend",
}
INSTALL_TRITON = "pip install triton"
INSTALL = "pip install spconv (CPU), spconv-cu120 (CUDA, Python 3.10 or 3.11) or spconv-cu126 (CUDA, newer)"


@runtime_checkable
class Submanifold(Protocol):
    """Convolve with a centred kernel, onto the tensor's own voxels or those among them that `at` has."""

    def __call__(
        self, tensor: SparseTensor, weight: Tensor, dilation: int = 1, at: SparseTensor | None = None
    ) -> SparseTensor:
        """Return the convolved tensor."""
        ...


@runtime_checkable
class Resample(Protocol):
    """Convolve with a 2x2x2 kernel to the next coarser or finer stride."""

    def __call__(self, tensor: SparseTensor, weight: Tensor) -> SparseTensor:
        """Return the convolved tensor."""
        ...


@dataclass(frozen=True)
class Backend:
    """The three functions that do the work of all sparse layers."""

    name: str
    submanifold: Submanifold
    down: Resample
    up: Resample


def backend_of(name: str) -> Backend:
    """Return the backend of this name, one of `BACKENDS`.

    Raises `ConfigError` for an unknown name, and with what to install where it is not installed.
    """
    if name not in BACKENDS:
        raise ConfigError(f"no sparse backend {name!r}: choose one of {', '.join(sorted(BACKENDS))}")
    try:
        module = importlib.import_module(f"autoseg3d_core.sparse.{BACKENDS[name]}")
    except ImportError as error:
        raise ConfigError(
            f"the sparse backend {name!r} cannot be imported ({error}): "
            f"{INSTALL_TRITON if name == 'triton' else INSTALL}, or choose 'torch'"
        ) from error
    return _of_module(name, module)


def spconv_is_for_gpus() -> bool | None:
    """Tell whether the installed spconv is a GPU build; None where there is none."""
    if importlib.util.find_spec("spconv") is None:
        return None
    return not importlib.import_module("spconv.cppconstants").CPU_ONLY_BUILD


@cache
def triton_works(device: torch.device) -> bool:
    """Tell whether Triton is there, compiles and computes what it should; say once if it does not."""
    try:
        importlib.import_module(f"autoseg3d_core.sparse.{BACKENDS['triton']}").check(device)
    except Exception as error:  # whatever a compiler or a driver may raise
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        logging.getLogger(__name__).warning("Triton is left out, and the network slower: %s", reason[0])
        return False
    return True


def _of_module(name: str, module: ModuleType) -> Backend:
    return Backend(name, module.submanifold, module.down, module.up)


TORCH = _of_module("torch", torch_backend)


class SubmanifoldConv(nn.Module):
    """Convolution with a centred kernel of odd size; the voxels stay as they are."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, dilation: int = 1, backend: Backend = TORCH
    ) -> None:
        super().__init__()
        self.weight = _weight(kernel**3, inputs, outputs)
        self.dilation = dilation
        self.backend = backend

    def forward(self, tensor: SparseTensor, at: SparseTensor | None = None) -> SparseTensor:
        """Convolve; with `at`, evaluate on that tensor's voxels only."""
        return self.backend.submanifold(tensor, _like(self.weight, tensor), self.dilation, at)


class DownConv(nn.Module):
    """Convolution with a 2x2x2 kernel and stride 2."""

    def __init__(self, inputs: int, outputs: int, backend: Backend = TORCH) -> None:
        super().__init__()
        self.weight = _weight(8, inputs, outputs)
        self.backend = backend

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """Return the tensor at twice the stride."""
        return self.backend.down(tensor, _like(self.weight, tensor))


class UpConv(nn.Module):
    """Inverse of a `DownConv`'s stride: back to exactly the voxels that it left."""

    def __init__(self, inputs: int, outputs: int, backend: Backend = TORCH) -> None:
        super().__init__()
        self.weight = _weight(8, inputs, outputs)
        self.backend = backend

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """Return the tensor at half the stride."""
        return self.backend.up(tensor, _like(self.weight, tensor))


def _weight(volume: int, inputs: int, outputs: int) -> nn.Parameter:
    """Return a new weight, scaled for ReLU by the outputs, as few of the elements meet a voxel."""
    spread = math.sqrt(2.0 / (volume * outputs))
    return nn.Parameter(torch.randn(volume, inputs, outputs) * spread)


def _like(weight: Float[Tensor, "..."], tensor: SparseTensor) -> Float[Tensor, "..."]:
    return weight.to(tensor.features.dtype)
