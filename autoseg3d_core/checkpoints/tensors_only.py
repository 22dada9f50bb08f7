"""Reads tensors out of published checkpoint files without running what else lies in them.

A .pth file is a pickle, and a pickle can call anything. Here it can rebuild tensors; objects of the
training framework become shells; whatever else it names is refused.
"""

from __future__ import annotations

import pickle
import types
import zipfile
from collections import OrderedDict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from autoseg3d_core.structures import InputError

REBUILDERS = {
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
    ("collections", "OrderedDict"): OrderedDict,
}
COMMON_NAMES = {("builtins", "set"), ("builtins", "getattr"), ("torch", "Size"), ("torch", "device")}
TRAINING_PACKAGES = (
    "mmengine",
    "mmcv",
    "mmdet",
    "mmdet3d",
    "oneformer3d",
    "numpy",
    "collections",
    "datetime",
)
"""Packages whose objects lie beside the weights (logs, configs, optimizer state); none of their code runs."""


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


def unpickler_of(packages: Collection[str], names: Collection[tuple[str, str]]) -> type[pickle.Unpickler]:
    """Return an unpickler that finds tensors, and shells for what is in these packages or has these names."""

    class Restricted(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            """Return what may be called; raises `UnpicklingError` for anything else."""
            if (module, name) in REBUILDERS:
                return REBUILDERS[module, name]
            module = module.replace("__builtin__", "builtins")  # its name in the older pickle protocols
            if (module, name) in names or any(module == p or module.startswith(f"{p}.") for p in packages):
                return Shell
            if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
                return getattr(torch, name)
            raise pickle.UnpicklingError(f"it asks to run {module}.{name}")

    return Restricted


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """Return the weights of a published .pth file by their published names.

    Raises `InputError` when there is no such file, it holds anything but weights where they belong,
    or it asks for code that weights do not need.
    """
    unpickler = unpickler_of((*TRAINING_PACKAGES, "_codecs"), COMMON_NAMES)
    return _weights_of(read_pickle(path, unpickler), path)


def read_pickle(path: str | Path, unpickler: type[pickle.Unpickler]) -> Any:
    """Return what a file of `torch.save` holds, as far as an unpickler admits it; else raise `InputError`."""
    if not Path(path).is_file():
        raise InputError(f"no file at {path}: download the published checkpoint first")
    if not _is_archive(path):
        raise InputError(f"{path} is no checkpoint that torch.save writes: download it again")

    def restricted_load(file: Any, **options: Any) -> Any:
        return unpickler(file, **options).load()

    restricted = types.SimpleNamespace(Unpickler=unpickler, load=restricted_load, __name__="tensors_only")
    try:
        return torch.load(path, map_location="cpu", pickle_module=restricted, weights_only=False)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} is refused: {error}, which weights do not need; do not trust this file"
        ) from error
    except (RuntimeError, EOFError, KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise InputError(f"{path} is damaged ({error}): download it again") from error


def _is_archive(path: str | Path) -> bool:
    """Tell whether a file is a zip from its first byte on; a pickle with one behind it is none."""
    with Path(path).open("rb") as file:
        return file.read(4) == b"PK\x03\x04" and zipfile.is_zipfile(path)


def _weights_of(content: Any, path: str | Path) -> dict[str, Tensor]:
    weights = content
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            weights = content[key]
            break
    if not isinstance(weights, Mapping) or not weights:
        raise InputError(f"{path} holds no state dict: give a checkpoint of a trained network")
    for name, value in weights.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise InputError(
                f"{path}: {name!r} in its state dict is no tensor: give a checkpoint of weights only"
            )
    return {name: value.detach() for name, value in weights.items()}
