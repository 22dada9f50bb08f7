"""The scores of runs: one scene's frames and map against its truth, and many scenes pooled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64

from autoseg3d_core.evaluation.average_precision import SceneMatch, average_precision, match_scene
from autoseg3d_core.evaluation.boundaries import BoundaryCounts, boundary_counts
from autoseg3d_core.evaluation.box_quality import BoxFit, box_fit
from autoseg3d_core.evaluation.identity import IdentityScorer, IdentityScores
from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.evaluation.map_quality import TrackKind, track_kinds
from autoseg3d_core.evaluation.scene_labels import ids_on_truth
from autoseg3d_core.structures import FrameTruth, LabelledCloud, SceneTruth


@dataclass(frozen=True, eq=False)
class SceneResult:
    """One scene: tracks against objects, fit of boxes, kinds of confirmed tracks, borders, identity."""

    match: SceneMatch
    boxes: BoxFit
    kinds: Int64[np.ndarray, " confirmed"]
    borders: BoundaryCounts
    identity: IdentityScores
    objects: int


@dataclass(frozen=True)
class Scores:
    """How well objects were found and kept; shares are from 0 to 1, NaN where nothing was there to score.

    `spread` is the standard deviation of AP over the scenes. `box_iou` (of axis-aligned boxes),
    `oriented_iou` and `long_boxes` (the share of boxes more than 1.5 times too long on some axis) are over
    the objects found; `boundary_f` is the F-score of the borders in the label images. Some of the confirmed
    `tracks` are `duplicates`, lie `on_structure`, or are `ghosts` (`evaluation/map_quality.py`). `returns`
    counts the objects that came back after a hundred frames, `recalled` those that had their id again.
    """

    ap: float
    ap50: float
    ap25: float
    spread: float
    box_iou: float
    oriented_iou: float
    long_boxes: float
    boundary_f: float
    idf1: float
    id_switches: int
    fragmentations: int
    recalled: int
    returns: int
    objects: int
    tracks: int
    duplicates: int
    on_structure: int
    ghosts: int

    @property
    def ghost_share(self) -> float:
        """The share of ghosts among the confirmed tracks."""
        return self.ghosts / self.tracks if self.tracks else float("nan")


class SceneScorer:
    """Collects the frames of one run, then scores it with the map that it left."""

    def __init__(self) -> None:
        self._identity, self._borders = IdentityScorer(), BoundaryCounts()

    def add(self, truth: FrameTruth, label_image: Int32[np.ndarray, "height width"]) -> None:
        """Count one frame."""
        self._identity.add(truth.instance, label_image)
        self._borders += boundary_counts(label_image, truth.instance)

    def result(self, truth: SceneTruth, scene_map: LabelledCloud, tracks: KnownTracks) -> SceneResult:
        """Return what one scene gives; tracks are ranked by their existence."""
        found, true = ids_on_truth(scene_map, truth.cloud), truth.cloud.ids
        existence = dict(zip(tracks.ids.tolist(), tracks.existence.tolist(), strict=True))
        return SceneResult(
            match=match_scene(found, true, existence),
            boxes=box_fit(tracks, found, truth.cloud),
            kinds=track_kinds(tracks, found, true),
            borders=self._borders,
            identity=self._identity.scores(),
            objects=len(truth.ids),
        )


def pooled(results: Sequence[SceneResult]) -> Scores:
    """Return the scores over scenes: all is pooled, but for IDF1, which is the mean over scenes."""
    precision = average_precision([result.match for result in results])
    alone = [average_precision([result.match]).ap for result in results]
    kinds = np.concatenate([result.kinds for result in results])
    identities = [result.identity for result in results]
    return Scores(
        ap=precision.ap,
        ap50=precision.ap50,
        ap25=precision.ap25,
        spread=float(np.std([ap for ap in alone if not np.isnan(ap)] or [np.nan])),
        box_iou=_mean([result.boxes.iou for result in results]),
        oriented_iou=_mean([result.boxes.oriented_iou for result in results]),
        long_boxes=_mean([result.boxes.is_too_long for result in results]),
        boundary_f=sum((result.borders for result in results), BoundaryCounts()).f_score,
        idf1=_mean([np.array([i.idf1 for i in identities if not np.isnan(i.idf1)])]),
        id_switches=sum(identity.id_switches for identity in identities),
        fragmentations=sum(identity.fragmentations for identity in identities),
        recalled=sum(identity.recalled for identity in identities),
        returns=sum(identity.returns for identity in identities),
        objects=sum(result.objects for result in results),
        tracks=len(kinds),
        duplicates=int((kinds == TrackKind.DUPLICATE).sum()),
        on_structure=int((kinds == TrackKind.STRUCTURE).sum()),
        ghosts=int((kinds == TrackKind.GHOST).sum()),
    )


def _mean(parts: Sequence[np.ndarray]) -> float:
    values = np.concatenate(parts)
    return float(values.mean()) if len(values) else float("nan")
