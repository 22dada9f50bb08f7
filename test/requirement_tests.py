"""The table of docs/requirements.md: which tests show that a requirement is met."""

import functools
import re
from pathlib import Path

TABLE = Path(__file__).resolve().parent.parent / "docs" / "requirements.md"
ROW = re.compile(r"^\| (R\d+) \|(.*)\|(.*)\|(.*)\|$")
TEST = re.compile(r"`(test_\w+)`")


@functools.cache
def requirement_tests() -> dict[str, list[str]]:
    """Return the names of the tests of each requirement, by its name."""
    rows = filter(None, map(ROW.match, TABLE.read_text(encoding="utf-8").splitlines()))
    return {row.group(1): TEST.findall(row.group(3)) for row in rows}
