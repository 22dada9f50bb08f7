"""Dataclasses of tensors <-> tensors by name, by walking them: a column that is added needs no other edit.

A value is a tensor, a number, None, a tuple of values, or a dataclass whose fields are values. What is made
of anything else lays itself out as such a dataclass (`LaysOut`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from autoseg3d_core.structures import InputError, Rows


@runtime_checkable
class LaysOut(Protocol):
    """Is not made of tables, and can be turned into a dataclass that is."""

    def laid_out(self) -> Any:
        """Return a dataclass of tensors with everything that is worth keeping."""
        ...

    def filled_with(self, tables: Any) -> Any:
        """Return one of our kind that holds what such a dataclass says."""
        ...


def named_tensors(value: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor of a value under a dotted name; a number becomes a tensor, None nothing."""
    if value is None:
        return
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, int | float):
        yield name, _as_tensor(value)
    elif isinstance(value, LaysOut):
        yield from named_tensors(value.laid_out(), name)
    else:
        for part_name, part in _parts(value, name):
            yield from named_tensors(part, part_name)


def filled(like: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return a value made like another, with other tensors: the inverse of `named_tensors`.

    Only tables (`Rows`) may have another number of rows. A field that is None by default may be missing.
    Raises `InputError` for what is missing, left over, or of another type or shape.
    """
    filling = _Filling(dict(tensors))
    value = filling.of(like, "")
    if filling.left:
        raise InputError(f"{min(filling.left)} is unknown to this model")
    return value


class _Filling:
    """Takes tensors by name until none is left."""

    def __init__(self, left: dict[str, Tensor]) -> None:
        self.left = left

    def of(self, like: Any, name: str, is_column: bool = False) -> Any:
        """Return a value like another; the number of rows of a column is free."""
        if like is None:
            return None
        if isinstance(like, Tensor):
            return self._tensor(like, name, is_column)
        if isinstance(like, int | float):
            return type(like)(self._tensor(_as_tensor(like), name, False).item())
        if isinstance(like, LaysOut):
            return like.filled_with(self.of(like.laid_out(), name))
        if isinstance(like, Rows):
            return self._table(like, name)
        if isinstance(like, tuple):
            return tuple(self.of(part, part_name) for part_name, part in _parts(like, name))
        return type(like)(**{f.name: self._field(f, like, name) for f in dataclasses.fields(like)})

    def _field(self, field: dataclasses.Field[Any], like: Any, name: str) -> Any:
        inner = _joined(name, field.name)
        is_there = any(given == inner or given.startswith(f"{inner}.") for given in self.left)
        if field.default is None and not is_there:
            return None
        return self.of(getattr(like, field.name), inner)

    def _table(self, like: Rows, name: str) -> Rows:
        columns = {field: self.of(column, _joined(name, field), True) for field, column in like.columns()}
        if len({len(column) for column in columns.values()}) > 1:
            raise InputError(f"the columns of {name} differ in length")
        return type(like)(**columns)

    def _tensor(self, like: Tensor, name: str, is_column: bool) -> Tensor:
        if name not in self.left:
            raise InputError(f"{name} is missing")
        found = self.left.pop(name)
        first = 1 if is_column else 0
        fits = found.dtype == like.dtype and found.dim() == like.dim()
        if not fits or found.shape[first:] != like.shape[first:]:
            wanted = _words(like, ["any"] * first + [*like.shape[first:]])
            raise InputError(f"{name} is {_words(found, [*found.shape])}, not {wanted}")
        return found.to(like.device, copy=True)  # in memory of its own, aligned as torch does


def _parts(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a tuple or a dataclass."""
    if isinstance(value, tuple):
        yield from ((_joined(name, str(place)), part) for place, part in enumerate(value))
    elif dataclasses.is_dataclass(value):
        yield from ((_joined(name, f.name), getattr(value, f.name)) for f in dataclasses.fields(value))
    else:
        raise TypeError(f"{name} is a {type(value).__name__}, which cannot be saved: see snapshot/tables.py")


def _joined(name: str, inner: str) -> str:
    return f"{name}.{inner}" if name else inner


def _as_tensor(number: float) -> Tensor:
    return torch.tensor(number, dtype=torch.int64 if isinstance(number, int) else torch.float64)


def _words(tensor: Tensor, shape: list[Any]) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of {' x '.join(map(str, shape)) or 'one number'}"
