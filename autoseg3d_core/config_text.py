"""Settings as YAML that explains itself: each under a line with its meaning, unit and range."""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from autoseg3d_core.config import Entry


def limits(entry: Entry) -> str:
    """Return the choices or the range of a setting in words, empty when anything goes."""
    about = entry.about
    if about.choices:
        return " or ".join(about.choices)
    low = "" if about.low is None else f"{about.low:g}"
    high = "" if about.high is None else f"{about.high:g}"
    if low and high:
        return f"{low} .. {high}"
    return f">= {low}" if low else f"<= {high}" if high else ""


def yaml_value(value: object) -> str:
    """Return a scalar as YAML writes it on one line."""
    return yaml.safe_dump(value, default_flow_style=True).splitlines()[0]


def yaml_lines(entries: Iterable[Entry], depth: int = 0) -> list[str]:
    """Return settings as lines of YAML, their sections `depth` levels deep."""
    lines: list[str] = []
    open_sections: list[str] = []
    for entry in entries:
        *sections, name = entry.key.split(".")
        for level, part in enumerate(sections):
            if open_sections[level : level + 1] != [part]:
                open_sections[level:] = [part]
                lines.append(f"{'  ' * (level + depth)}{part}:")
        del open_sections[len(sections) :]
        about = entry.about
        notes = [about.description, f"[{about.unit}]" if about.unit else "", limits(entry)]
        comment = "; ".join(note for note in notes if note) + (" (live)" if about.live else "")
        indent = "  " * (len(sections) + depth)
        lines += [f"{indent}# {comment}", f"{indent}{name}: {yaml_value(entry.value)}"]
    return lines
