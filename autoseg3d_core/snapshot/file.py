"""The file of a snapshot: tensors by name and a few words about them, with a checksum over every byte.

It is a safetensors file. The words are JSON in its header; the sha256 there is that of the file with zeros in
the place of the sha256.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor

from autoseg3d_core.atomic_file import replacing
from autoseg3d_core.structures import InputError

FORMAT = "autoseg3d-snapshot"
VERSION = 2
UNSIGNED = b"0" * 64
LONGEST_HEADER = 1 << 24
HELP = "give a file that `replay --save` or ~/save_map wrote"


def write(path: str | Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write a file, or leave the one that is there; raises `InputError` where it cannot be written."""
    head = {
        "format": FORMAT,
        "version": str(VERSION),
        "about": json.dumps(dict(about), sort_keys=True),
        "sha256": UNSIGNED.decode(),
    }
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    data = bytearray(to_bytes(plain, metadata=head))
    place = data.index(UNSIGNED)
    data[place : place + len(UNSIGNED)] = hashlib.sha256(data).hexdigest().encode()
    try:
        with replacing(path) as file:
            file.write(data)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error


def read(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what `write` was given; raises `InputError` for a file that is missing, another, or damaged."""
    try:
        with Path(path).open("rb") as file:
            start = file.read(8)
            length = int.from_bytes(start, "little")
            if length > min(LONGEST_HEADER, os.fstat(file.fileno()).st_size):
                raise InputError(f"{path} is not a snapshot, or is cut off: {HELP}")
            header = file.read(length)
            head = _head_of(path, header)
            body = file.read()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    data = start + header + body
    try:
        _check(data, head["sha256"].encode())
        return from_bytes(data), dict(json.loads(head["about"]))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}): use an older one") from error


def _head_of(path: str | Path, header: bytes) -> dict[str, str]:
    """Return the words in a header; raises `InputError` for a file of another format or version."""
    try:
        head = json.loads(header)["__metadata__"]
        found, version = head["format"], head["version"]
    except (KeyError, TypeError, ValueError):
        found, version = None, None
    if found != FORMAT:
        raise InputError(f"{path} is not a snapshot: {HELP}")
    if version != str(VERSION):
        raise InputError(
            f"{path} is of format version {version}, and this program reads {VERSION}: make a new one"
        )
    return {key: str(word) for key, word in head.items()}


def _check(data: bytes, sha256: bytes) -> None:
    """Raise `ValueError` where the data are not those that were signed."""
    place = data.find(sha256) if re.fullmatch(rb"[0-9a-f]{64}", sha256) else -1
    if place < 0:
        raise ValueError("it has no checksum")
    view = memoryview(data)
    total = hashlib.sha256(view[:place])
    total.update(UNSIGNED)
    total.update(view[place + len(UNSIGNED) :])
    if total.hexdigest().encode() != sha256:
        raise ValueError("its checksum is another")
