"""Scores one run as it goes: a sink that holds each frame's labels against its truth."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from jaxtyping import Int32

from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.datasets.unprojected_truth import unprojected_truth
from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.evaluation.scene_match import MIN_POINTS
from autoseg3d_core.evaluation.scene_scores import SceneResult, SceneScorer
from autoseg3d_core.structures import Frame, InputError, LabelledCloud, SceneTruth, TrackTable


def known_truth(sequence: RgbdSequence) -> SceneTruth | None:
    """Return what is really in a scene: as the sequence says, or else as its frames say; None if neither."""
    return sequence.scene_truth() or unprojected_truth(sequence)


class HasLabels(Protocol):
    """What became of a frame, as far as it is scored."""

    @property
    def label_image(self) -> Int32[np.ndarray, "height width"]:
        """The track id of each pixel."""
        ...


class Scoring:
    """Collects the frames whose truth is known; a truth that cannot be used is named and left out."""

    def __init__(self, sequence: RgbdSequence, min_points: int = MIN_POINTS) -> None:
        self.unscored = 0
        self._sequence, self._scorer = sequence, SceneScorer(min_points)

    def take(self, index: int, frame: Frame, update: HasLabels) -> None:
        """Count one frame."""
        try:
            truth = self._sequence.truth(index)
            if truth is None:
                return
            height, width = truth.instance.shape
            if (height, width) != update.label_image.shape:
                raise InputError(f"its ground truth is {width}x{height}, which is not the size of the frame")
        except InputError as error:
            self.unscored += 1
            print(f"frame {index} not scored: {error}", file=sys.stderr)
            return
        self._scorer.add(truth, update.label_image)

    def result(
        self,
        scene_map: LabelledCloud,
        tracks: TrackTable | KnownTracks,
        classes: Mapping[int, str] | None = None,
    ) -> SceneResult | None:
        """Return the scores of the run with the map that it left, None where nobody knows the scene.

        `classes` are the names of the tracks' classes, by id.
        """
        truth = known_truth(self._sequence)
        known = KnownTracks.of(tracks)
        return None if truth is None else self._scorer.result(truth, scene_map, known, classes)
