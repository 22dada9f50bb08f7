"""Scores of one run: a sink that looks at scene updates beside the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from autoseg3d_core.evaluation.average_precision import average_precision, match_scene
from autoseg3d_core.evaluation.identity import IdentityScorer
from autoseg3d_core.evaluation.scene_labels import ids_on_truth
from autoseg3d_core.structures import FrameTruth, LabelledCloud, SceneTruth


@dataclass(frozen=True)
class Scores:
    """How well a run found the scene's objects and kept their ids."""

    ap: float
    ap50: float
    ap25: float
    idf1: float
    id_switches: int
    fragmentations: int
    objects: int


class Evaluation:
    """Collects the frames of a run, then scores it against the scene's truth."""

    def __init__(self) -> None:
        self._identity = IdentityScorer()

    def add(self, truth: FrameTruth, label_image: Int32[np.ndarray, "height width"]) -> None:
        """Count one frame."""
        self._identity.add(truth.instance, label_image)

    def scores(self, truth: SceneTruth, scene_map: LabelledCloud, existence: dict[int, float]) -> Scores:
        """Return the scores; `existence` ranks the tracks, by id."""
        on_truth = ids_on_truth(scene_map, truth.cloud)
        precision = average_precision([match_scene(on_truth, truth.cloud.ids, existence)])
        identity = self._identity.scores()
        return Scores(
            ap=precision.ap,
            ap50=precision.ap50,
            ap25=precision.ap25,
            idf1=identity.idf1,
            id_switches=identity.id_switches,
            fragmentations=identity.fragmentations,
            objects=len(truth.ids),
        )
