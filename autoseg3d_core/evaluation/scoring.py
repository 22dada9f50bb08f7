"""Scores one run as it goes: a sink that holds each frame's labels against its truth."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cached_property
from typing import Protocol

import numpy as np
from jaxtyping import Int32

from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.datasets.unprojected_truth import unprojected_truth
from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.evaluation.rules import Rules
from autoseg3d_core.evaluation.scene_scores import SceneResult, SceneScorer
from autoseg3d_core.structures import Frame, FrameTruth, InputError, LabelledCloud, SceneTruth, TrackTable


def known_truth(sequence: RgbdSequence) -> SceneTruth | None:
    """Return the ground truth of a scene, from the sequence or else from its frames; None if unknown."""
    return sequence.scene_truth() or unprojected_truth(sequence)


class HasLabels(Protocol):
    """What became of a frame, as far as it is scored."""

    @property
    def label_image(self) -> Int32[np.ndarray, "height width"]:
        """The track id of each pixel."""
        ...


class Viewer(Protocol):
    """Looks at the frames whose truth is known."""

    def look(self, frame: Frame, truth: FrameTruth, label_image: Int32[np.ndarray, "height width"]) -> None:
        """Look at one frame, its truth and its labels."""
        ...


class Scoring:
    """Collects the frames whose truth is known; a truth that cannot be used is named and left out."""

    def __init__(
        self, sequence: RgbdSequence, rules: Rules | None = None, viewer: Viewer | None = None
    ) -> None:
        self.unscored = 0
        self._sequence, self._rules, self._viewer = sequence, rules or Rules(), viewer
        self._scorer = SceneScorer(self._rules.min_points)

    @cached_property
    def _known(self) -> SceneTruth | None:
        return known_truth(self._sequence)

    @cached_property
    def truth(self) -> SceneTruth | None:
        """The ground truth of the scene, as far as it is scored; None if unknown."""
        return None if self._known is None else self._rules.of_scene(self._known)

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
        if self.truth is not None and self.truth is not self._known:
            truth = self._rules.of_frame(truth, self.truth)
        self._scorer.add(truth, update.label_image)
        if self._viewer is not None:
            self._viewer.look(frame, truth, update.label_image)

    def result(
        self,
        scene_map: LabelledCloud,
        tracks: TrackTable | KnownTracks,
        classes: Mapping[int, str] | None = None,
    ) -> SceneResult | None:
        """Return the scores of the run with its final map, None if the scene has no ground truth.

        `classes` are the names of the tracks' classes, by id.
        """
        known = KnownTracks.of(tracks)
        return None if self.truth is None else self._scorer.result(self.truth, scene_map, known, classes)
