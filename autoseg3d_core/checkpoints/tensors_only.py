"""Reads tensors out of published checkpoint files without running what else lies in them.

A .pth file is a zip of a pickle and the tensors' numbers, and a pickle can call anything. Here it can rebuild
tensors; objects of the training framework become shells; whatever else it names is refused. The zip is opened
here too: `torch.load` would run the program that a TorchScript archive brings along.
"""

from __future__ import annotations

import io
import pickle
import sys
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from autoseg3d_core.structures import InputError

STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexDoubleStorage": torch.complex128,
    "ComplexFloatStorage": torch.complex64,
}
"""What torch calls the numbers of a file by their kind."""


def _tensor(numbers: Tensor, offset: int, shape: Sequence[int], strides: Sequence[int], *_: Any) -> Tensor:
    """Return a tensor of some of the numbers; raises `RuntimeError` where there are fewer."""
    return numbers.as_strided(shape, strides, offset)


def _parameter(tensor: Tensor, *_: Any) -> Tensor:
    return tensor


REBUILDERS = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
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


DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    LookupError,
    TypeError,
    AttributeError,
    ValueError,
    OverflowError,
)
"""What broken bytes are met with."""


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


class TensorUnpickler(pickle.Unpickler):
    """Unpickles tensors, and shells for what is in some packages or has some names, out of an archive."""

    def __init__(
        self, archive: zipfile.ZipFile, packages: Collection[str], names: Collection[tuple[str, str]]
    ) -> None:
        self._archive, self._names = archive, names
        self._packages = tuple(f"{package}." for package in packages)
        self._folder = _folder_of(archive)
        if f"{self._folder}byteorder" in archive.namelist():
            order = archive.read(f"{self._folder}byteorder").decode()
            if order != sys.byteorder:
                raise ValueError(f"its numbers are in {order} byte order")
        self._numbers: dict[str, Tensor] = {}
        super().__init__(io.BytesIO(archive.read(f"{self._folder}data.pkl")), encoding="utf-8")

    def find_class(self, module: str, name: str) -> Any:
        """Return what may be called; raises `UnpicklingError` for anything else."""
        if (module, name) in REBUILDERS:
            return REBUILDERS[module, name]
        module = module.replace("__builtin__", "builtins")  # its name in the older pickle protocols
        if (module, name) in self._names or f"{module}.".startswith(self._packages):
            return Shell
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        raise pickle.UnpicklingError(f"it asks to run {module}.{name}")

    def persistent_load(self, pid: Any) -> Tensor:
        """Return the numbers that tensors of the pickle share, flat."""
        _, dtype, key, *_ = pid
        if key not in self._numbers:
            data = bytearray(self._archive.read(f"{self._folder}data/{key}"))
            self._numbers[key] = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
        return self._numbers[key]


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """Return the weights of a published .pth file by their published names.

    Raises `InputError` when there is no such file, it holds anything but weights where they belong,
    or it asks for code that weights do not need.
    """
    packages = (*TRAINING_PACKAGES, "_codecs")
    return _weights_of(read_pickle(path, packages, COMMON_NAMES), path)


def read_pickle(path: str | Path, packages: Collection[str], names: Collection[tuple[str, str]]) -> Any:
    """Return what a file of `torch.save` holds: tensors, and shells for these packages and names.

    Raises `InputError` for a file that is missing, damaged, no such file, or that asks for anything else.
    """
    if not Path(path).is_file():
        raise InputError(f"no file at {path}: download the published checkpoint first")
    if not _is_archive(path):
        raise InputError(f"{path} is not a checkpoint written by torch.save: download it again")
    try:
        with zipfile.ZipFile(path) as archive:
            return TensorUnpickler(archive, packages, names).load()
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} is refused: {error}, which a file of weights does not need; do not trust this file"
        ) from error
    except DAMAGE as error:
        raise InputError(f"{path} is damaged ({error}): download it again") from error


def _folder_of(archive: zipfile.ZipFile) -> str:
    """Return the folder in which a file's pickle lies; raises `KeyError` unless there is one."""
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise KeyError(f"{len(pickles)} pickles in it")
    return pickles[0].removesuffix("data.pkl")


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
                f"{path}: {name!r} in its state dict is not a tensor: give a checkpoint of weights only"
            )
    return {name: value.detach() for name, value in weights.items()}
