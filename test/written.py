"""Sequences as files, for tests."""

from contextlib import closing

from autoseg3d_core.datasets.write_bag import RecordedBag
from autoseg3d_core.datasets.write_posed_images import PosedImagesFolder


def write_bag(sequence, folder, raw=False):
    """Write every frame of a sequence as a bag."""
    _write(sequence, RecordedBag(sequence, folder, raw))


def write_posed_images(sequence, folder):
    """Write every frame of a sequence as posed images."""
    _write(sequence, PosedImagesFolder(sequence, folder))


def _write(sequence, sink):
    with closing(sink):
        for index in range(len(sequence)):
            sink.take(index, sequence[index])
