"""Which small mutations of a source file there are: cosmic-ray's operators, and three of our own.

A mutant is one change at one place. Annotations and decorators are left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import parso.python.tree
from cosmic_ray.ast import Visitor, get_ast
from cosmic_ray.operators.operator import Operator
from cosmic_ray.operators.provider import OperatorProvider

FROM_COSMIC_RAY = (
    "NumberReplacer",
    "AddNot",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ZeroIterationForLoop",
    "ReplaceUnaryOperator_USub_UAdd",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_Delete_Invert",
    *(
        f"ReplaceBinaryOperator_{change}"
        for change in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul", "Mod_Add", "Pow_Mul")
    ),
    *(f"ReplaceBinaryOperator_{change}" for change in ("RShift_LShift", "LShift_RShift", "BitOr_BitAnd")),
    "ReplaceBinaryOperator_BitAnd_BitOr",
    *(f"ReplaceComparisonOperator_{change}" for change in ("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")),
    *(f"ReplaceComparisonOperator_{change}" for change in ("Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt")),
    *(f"ReplaceComparisonOperator_{change}" for change in ("Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt")),
)

OPPOSITES = (
    ("amin", "amax"),
    ("min", "max"),
    ("minimum", "maximum"),
    ("any", "all"),
    ("sum", "mean"),
    ("zeros_like", "ones_like"),
    ("floor", "ceil"),
    ("softmax", "sigmoid"),
)
TERMS = ("arith_expr", "term", "and_test", "or_test", "and_expr", "expr")


class TermLeftOut(Operator):
    """Leaves the first or the last operand out of a sum, a product, or a chain of conditions."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Yield a place for each end."""
        if node.type in TERMS:
            yield from [(node.start_pos, node.end_pos)] * 2

    def mutate(self, node: Any, index: int) -> Any:
        """Return the node without its first or its last operand."""
        gap = node.get_first_leaf().prefix
        node.children = node.children[2:] if index == 0 else node.children[:-2]
        node.get_first_leaf().prefix = gap
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        """Return none: cosmic-ray asks for them in its own tests only."""
        return ()


class ArgumentLeftOut(Operator):
    """Leaves a keyword argument out of a call."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Yield a place for each argument."""
        for argument in _dispensable(node):
            yield argument.start_pos, argument.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Return the arguments without one."""
        children, place = node.children, node.children.index(_dispensable(node)[index])
        cut = slice(place, place + 2) if place == 0 else slice(place - 1, place + 1)
        node.children = [c for c in children if c not in children[cut]]
        node.get_first_leaf().prefix = ""
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        """Return none: cosmic-ray asks for them in its own tests only."""
        return ()


class Opposite(Operator):
    """Puts the opposite in place of a name: the largest for the smallest, any for all, ones for zeros."""

    names = {a: b for pair in OPPOSITES for a, b in (pair, pair[::-1])}  # noqa: RUF012

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Yield the places of names, and of strings that say how to reduce."""
        is_name = isinstance(node, parso.python.tree.Name | parso.python.tree.String)
        if is_name and node.value.strip("\"'") in self.names and node.parent.type not in ("funcdef", "param"):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Return the node with the other name."""
        name = node.value.strip("\"'")
        node.value = node.value.replace(name, self.names[name])
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        """Return none: cosmic-ray asks for them in its own tests only."""
        return ()


def _dispensable(node: Any) -> list[Any]:
    if node.type != "arglist":
        return []
    return [c for c in node.children if c.type == "argument" and "=" in c.children]


OPERATORS: dict[str, type[Operator]] = {
    **{name: OperatorProvider()[name] for name in FROM_COSMIC_RAY},
    "TermLeftOut": TermLeftOut,
    "ArgumentLeftOut": ArgumentLeftOut,
    "Opposite": Opposite,
}


@dataclass(frozen=True)
class Place:
    """Where an operator can change a file."""

    path: str
    operator: str
    occurrence: int
    line: int


@dataclass(frozen=True)
class Mutant:
    """One change of one file: the source after it, and the lines before and after."""

    place: Place
    before: str
    after: str
    source: str


class _Change(Visitor):  # type: ignore[misc]
    """Applies an operator at one of its places; counts the places on the way."""

    def __init__(self, operator: Operator, occurrence: int) -> None:
        self.operator, self.occurrence = operator, occurrence
        self.places: list[tuple[int, int]] = []

    def visit(self, node: Any) -> Any:
        """Return the node, changed if its turn has come."""
        for index, (start, _) in enumerate(list(self.operator.mutation_positions(node))):
            self.places.append(start)
            if len(self.places) - 1 == self.occurrence:
                node = self.operator.mutate(node, index)
        return node


def places_of(path: str, source: str) -> list[Place]:
    """Return all places of a file where an operator can change it."""
    found, tree, off_limits = [], get_ast(source), _spans_to_leave(source)
    for name, kind in OPERATORS.items():
        count = _Change(kind(), -1)
        count.walk(tree)
        for occurrence, place in enumerate(count.places):
            if not any(low <= place < high for low, high in off_limits):
                found.append(Place(path, name, occurrence, place[0]))
    return found


def mutant_at(place: Place, source: str) -> Mutant | None:
    """Return the mutant of a place; None where what comes of it is no Python, or the same."""
    change = _Change(OPERATORS[place.operator](), place.occurrence)
    mutated = change.walk(get_ast(source)).get_code()
    if mutated == source or not _is_python(mutated):
        return None
    old, new = source.splitlines(), mutated.splitlines()
    first = _first_difference(old, new)
    last = _first_difference(old[first:][::-1], new[first:][::-1])
    before, after = (" ".join(line.strip() for line in side[first : len(side) - last]) for side in (old, new))
    return Mutant(place, before, after, mutated)


def _first_difference(old: list[str], new: list[str]) -> int:
    pairs = enumerate(zip(old, new, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(old), len(new)))


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _spans_to_leave(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return where annotations, decorators, names of types and interfaces lie."""
    spans = []
    for node in ast.walk(ast.parse(source)):
        parts: list[Any] = []
        if isinstance(node, ast.FunctionDef):
            parts += [node.returns, *node.decorator_list]
        elif isinstance(node, ast.arg | ast.AnnAssign):
            parts.append(node.annotation)
        elif isinstance(node, ast.ClassDef):
            is_interface = any(getattr(base, "id", "") == "Protocol" for base in node.bases)
            parts += [node] if is_interface else node.decorator_list
        elif (
            isinstance(node, ast.Subscript)
            and getattr(node.value, "id", "")
            in (
                "Callable",
                "dict",
                "list",
            )
        ) or (isinstance(node, ast.keyword) and node.arg in ("strict", "device", "unit")):
            parts.append(node)
        spans += [
            ((p.lineno, p.col_offset), (p.end_lineno, p.end_col_offset)) for p in parts if p is not None
        ]
    return spans
