"""The vertices of a PLY file, whatever its columns are: text or binary, as meshes of data sets have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from autoseg3d_core.structures import InputError

KINDS = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"float": "f4", "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2"},
    **{"int32": "i4", "uint32": "u4", "float32": "f4", "float64": "f8"},
}
ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}
END = b"end_header\n"


def read_vertices(file: Path) -> dict[str, np.ndarray]:
    """Return each column of the vertices by name; raises `InputError` for a file that is damaged."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error
    header, end, body = data.replace(b"\r\n", b"\n", data[:4096].count(b"\r\n")).partition(END)
    lines = [line.split() for line in header.decode(errors="replace").splitlines()]
    if not end or lines[:1] != [["ply"]]:
        raise InputError(f"{file}: not a PLY file: download it again")
    order = next((line[1] for line in lines if line[:1] == ["format"]), "")
    count, columns = _vertex_columns(lines, file)
    if order == "ascii":
        rows = [line.split()[: len(columns)] for line in body.decode(errors="replace").splitlines()[:count]]
        if len(rows) < count or any(len(row) < len(columns) for row in rows):
            raise InputError(f"{file}: ends before its {count} vertices: download it again")
        table = np.array(rows, dtype=np.float64)
        return {name: table[:, i].astype(kind) for i, (name, kind) in enumerate(columns)}
    dtype = np.dtype([(name, ORDERS.get(order, "<") + kind) for name, kind in columns])
    if order not in ORDERS or len(body) < count * dtype.itemsize:
        raise InputError(f"{file}: ends before its {count} vertices: download it again")
    vertices = np.frombuffer(body, dtype, count)
    return {name: vertices[name] for name, _ in columns}


def _vertex_columns(lines: list[list[str]], file: Path) -> tuple[int, list[tuple[str, str]]]:
    """Return the number of vertices and the name and kind of each of their columns."""
    elements = [i for i, line in enumerate(lines) if line[:1] == ["element"]]
    if not elements or lines[elements[0]][1] != "vertex":
        raise InputError(f"{file}: its first element is not vertex")
    until = elements[1] if len(elements) > 1 else len(lines)
    properties = [line for line in lines[elements[0] + 1 : until] if line[:1] == ["property"]]
    if any(len(line) != 3 or line[1] not in KINDS for line in properties):
        raise InputError(f"{file}: its vertices have columns of unknown kind")
    return int(lines[elements[0]][2]), [(line[2], KINDS[line[1]]) for line in properties]
