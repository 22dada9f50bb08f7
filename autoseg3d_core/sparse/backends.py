"""What computes sparse convolutions: interchangeable backends, and which of them suits a device."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

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


def backend_on(place: torch.device, name: str) -> Backend:
    """Return the backend of a name; auto takes the fastest that works on the device.

    Raises `ConfigError` where a backend is asked for that does not run on the device.
    """
    on_gpu = place.type == "cuda"
    if name == "auto":
        return backend_of(_fastest_on_a_gpu(place) if on_gpu else "torch")
    if name == "spconv" and on_gpu and spconv_is_for_gpus() is False:
        raise ConfigError(f"the installed spconv is a CPU build, but the device is {place}: {INSTALL}")
    if name == "triton" and not on_gpu:
        raise ConfigError(f"model.network.backend=triton needs a GPU, but the device is {place}: set auto")
    return backend_of(name)


def _fastest_on_a_gpu(place: torch.device) -> str:
    if triton_works(place):
        return "triton"
    return "spconv" if spconv_is_for_gpus() else "gather"


def _of_module(name: str, module: ModuleType) -> Backend:
    return Backend(name, module.submanifold, module.down, module.up)


TORCH = _of_module("torch", torch_backend)
