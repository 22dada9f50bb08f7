"""Writes the scene map and its tracks to a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from autoseg3d_core.atomic_file import replacing
from autoseg3d_core.structures import InputError, LabelledCloud, TrackTable
from autoseg3d_core.visualization.ply import write_ply

SNAPSHOT = "snapshot"
FORMATS = (SNAPSHOT, "ply", "npz", "json")


def format_for(path: Path, file_format: str, overwrite: bool) -> str:
    """Return the format to write, an empty one taken from the path's ending.

    Raises `InputError` for an unknown format, and for a file that exists and is not to be replaced.
    """
    chosen = (file_format or path.suffix).lower().lstrip(".")
    if chosen not in FORMATS:
        raise InputError(f"format {chosen!r}: use one of {', '.join(FORMATS)}")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists: give another path or set overwrite")
    return chosen


def write_map(path: Path, file_format: str, cloud: LabelledCloud, tracks: TrackTable) -> None:
    """Write the map as ply (points), npz (points and tracks) or json (tracks), whole or not at all.

    Raises `InputError` for a place that cannot be written.
    """
    try:
        if file_format == "ply":
            write_ply(path, cloud)
            return
        with replacing(path) as file:
            if file_format == "npz":
                np.savez_compressed(file, **npz_columns(cloud, tracks))  # type: ignore[arg-type]
            else:
                file.write(json.dumps(track_rows(tracks), indent=1).encode())
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error}") from error


def npz_columns(cloud: LabelledCloud, tracks: TrackTable) -> dict[str, np.ndarray]:
    """Return points and tracks as named arrays."""
    points = {f"point_{name}": getattr(cloud, name) for name in ("xyz", "rgb", "ids", "labels")}
    return points | {f"track_{name}": column for name, column in vars(tracks).items()}


def track_rows(tracks: TrackTable) -> dict[str, list[dict[str, object]]]:
    """Return the tracks as JSON-ready rows."""
    columns = {name: column.tolist() for name, column in vars(tracks).items()}
    rows = zip(*columns.values(), strict=True)
    return {"tracks": [dict(zip(columns, row, strict=True)) for row in rows]}
