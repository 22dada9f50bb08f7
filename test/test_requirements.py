"""Every requirement of the node has tests, and each of them exists under the name that the docs give."""

import ast
from pathlib import Path

import pytest
from requirement_tests import requirement_tests

TESTS = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def existing():
    """Return the names of all test functions."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in TESTS.rglob("test_*.py"))
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_all_requirements_are_listed():
    assert list(requirement_tests()) == [f"R{number}" for number in range(1, 21)]


@pytest.mark.parametrize("name", [f"R{number}" for number in range(1, 21)])
def test_a_requirement_has_tests_that_exist(existing, name):
    named = requirement_tests()[name]
    assert named
    assert set(named) - existing == set()
