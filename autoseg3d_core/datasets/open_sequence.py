"""The reader that fits a path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autoseg3d_core.datasets.bag_index import BAG_ENDINGS
from autoseg3d_core.datasets.posed_images import PosedImages
from autoseg3d_core.datasets.rosbag import RosbagSequence
from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.structures import InputError

ROS1_ENDING = ".bag"


def open_sequence(source: str | Path, **bag_options: Any) -> RgbdSequence:
    """Return the frames of a bag (a folder with metadata.yaml, or a file) or of a folder of posed images.

    `bag_options` are those of `RosbagSequence`: the topics and the target frame.
    """
    path = Path(source)
    if path.is_file() and path.suffix in BAG_ENDINGS:
        return RosbagSequence(path, **bag_options)
    if path.suffix == ROS1_ENDING:
        raise InputError(f"{path}: a ROS 1 bag: `rosbags-convert --src {path.name} --dst NEW` converts it")
    if not path.is_dir():
        raise InputError(f"{path}: no such bag or folder")
    if (path / "metadata.yaml").exists() or any(file.suffix in BAG_ENDINGS for file in path.iterdir()):
        return RosbagSequence(path, **bag_options)
    if bag_options:
        raise InputError(f"{path}: a folder of images has no {', '.join(bag_options)}: leave that out")
    return PosedImages(path)
