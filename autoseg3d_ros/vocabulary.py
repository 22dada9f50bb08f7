"""The names of classes: the model's or those of a file, and after them the names that an operator gave."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml
from jaxtyping import Int64

from autoseg3d_core.structures import InputError, LabelledCloud, TrackTable
from autoseg3d_ros.messages import UNLABELLED_CLASS


def names_from_file(path: str) -> tuple[str, ...]:
    """Return class names from a YAML file: a list of names, or a name per class number.

    Raises `InputError` for a file that is neither.
    """
    try:
        found = yaml.safe_load(Path(path).expanduser().read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"publish.label_names: {path} cannot be read: {error}") from error
    if isinstance(found, list):
        found = dict(enumerate(found))
    is_usable = isinstance(found, dict) and all(
        isinstance(label, int) and 0 <= label < UNLABELLED_CLASS and isinstance(name, str)
        for label, name in found.items()
    )
    if not found or not is_usable:
        raise InputError(f"publish.label_names: {path} has to be a list of names, or a name per class number")
    return tuple(found.get(label, "") for label in range(max(found) + 1))


class Vocabulary:
    """Names by label. A given name that is new gets a label of its own, which every message can carry."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._ids = np.zeros(0, np.int64)
        self._labels = np.zeros(0, np.int64)

    def learn(self, given: Mapping[int, str]) -> bool:
        """Take the names that tracks were given; return whether there are new ones among them."""
        known = len(self.names)
        self.names += [name for name in dict.fromkeys(given.values()) if name not in self.names]
        self._ids = np.array(sorted(given), np.int64)
        self._labels = np.array([self.names.index(given[i]) for i in self._ids.tolist()], np.int64)
        return len(self.names) > known

    def tracks(self, tracks: TrackTable) -> TrackTable:
        """Return tracks with the labels that were given."""
        return dataclasses.replace(tracks, labels=self._relabelled(tracks.ids, tracks.labels))

    def cloud(self, cloud: LabelledCloud) -> LabelledCloud:
        """Return a cloud with the labels that were given."""
        return dataclasses.replace(cloud, labels=self._relabelled(cloud.ids, cloud.labels))

    def _relabelled(
        self, ids: Int64[np.ndarray, " rows"], labels: Int64[np.ndarray, " rows"]
    ) -> Int64[np.ndarray, " rows"]:
        if len(self._ids) == 0:
            return labels
        at = np.searchsorted(self._ids, ids).clip(max=len(self._ids) - 1)
        return np.where(self._ids[at] == ids, self._labels[at], labels)
