"""Reads ultralytics' .pt files, which are pickled networks, without running any code of theirs.

Objects of ultralytics and torch become shells that only keep their attributes; the tensors and the
architecture are then picked out of the shells. Whatever else the pickle names is refused.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from autoseg3d_core.checkpoints.tensors_only import REBUILDERS, read_pickle
from autoseg3d_core.structures import InputError

SHELL_PACKAGES = ("ultralytics.", "torch.nn.", "torch.optim.", "numpy.", "numpy", "pathlib", "datetime")
SHELL_NAMES = {("builtins", "set"), ("builtins", "getattr"), ("torch", "Size"), ("torch", "device")}
SHELL_NAMES |= {("_codecs", "encode"), ("collections", "defaultdict"), ("torch.serialization", "_get_layout")}


class Shell:
    """Stands for an object: keeps the attributes that the pickle gives it, and does nothing."""

    def __new__(cls, *_: Any, **__: Any) -> Shell:
        """Take any arguments."""
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.attributes = state if isinstance(state, dict) else {}

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, item: Any) -> None:
        """Forget the item."""

    def extend(self, items: Any) -> None:
        """Forget the items."""

    def __hash__(self) -> int:
        return id(self)

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute that the pickle has given."""
        return getattr(self, "attributes", {}).get(name, default)


@dataclass(frozen=True, eq=False)
class NetworkFile:
    """A network as stored: its architecture (described or named), its classes, its tensors."""

    architecture: dict[str, Any] | str
    classes: int
    tensors: dict[str, Tensor]


class ShellUnpickler(pickle.Unpickler):
    """An unpickler that finds tensors, and shells for the classes of ultralytics and torch."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what may be made; raises `UnpicklingError` for anything else."""
        if (module, name) in REBUILDERS:
            return REBUILDERS[module, name]
        module = module.replace("__builtin__", "builtins")  # its name in the older pickle protocols
        if module.startswith(SHELL_PACKAGES) or (module, name) in SHELL_NAMES:
            return Shell
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        raise pickle.UnpicklingError(f"it asks to run {module}.{name}")


def read_network(path: str | Path) -> NetworkFile:
    """Return the network in an ultralytics .pt file; raises `InputError` for a file that is none."""
    content = read_pickle(path, ShellUnpickler)
    network = None
    if isinstance(content, Mapping):
        network = content.get("ema") or content.get("model")
    if not isinstance(network, Shell) or not isinstance(network.get("yaml"), dict):
        raise InputError(f"{path} holds no network of ultralytics: give a YOLO or FastSAM .pt file")
    architecture = dict(network.get("yaml"))
    tensors = dict(_tensors(network, ""))
    if not tensors:
        raise InputError(f"{path} holds a network without weights: download it again")
    return NetworkFile(architecture, int(architecture.get("nc", 1)), tensors)


def _tensors(shell: Shell, prefix: str) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters and buffers of a module and its parts, named as a state dict names them."""
    passing = shell.get("_non_persistent_buffers_set")
    for group in ("_parameters", "_buffers"):
        for name, value in (shell.get(group) or {}).items():
            if isinstance(value, Tensor) and not (isinstance(passing, set) and name in passing):
                yield prefix + name, value.detach().float() if value.is_floating_point() else value.detach()
    for name, part in (shell.get("_modules") or {}).items():
        if isinstance(part, Shell):
            yield from _tensors(part, f"{prefix}{name}.")
