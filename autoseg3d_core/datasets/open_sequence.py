"""The reader that fits a path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autoseg3d_core.datasets.bag_index import BAG_ENDINGS
from autoseg3d_core.datasets.near_misses import converted_first, nearby
from autoseg3d_core.datasets.posed_images import PosedImages
from autoseg3d_core.datasets.readers import nerfstudio, replica, rescan, scannet_export, scenenn, sens, tum
from autoseg3d_core.datasets.rosbag import RosbagSequence
from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.datasets.source_options import SourceOptions
from autoseg3d_core.structures import InputError


@dataclass(frozen=True)
class Format:
    """A way in which recordings are stored: its name, what has to be there, and who reads it."""

    name: str
    needs: str
    fits: Callable[[Path], bool]
    read: Callable[[Path, SourceOptions], RgbdSequence]


def _is_bag(path: Path) -> bool:
    if path.is_file():
        return path.suffix in BAG_ENDINGS
    return (path / "metadata.yaml").exists() or any(file.suffix in BAG_ENDINGS for file in path.iterdir())


def _is_posed(path: Path) -> bool:
    return any((path / name).is_dir() for name in ("color", "rgb", "depth", "pose"))


FORMATS = (
    Format("rosbag2", "metadata.yaml, .mcap or .db3", _is_bag, lambda p, o: RosbagSequence(p, options=o)),
    Format("ScanNet .sens", sens.NEEDS, sens.fits, sens.read),
    Format("nerfstudio", nerfstudio.NEEDS, nerfstudio.fits, nerfstudio.read),
    Format("TUM RGB-D", tum.NEEDS, tum.fits, tum.read),
    Format("Replica (NICE-SLAM)", replica.NEEDS, replica.fits, replica.read),
    Format("3RScan", rescan.NEEDS, rescan.fits, rescan.read),
    Format("ScanNet, exported", scannet_export.NEEDS, scannet_export.fits, scannet_export.read),
    Format("SceneNN", scenenn.NEEDS, scenenn.fits, scenenn.read),
    Format(
        "posed images",
        "color/, depth/, pose/, intrinsic.txt",
        _is_posed,
        lambda p, o: PosedImages(p, options=o),
    ),
)
"""From the most telling marks to the least."""


def format_of(source: str | Path) -> Format:
    """Return how a recording is stored; raises `InputError` naming what was looked for."""
    path = Path(source)
    advice = converted_first(path)
    if advice is not None:
        raise InputError(f"{path}: {advice}")
    if not path.exists():
        raise InputError(f"{path}: no such bag or folder")
    found = _fitting(path)
    if found is None:
        advice = nearby(path, lambda other: _fitting(other) is not None)
        if advice is not None:
            raise InputError(f"{path}: {advice}")
        marks = "; ".join(f"{known.name}: {known.needs}" for known in FORMATS)
        raise InputError(
            f"{path}: not a recording of a known format; formats are recognised by their files: {marks}"
        )
    return found


def _fitting(path: Path) -> Format | None:
    return next((known for known in FORMATS if known.fits(path)), None)


def open_sequence(source: str | Path, options: SourceOptions | None = None) -> RgbdSequence:
    """Return the frames of a recording, whatever it is stored as; `options` say what its files do not."""
    return format_of(source).read(Path(source), options or SourceOptions())
