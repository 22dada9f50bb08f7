"""What to give instead of a path that is no recording: the folder above or below it, or a converted one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

ARCHIVES = (".zip", ".tgz", ".gz", ".tar", ".bz2", ".xz", ".7z", ".r3d")
LOOKED_AT = 200
"""So many folders below a path are looked at."""
POLYCAM = ("images", "depth", "cameras")


def converted_first(path: Path) -> str | None:
    """Return how a path that is not read as it is becomes one that is; None for other paths."""
    if path.suffix == ".bag":
        return f"a ROS 1 bag: convert it with `rosbags-convert --src {path.name} --dst NEW`"
    if path.is_file() and path.suffix.lower() in ARCHIVES:
        return "an archive: unpack it, and give the folder"
    raw = path if path.name == "keyframes" else path / "keyframes"
    if all((raw / name).is_dir() for name in POLYCAM):
        return (
            "a raw export of Polycam: convert it for nerfstudio with `ns-process-data polycam --data "
            f"{raw.parent} --output-dir NEW --use-depth`, and give NEW"
        )
    return None


def nearby(path: Path, is_recording: Callable[[Path], bool]) -> str | None:
    """Return which folder above or below this one is a recording, in words; None where there is none."""
    if is_recording(path.parent):
        return f"a part of a recording: give {path.parent}"
    inside = next(filter(is_recording, islice(_folders(path), LOOKED_AT)), None)
    return None if inside is None else f"no recording itself, but contains some: give one, such as {inside}"


def _folders(path: Path) -> Iterator[Path]:
    """Yield the folders in a folder, then those in these."""
    if path.is_dir():
        first = sorted(child for child in path.iterdir() if child.is_dir())
        yield from first
        for child in first:
            yield from (below for below in sorted(child.iterdir()) if below.is_dir())
