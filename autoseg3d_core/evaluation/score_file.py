"""Scores as files have them: all shares in percent, counts as they are, nothing where there is no score."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from autoseg3d_core.evaluation.scene_scores import Scores

DIGITS = 4
UNITS = "AP, IoU, F-scores, IDF1, HOTA and shares in percent; times in ms; memory in MB (10^6 bytes)"


def in_percent(scores: Scores) -> dict[str, Any]:
    """Return the scores by name; every score that is no count is in percent, or None where there is none."""
    return {entry.name: percent(getattr(scores, entry.name)) for entry in dataclasses.fields(scores)}


def percent(value: Any) -> Any:
    """Return a value of plain parts with every float in percent, None for NaN."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {entry.name: percent(getattr(value, entry.name)) for entry in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {name: percent(part) for name, part in value.items()}
    if isinstance(value, float):
        return None if math.isnan(value) else round(100 * value, DIGITS)
    return value
