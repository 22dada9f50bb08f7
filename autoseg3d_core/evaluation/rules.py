"""What counts in an evaluation: the least size of an instance, and the classes that are scored."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from autoseg3d_core.datasets.label_names import CEILING
from autoseg3d_core.evaluation.scene_match import MIN_POINTS
from autoseg3d_core.structures import UNLABELLED, FrameTruth, SceneTruth


@dataclass(frozen=True)
class Rules:
    """Instances of fewer points than `min_points` do not count, nor objects of other classes than `classes`.

    Without `classes` all count but those in `ignored`. `class_of` maps annotated names to classes; if it has
    none, names are classes. Objects without a name count unless it matters what they are.
    """

    min_points: int = MIN_POINTS
    classes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = CEILING
    class_of: Mapping[str, str] = field(default_factory=dict)

    def counts(self, name: str) -> bool:
        """Tell whether objects of a class are scored."""
        return name in self.classes if self.classes else name not in self.ignored

    def of_scene(self, truth: SceneTruth) -> SceneTruth:
        """Return a scene whose objects are of the classes that count, by their names; others are void.

        Where all count, it is the same scene.
        """
        needs_name = bool(self.classes or self.class_of)
        if not needs_name and all(self.counts(name) for name in truth.label_names):
            return truth
        named = [self.class_of.get(name, "") if self.class_of else name for name in truth.label_names]
        names = tuple(sorted({name for name in named if name and self.counts(name)}))
        label_of = np.array([names.index(n) if n in names else UNLABELLED for n in named] + [UNLABELLED])
        labels = label_of[truth.labels]
        stay = (labels != UNLABELLED) | ((truth.labels == UNLABELLED) & (not needs_name))
        cloud = dataclasses.replace(
            truth.cloud,
            ids=np.where(np.isin(truth.cloud.ids, truth.ids[stay]), truth.cloud.ids, 0),
            labels=label_of[truth.cloud.labels],
        )
        return SceneTruth(cloud, truth.ids[stay], labels[stay], truth.boxes[stay], names, truth.segments)

    def of_frame(self, truth: FrameTruth, scene: SceneTruth) -> FrameTruth:
        """Return a frame with the objects of such a scene only."""
        stay = np.where(np.isin(truth.instance, scene.ids), truth.instance, 0)
        return dataclasses.replace(truth, instance=stay.astype(np.int32))
