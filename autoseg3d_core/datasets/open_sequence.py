"""The reader that fits a path."""

from __future__ import annotations

from pathlib import Path

from autoseg3d_core.datasets.posed_images import PosedImages
from autoseg3d_core.datasets.rosbag import RosbagSequence
from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.structures import InputError

BAG_ENDINGS = (".mcap", ".db3", ".bag")


def open_sequence(source: str | Path) -> RgbdSequence:
    """Return the frames of a bag (a folder with metadata.yaml, or a file) or of a folder of posed images."""
    path = Path(source)
    if path.is_file() and path.suffix in BAG_ENDINGS:
        return RosbagSequence(path)
    if not path.is_dir():
        raise InputError(f"{path}: no such bag or folder")
    if (path / "metadata.yaml").exists() or any(file.suffix in BAG_ENDINGS for file in path.iterdir()):
        return RosbagSequence(path)
    return PosedImages(path)
