"""The objects of a scene as a table for spreadsheets; its ids are those of the PLY file's points."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from autoseg3d_core.atomic_file import replacing
from autoseg3d_core.structures import SceneObject

BOX = ("x_m", "y_m", "z_m", "length_m", "width_m", "height_m", "qx", "qy", "qz", "qw")
COLUMNS = ("id", "name", "score", "presence", "frames_seen", "map_voxels", *BOX)


def write_objects(path: str | Path, objects: Iterable[SceneObject]) -> None:
    """Write a row per object as CSV; its box is the oriented one, in the world."""
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for thing in objects:
        box = (f"{value:.4f}" for value in thing.oriented_box.tolist())
        about = (thing.presence.name.lower(), thing.frames_seen, len(thing.points))
        rows.writerow([thing.id, thing.label, f"{thing.score:.3f}", *about, *box])
    with replacing(path) as file:
        file.write(text.getvalue().encode())
