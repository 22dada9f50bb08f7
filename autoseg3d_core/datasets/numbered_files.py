"""Folders with a file per frame, named by its number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from autoseg3d_core.datasets.recording import Findings
from autoseg3d_core.structures import InputError

LAST_NUMBER = re.compile(r"(\d+)\D*$")
NAMED = 5
"""Numbers that a message names before it says that there are more."""


def numbered(folder: Path, endings: tuple[str, ...], start: str = "") -> dict[int, Path]:
    """Return the file of each number: `12.png`, `000012.png`, or, where none is so, `frame-000012.color.png`.

    Only names with this start and one of these endings count. Raises `InputError` where two files are one
    frame.
    """
    found = [
        file
        for file in sorted(folder.iterdir())
        if file.name.startswith(start) and file.name.lower().endswith(endings)
    ]
    plain = [file for file in found if file.stem.isdecimal()]
    files: dict[int, Path] = {}
    for file in plain or found:
        number = LAST_NUMBER.search(file.stem)
        if number is None or file.name.startswith("."):  # of the system's own
            continue
        key = int(number.group(1))
        if key in files:
            raise InputError(f"{folder}: {files[key].name} and {file.name} are the same frame: delete one")
        files[key] = file
    return files


def complete(parts: Mapping[str, Mapping[int, Path]], source: Path, findings: Findings) -> list[int]:
    """Return the numbers that every part has, sorted; those that a part lacks are counted and named."""
    everything = sorted(set().union(*parts.values()))
    usable = sorted(set(everything).intersection(*parts.values()))
    for name, files in parts.items():
        missing = sorted(set(everything) - set(files))
        if missing:
            reason = f"{source}: no {name} of {len(missing)} of {len(everything)} frames ({some(missing)})"
            findings.reasons.setdefault("no files", reason)
    findings.skip("no files", "", len(everything) - len(usable))
    return usable


def look_for_gaps(numbers: list[int], source: Path, findings: Findings) -> None:
    """Count the numbers left out of an even numbering, which is a hint at a failed export."""
    steps = sorted(after - before for before, after in pairwise(numbers))
    if not steps:
        return
    missing = sorted(set(range(numbers[0], numbers[-1], steps[0])) - set(numbers))
    findings.skip("no files", f"{source}: no files of frames {some(missing)}", len(missing))


def some(numbers: list[int]) -> str:
    """Return the first few numbers in words."""
    return ", ".join(map(str, numbers[:NAMED])) + (" ..." if len(numbers) > NAMED else "")
