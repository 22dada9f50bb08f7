"""Reads ultralytics' .pt files, which are pickled networks, without running any code of theirs.

Objects of ultralytics and torch become shells that only keep their attributes; the tensors and the
architecture are then picked out of the shells. Whatever else the pickle names is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from autoseg3d_core.checkpoints.tensors_only import COMMON_NAMES, Shell, read_pickle
from autoseg3d_core.structures import InputError

SHELL_PACKAGES = ("ultralytics", "torch.nn", "torch.optim", "numpy", "pathlib", "datetime")
SHELL_NAMES = COMMON_NAMES | {
    ("_codecs", "encode"),
    ("collections", "defaultdict"),
    ("torch.serialization", "_get_layout"),
}


@dataclass(frozen=True, eq=False)
class NetworkFile:
    """A network as stored: its architecture (described or named), its classes, its tensors."""

    architecture: dict[str, Any] | str
    classes: int
    tensors: dict[str, Tensor]


def read_network(path: str | Path) -> NetworkFile:
    """Return the network in an ultralytics .pt file; raises `InputError` for a file that is none."""
    content = read_pickle(path, SHELL_PACKAGES, SHELL_NAMES)
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
