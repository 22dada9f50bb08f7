"""The truth of a scene as a NumPy archive."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from autoseg3d_core.structures import InputError, LabelledCloud, SceneTruth


def save_scene_truth(path: str | Path, truth: SceneTruth) -> None:
    """Write a scene's truth; the cloud is stored in millimetres, which is finer than any sensor."""
    np.savez_compressed(
        path,
        xyz_mm=np.round(truth.cloud.xyz * 1000).astype(np.int32),
        rgb=truth.cloud.rgb,
        cloud_ids=truth.cloud.ids.astype(np.int32),
        cloud_labels=truth.cloud.labels.astype(np.int16),
        ids=truth.ids.astype(np.int64),
        labels=truth.labels.astype(np.int64),
        boxes=truth.boxes.astype(np.float32),
        label_names=np.array(truth.label_names),
        segments=np.zeros(0, np.int32) if truth.segments is None else truth.segments.astype(np.int32),
    )


def load_scene_truth(path: str | Path) -> SceneTruth:
    """Read a file made by `save_scene_truth`; raises `InputError` for another one."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            columns = {name: archive[name] for name in archive.files}
        cloud = LabelledCloud(
            xyz=(columns["xyz_mm"] / np.float32(1000)).astype(np.float32),
            rgb=columns["rgb"],
            ids=columns["cloud_ids"].astype(np.int64),
            labels=columns["cloud_labels"].astype(np.int64),
        )
        names = tuple(str(name) for name in columns["label_names"])
        voted = columns.get("segments", np.zeros(0))  # files from before it have none
        segments = voted.astype(np.int64) if len(voted) else None
        return SceneTruth(cloud, columns["ids"], columns["labels"], columns["boxes"], names, segments)
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as ground truth of a scene ({error})") from error
