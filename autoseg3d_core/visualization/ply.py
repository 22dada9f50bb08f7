"""Labelled clouds as PLY files, binary, little endian."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from autoseg3d_core.atomic_file import replacing
from autoseg3d_core.structures import LabelledCloud

VERTEX = np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3), ("instance", "<i4"), ("label", "<i4")])
HEADER = """ply
format binary_little_endian 1.0
element vertex {count}
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
property int instance
property int label
end_header
"""


def write_ply(path: str | Path, cloud: LabelledCloud) -> None:
    """Write a cloud; `instance` is the track id (0 none), `label` the class (-1 none)."""
    vertices = np.zeros(len(cloud), VERTEX)
    vertices["xyz"], vertices["rgb"] = cloud.xyz, cloud.rgb
    vertices["instance"], vertices["label"] = cloud.ids, cloud.labels
    with replacing(path) as file:
        file.write(HEADER.format(count=len(cloud)).encode())
        file.write(vertices.tobytes())
