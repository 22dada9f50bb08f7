"""Dataclasses of arrays and numbers <-> what JSON can hold, without a loss."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

import numpy as np

from autoseg3d_core.structures import InputError

ARRAY = {"dtype", "shape", "values"}


def to_plain(value: Any) -> Any:
    """Return dicts, lists, numbers and texts that say the same."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {entry.name: to_plain(getattr(value, entry.name)) for entry in fields}
    if isinstance(value, np.ndarray):
        return {"dtype": str(value.dtype), "shape": list(value.shape), "values": value.ravel().tolist()}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): to_plain(part) for key, part in value.items()}
    return [to_plain(part) for part in value] if isinstance(value, list | tuple) else value


def from_plain(kind: Any, plain: Any) -> Any:
    """Return a value of a kind from what `to_plain` made of one; raises `InputError` if it is of another."""
    try:
        return _of(kind, plain)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"not a {getattr(kind, '__name__', kind)} ({error!r})") from error


def _of(kind: Any, plain: Any) -> Any:
    arguments = typing.get_args(kind)
    if isinstance(plain, dict) and set(plain) == ARRAY:
        return np.array(plain["values"], plain["dtype"]).reshape(plain["shape"])
    if isinstance(kind, types.UnionType):
        real = next(part for part in arguments if part is not type(None))
        return None if plain is None else _of(real, plain)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        return kind(
            **{entry.name: _of(hints[entry.name], plain[entry.name]) for entry in dataclasses.fields(kind)}
        )
    if isinstance(plain, dict) and arguments:
        return {key: _of(arguments[-1], part) for key, part in plain.items()}
    if isinstance(plain, list) and arguments:
        return tuple(_of(arguments[0], part) for part in plain)
    return plain
