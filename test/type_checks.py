"""How annotations are checked while tests run: a whole number will do for a real one (PEP 484)."""

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep3119Exception

_check: Callable[..., Any] = beartype(conf=BeartypeConf(is_pep484_tower=True))


def checked(function: Any) -> Any:
    """Return what checks its arguments and result, save where a Protocol is not @runtime_checkable."""
    try:
        return _check(function)
    except BeartypeDecorHintPep3119Exception:
        return function
