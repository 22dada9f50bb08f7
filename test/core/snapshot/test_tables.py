"""Dataclasses become tensors by name and back, whatever their fields are; what does not fit is named."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from autoseg3d_core.snapshot.tables import filled, named_tensors
from autoseg3d_core.structures import InputError, Rows


@dataclass(frozen=True, eq=False)
class Inner(Rows):
    speed: Float[Tensor, "rows 3"]


@dataclass(frozen=True, eq=False)
class Table(Rows):
    ids: Int64[Tensor, " rows"]
    inner: Inner


@dataclass(frozen=True)
class Shelf:
    """Holds tables in a dict, and says how to lay them out."""

    tables: dict[int, Table] = field(default_factory=dict)

    def laid_out(self):
        return tuple(self.tables.get(key, table(0)) for key in (1, 2))

    def filled_with(self, tables):
        return Shelf(dict(zip((1, 2), tables, strict=True)))


@dataclass(frozen=True, eq=False)
class Whole:
    table: Table
    shelf: Shelf
    matrix: Float[Tensor, "2 2"]
    pair: tuple[int, float] = (0, 0.0)
    recent: Inner | None = None
    other: Any = None


def table(rows):
    return Table(torch.arange(rows), Inner(torch.rand(rows, 3)))


LIKE = Whole(table(0), Shelf(), torch.zeros(2, 2), recent=Inner(torch.zeros(0, 3)))


def a_whole(recent=None):
    return Whole(table(4), Shelf({1: table(2), 2: table(1)}), torch.rand(2, 2), (7, 0.25), recent)


@pytest.mark.parametrize("recent", [None, Inner(torch.rand(5, 3))])
def test_what_was_laid_out_comes_back(recent):
    given = a_whole(recent)
    back = filled(LIKE, dict(named_tensors(given)))
    before, after = dict(named_tensors(given)), dict(named_tensors(back))
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert back.pair == (7, 0.25)
    assert [len(one) for one in back.shelf.tables.values()] == [2, 1]
    assert (back.recent is None) == (recent is None)


def test_names_are_those_of_the_fields():
    names = {name for name, _ in named_tensors(a_whole())}
    assert {"table.ids", "table.inner.speed", "shelf.0.ids", "shelf.1.inner.speed", "pair.0"} <= names


def without(name):
    return lambda tensors: tensors.pop(name)


def put(name, tensor):
    return lambda tensors: tensors.update({name: tensor})


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (without("matrix"), "matrix is missing"),
        (without("table.inner.speed"), "table.inner.speed is missing"),
        (put("table.inner.colour", torch.zeros(4, 3)), "table.inner.colour is unknown"),
        (put("other.deep", torch.zeros(1)), "other.deep is unknown"),
        (put("matrix", torch.zeros(3, 2)), "matrix is float32 of 3 x 2, not float32 of 2 x 2"),
        (put("matrix", torch.zeros(2, 2).double()), "float64"),
        (put("table.inner.speed", torch.zeros(4, 2)), "float32 of 4 x 2, not float32 of any x 3"),
        (put("table.inner.speed", torch.zeros(4)), "float32 of 4, not"),
        (put("table.ids", torch.arange(4).int()), "int32"),
        (put("table.ids", torch.arange(5)), "columns of table differ in length"),
        (put("pair.0", torch.zeros(1).long()), "int64 of 1, not int64 of one number"),
    ],
)
def test_what_does_not_fit_is_named(damage, words):
    tensors = dict(named_tensors(a_whole()))
    damage(tensors)
    with pytest.raises(InputError, match=words):
        filled(LIKE, tensors)


def test_what_is_made_of_anything_else_cannot_be_saved():
    with pytest.raises(TypeError, match="kept is a dict, which cannot be saved"):
        dict(named_tensors({"a": 1}, "kept"))
