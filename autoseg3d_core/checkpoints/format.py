"""Our checkpoint format: one safetensors file that also says what it is, and of which shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from autoseg3d_core.atomic_file import replacing
from autoseg3d_core.structures import InputError

FORMAT = "autoseg3d"
VERSION = 1


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Weights by name, the config of what they belong to (JSON values), and where they come from."""

    tensors: Mapping[str, Tensor]
    config: Mapping[str, Any]
    source: str = ""


def save(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint file, whole or not at all, readable by whom the umask lets read files."""
    about = {
        "format": FORMAT,
        "version": str(VERSION),
        "config": json.dumps(dict(checkpoint.config), sort_keys=True),
        "source": checkpoint.source,
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    with replacing(path) as file:
        file.write(to_bytes(tensors, metadata=about))


def load(path: str | Path) -> Checkpoint:
    """Read a checkpoint file; raises `InputError` when it is missing, damaged, or not one of ours."""
    if not Path(path).is_file():
        raise InputError(f"no checkpoint at {path}: give the path of a .safetensors file")
    try:
        with safe_open(str(path), framework="pt") as file:
            about = file.metadata() or {}
            config = _config_of(path, about)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except SafetensorError as error:
        raise InputError(
            f"{path} cannot be read as safetensors ({error}): published .pth files are read by `convert`"
        ) from error
    return Checkpoint(tensors, config, about.get("source", ""))


def _config_of(path: str | Path, about: Mapping[str, str]) -> dict[str, Any]:
    if about.get("format") != FORMAT:
        raise InputError(f"{path} was not written by autoseg3d: convert it first (`autoseg3d convert`)")
    if about.get("version") != str(VERSION):
        raise InputError(
            f"{path} is of format version {about.get('version')}, this program reads {VERSION}: update it"
        )
    try:
        config = json.loads(about["config"])
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: its config cannot be read ({error}): write the file again") from error
    if not isinstance(config, dict):
        raise InputError(
            f"{path}: its config is {type(config).__name__}, not a mapping: write the file again"
        )
    return config


def fill(module: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Put weights into a module; raises `InputError` that lists every missing, extra and misshapen one."""
    check_fit(module, tensors, where)
    module.load_state_dict(dict(tensors))


def check_fit(module: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Raise `InputError` unless names and shapes are exactly those of the module."""
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in tensors.items()}
    wrong = [f"missing {name}" for name in sorted(wanted.keys() - given.keys())]
    wrong += [f"unexpected {name}" for name in sorted(given.keys() - wanted.keys())]
    shared = sorted(wanted.keys() & given.keys())
    wrong += [f"{n} is {given[n]}, expected {wanted[n]}" for n in shared if given[n] != wanted[n]]
    if wrong:
        more = f" and {len(wrong) - 10} more" if len(wrong) > 10 else ""
        raise InputError(f"{where} does not fit the network: {'; '.join(wrong[:10])}{more}")
