"""ScanNet's `.sens`: one file with all images, poses and the calibration, read from where they lie.

https://github.com/ScanNet/ScanNet/tree/master/SensReader
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from autoseg3d_core.datasets.annotations import scannet_alignment, scannet_truth
from autoseg3d_core.datasets.calibration_files import camera_of
from autoseg3d_core.datasets.image_files import decode_color
from autoseg3d_core.datasets.recording import Findings, FrameFiles, Habits, Recording
from autoseg3d_core.datasets.rig import Rig
from autoseg3d_core.datasets.source_options import SourceOptions
from autoseg3d_core.geometry.transforms import inverse_rigid
from autoseg3d_core.structures import InputError

NEEDS = "one .sens file"
ENDING = ".sens"
VERSION = 4
SIZES = struct.Struct("<iiIIIIfQ")
"""Kinds of compression of colour and depth, their widths and heights, units per metre, number of frames."""
FRAME = struct.Struct("<16f4Q")
"""Camera to world, stamps of colour and depth (microseconds), bytes of colour and depth."""
RAW_COLOR, ENCODED_COLOR = 0, (1, 2)
RAW_DEPTH, ZLIB_DEPTH = 0, 1
LONGEST_NAME = 4096
RATE_HZ = 30.0


@dataclass(frozen=True)
class Header:
    """What stands at the start of the file."""

    rig: Rig
    color_kind: int
    depth_kind: int
    color_shape: tuple[int, int]
    depth_shape: tuple[int, int]
    units_per_metre: float
    frames: int


@dataclass(frozen=True)
class Place:
    """Where one image lies in the file."""

    file: Path
    start: int
    length: int
    source: str

    def read(self) -> bytes:
        """Return the image as it is stored."""
        with self.file.open("rb") as opened:
            opened.seek(self.start)
            return opened.read(self.length)


def fits(path: Path) -> bool:
    """Tell whether this is such a file, or a folder with one."""
    return (path.is_file() and path.suffix == ENDING) or (path.is_dir() and any(path.glob(f"*{ENDING}")))


def read(path: Path, options: SourceOptions) -> Recording:
    """Return the frames; only where they lie is read now. A file that is cut off gives those that it has."""
    file, findings = _file(path), Findings()
    with file.open("rb") as opened:
        header = _header(opened, file)
        rows = list(_rows(opened, file, header))
    cut = header.frames - len(rows)
    findings.skip("cut off", f"{file}: ends after {len(rows)} of {header.frames} frames: download again", cut)
    stamps = [row.stamp_ns for row in rows]
    if any(after <= before for before, after in pairwise(stamps)):
        findings.guesses.append("stamps: frame i at i/30 s, the file's are no times")
        rows = [_restamped(row, round(i * 1e9 / RATE_HZ)) for i, row in enumerate(rows)]
    aligned = scannet_alignment(file.parent, file.stem)
    habits = Habits(header.rig, header.units_per_metre, aligned_from_world=aligned)
    truth = scannet_truth(file.parent, file.stem, aligned)
    return Recording(file, rows, habits, options, findings, truth)


def _file(path: Path) -> Path:
    if path.is_file():
        return path
    files = sorted(path.glob(f"*{ENDING}"))
    if len(files) > 1:
        raise InputError(f"{path}: has {', '.join(f.name for f in files[:3])}: name the one to read")
    return files[0]


def _header(opened: BinaryIO, file: Path) -> Header:
    version, length = struct.unpack("<IQ", _exactly(opened, 12, file))
    if version != VERSION or length > LONGEST_NAME:
        raise InputError(
            f"{file}: not a .sens file of version {VERSION} (found {version}): download it again"
        )
    _exactly(opened, length, file)  # the sensor's name
    matrices = np.frombuffer(_exactly(opened, 4 * 64, file), "<f4").reshape(4, 4, 4).astype(np.float64)
    color_kind, depth_kind, *sizes, scale, frames = SIZES.unpack(_exactly(opened, SIZES.size, file))
    if color_kind not in (RAW_COLOR, *ENCODED_COLOR) or depth_kind not in (RAW_DEPTH, ZLIB_DEPTH):
        raise InputError(f"{file}: unknown compression ({color_kind}, {depth_kind})")
    color, depth = (sizes[0], sizes[1]), (sizes[2], sizes[3])
    rig = Rig(
        camera_of(matrices[0], f"{file}: colour", color),
        camera_of(matrices[2], f"{file}: depth", depth),
        inverse_rigid(_known(matrices[1])) @ _known(matrices[3]),
    )
    return Header(rig, color_kind, depth_kind, color[::-1], depth[::-1], scale, frames)


def _known(extrinsic: np.ndarray) -> np.ndarray:
    """Return where a camera stands in the device; files that do not know have zeros."""
    return extrinsic if extrinsic.any() and np.isfinite(extrinsic).all() else np.eye(4)


def _rows(opened: BinaryIO, file: Path, header: Header) -> Iterator[FrameFiles]:
    """Yield the frames that are whole."""
    size = file.stat().st_size
    for index in range(header.frames):
        start = opened.tell() + FRAME.size
        data = opened.read(FRAME.size)
        if len(data) < FRAME.size:
            return
        *pose, color_us, _, color_bytes, depth_bytes = FRAME.unpack(data)
        if start + color_bytes + depth_bytes > size:
            return
        opened.seek(color_bytes + depth_bytes, 1)
        name = f"{file}: frame {index}"
        color = Place(file, start, color_bytes, name)
        depth = Place(file, start + color_bytes, depth_bytes, name)
        yield FrameFiles(
            name=name,
            pose_name=name,
            stamp_ns=color_us * 1000,
            color=partial(_color, color, header.color_kind, header.color_shape),
            depth=partial(_depth, depth, header.depth_kind, header.depth_shape),
            pose=partial(np.array, np.reshape(pose, (4, 4))),
        )


def _restamped(row: FrameFiles, stamp_ns: int) -> FrameFiles:
    return FrameFiles(row.name, row.pose_name, stamp_ns, row.color, row.depth, row.pose, row.rig)


def _color(place: Place, kind: int, shape: tuple[int, int]) -> np.ndarray:
    data = place.read()
    if kind != RAW_COLOR:
        return decode_color(data, place.source)
    return _reshaped(data, np.dtype(np.uint8), (*shape, 3), place.source)


def _depth(place: Place, kind: int, shape: tuple[int, int]) -> np.ndarray:
    data = place.read()
    if kind == ZLIB_DEPTH:
        try:
            data = zlib.decompress(data)
        except zlib.error as error:
            raise InputError(
                f"{place.source}: depth is damaged ({error}): download the file again"
            ) from error
    return _reshaped(data, np.dtype("<u2"), shape, place.source)


def _reshaped(data: bytes, kind: np.dtype, shape: tuple[int, ...], source: str) -> np.ndarray:
    if len(data) != kind.itemsize * int(np.prod(shape)):
        raise InputError(
            f"{source}: {len(data)} bytes are not an image of {shape[1]}x{shape[0]}: the file is damaged"
        )
    return np.frombuffer(data, kind).reshape(shape)


def _exactly(opened: BinaryIO, count: int, file: Path) -> bytes:
    data = opened.read(count)
    if len(data) < count:
        raise InputError(f"{file}: ends within its header: the download is incomplete, download it again")
    return data
