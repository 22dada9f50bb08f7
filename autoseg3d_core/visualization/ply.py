"""Labelled clouds as PLY files, binary, little endian."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from autoseg3d_core.atomic_file import replacing
from autoseg3d_core.structures import InputError, LabelledCloud

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


def read_ply(path: str | Path) -> LabelledCloud:
    """Read a file made by `write_ply`; raises `InputError` for another one."""
    data = Path(path).read_bytes()
    header, _, body = data.partition(b"end_header\n")
    lines = header.decode(errors="replace").splitlines()
    count = next((int(line.split()[2]) for line in lines if line.startswith("element vertex")), -1)
    if HEADER.format(count=count).splitlines()[:-1] != lines or len(body) != count * VERTEX.itemsize:
        raise InputError(f"{path}: not a labelled cloud as autoseg3d writes it")
    vertices = np.frombuffer(body, VERTEX)
    return LabelledCloud(
        vertices["xyz"].copy(),
        vertices["rgb"].copy(),
        vertices["instance"].astype(np.int64),
        vertices["label"].astype(np.int64),
    )
