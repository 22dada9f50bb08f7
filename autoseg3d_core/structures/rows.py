"""A table as a dataclass: its fields are columns of one length."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch

RowsT = TypeVar("RowsT", bound="Rows")


class Rows:
    """A table whose fields are columns of one length: indexing filters every column at once.

    A column is an array, a tensor, or a table of its own. A mask on a device is counted out once for all of
    them, because a GPU is waited for when that is done.
    """

    def __len__(self) -> int:
        return len(next(self.columns())[1])

    def __getitem__(self: RowsT, rows: Any) -> RowsT:
        if isinstance(rows, torch.Tensor) and rows.dtype == torch.bool:
            rows = rows.nonzero()[:, 0]
        return type(self)(**{name: column[rows] for name, column in self.columns()})

    def columns(self) -> Iterator[tuple[str, Any]]:
        """Yield the name of every column and the column."""
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            yield field.name, getattr(self, field.name)

    def append(self: RowsT, other: RowsT) -> RowsT:
        """Return a table with the rows of `other` after ours."""
        return (
            self if len(other) == 0 else self.combine(other, lambda ours, theirs: torch.cat([ours, theirs]))
        )

    def to(self: RowsT, device: torch.device | str) -> RowsT:
        """Return the table on a device."""
        return type(self)(**{name: column.to(device) for name, column in self.columns()})

    def combine(self: RowsT, other: RowsT, of_columns: Callable[[Any, Any], Any]) -> RowsT:
        """Return a table made of every column of ours and of `other`, those of inner tables too."""

        def of(ours: Any, theirs: Any) -> Any:
            return ours.combine(theirs, of_columns) if isinstance(ours, Rows) else of_columns(ours, theirs)

        return type(self)(**{name: of(column, getattr(other, name)) for name, column in self.columns()})
