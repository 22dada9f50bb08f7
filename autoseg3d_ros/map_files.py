"""Writes the scene map and its tracks to a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from autoseg3d_core.structures import InputError, LabelledCloud, TrackTable
from autoseg3d_core.visualization.ply import write_ply

FORMATS = ("ply", "npz", "json")


def write_map(
    path: Path, file_format: str, overwrite: bool, cloud: LabelledCloud, tracks: TrackTable
) -> Path:
    """Write the map as ply (points), npz (points and tracks) or json (tracks); return the full path.

    An empty format is taken from the path's ending. Raises `InputError` for an unknown format, a file that
    exists, or a place that cannot be written.
    """
    chosen = (file_format or path.suffix).lower().lstrip(".")
    if chosen not in FORMATS:
        raise InputError(f"format {chosen!r}: use one of {', '.join(FORMATS)}")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists: give another path or set overwrite")
    try:
        if chosen == "ply":
            write_ply(path, cloud)
        elif chosen == "npz":
            with path.open("wb") as file:
                np.savez_compressed(file, **npz_columns(cloud, tracks))  # type: ignore[arg-type]
        else:
            path.write_text(json.dumps(track_rows(tracks), indent=1), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error}") from error
    return path.resolve()


def npz_columns(cloud: LabelledCloud, tracks: TrackTable) -> dict[str, np.ndarray]:
    """Return points and tracks as named arrays."""
    points = {f"point_{name}": getattr(cloud, name) for name in ("xyz", "rgb", "ids", "labels")}
    return points | {f"track_{name}": column for name, column in vars(tracks).items()}


def track_rows(tracks: TrackTable) -> dict[str, list[dict[str, object]]]:
    """Return the tracks as JSON-ready rows."""
    columns = {name: column.tolist() for name, column in vars(tracks).items()}
    rows = zip(*columns.values(), strict=True)
    return {"tracks": [dict(zip(columns, row, strict=True)) for row in rows]}
