"""The scores of runs: one scene's frames and map against its truth, and many scenes pooled."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int32, Int64

from autoseg3d_core.evaluation.average_precision import (
    AveragePrecision,
    Judgement,
    judge,
    mean_average_precision,
    pooled_precision,
)
from autoseg3d_core.evaluation.boundaries import BoundaryCounts, boundary_counts
from autoseg3d_core.evaluation.box_quality import BoxFit, box_fit
from autoseg3d_core.evaluation.hota import HotaCounts
from autoseg3d_core.evaluation.identity import IdentityScorer, IdentityScores
from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.evaluation.map_quality import ObjectFit, TrackKind, object_fit, track_kinds
from autoseg3d_core.evaluation.scene_labels import PUBLISHED, labellings
from autoseg3d_core.evaluation.scene_match import MIN_POINTS, match_scene
from autoseg3d_core.structures import UNLABELLED, FrameTruth, InputError, LabelledCloud, SceneTruth


@dataclass(frozen=True, eq=False)
class SceneResult:
    """One scene: tracks against objects, fit of boxes, kinds of confirmed tracks, borders, identity.

    `identity` is None where nobody counts it (without motmetrics), `missed` the number of objects that no
    track is.

    `precision` is class-agnostic, by each of `PROTOCOLS`; `classes` is by the name of the class, by the
    published one, and empty where nobody says what classes the tracks are of.
    """

    precision: Mapping[str, Judgement]
    classes: Mapping[str, Judgement]
    boxes: BoxFit
    kinds: Int64[np.ndarray, " confirmed"]
    borders: BoundaryCounts
    identity: IdentityScores | None
    fit: ObjectFit
    missed: int
    objects: int

    @cached_property
    def ap(self) -> float:
        """The class-agnostic average precision of this scene alone, as published."""
        return pooled_precision([self.precision[PUBLISHED]]).ap


@dataclass(frozen=True)
class Scores:
    """How well objects were found and kept; shares are from 0 to 1, NaN where nothing was there to score.

    `ap` to `ap_to_95` are class-agnostic and as published; `protocols` has them without the published
    mapping as well, `classes` class by class, and `class_mean` is the mean of these. `spread` is the
    standard deviation of AP over the scenes. `box_iou` (of axis-aligned boxes), `oriented_iou` and
    `long_boxes` (the share of boxes more than 1.5 times too long on some axis) are over the objects found;
    `boundary_f` is the F-score of the borders in the label images. Some of the confirmed `tracks` are
    `duplicates`, lie `on_structure`, or are `ghosts` (`evaluation/map_quality.py`), and some `objects` are
    `missed`. `still_right` is the share of objects found whose track is theirs a hundred frames later.
    `returns` counts the objects that came back after a hundred frames, `recalled` those that had their id
    again.
    """

    ap: float
    ap50: float
    ap25: float
    ap_to_95: float
    protocols: Mapping[str, AveragePrecision]
    classes: Mapping[str, AveragePrecision]
    class_mean: AveragePrecision
    spread: float
    box_iou: float
    oriented_iou: float
    long_boxes: float
    boundary_f: float
    idf1: float
    hota: float
    id_switches: int
    fragmentations: int
    still_right: float
    recalled: int
    returns: int
    objects: int
    missed: int
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

    def __init__(self, min_points: int = MIN_POINTS) -> None:
        self._min_points = min_points
        self._identity, self._borders = IdentityScorer(), BoundaryCounts()

    def add(self, truth: FrameTruth, label_image: Int32[np.ndarray, "height width"]) -> None:
        """Count one frame."""
        self._identity.add(truth.instance, label_image)
        self._borders += boundary_counts(label_image, truth.instance)

    def result(
        self,
        truth: SceneTruth,
        scene_map: LabelledCloud,
        tracks: KnownTracks,
        classes: Mapping[int, str] | None = None,
    ) -> SceneResult:
        """Return what one scene gives; tracks are ranked by their existence.

        `classes` are the names of the tracks' classes, by id.
        """
        labelled, true = labellings(scene_map, truth.cloud, truth.segments), truth.cloud.ids
        existence = dict(zip(tracks.ids.tolist(), tracks.existence.tolist(), strict=True))
        found = labelled[PUBLISHED]
        fit = object_fit(tracks, found, true)
        return SceneResult(
            precision={
                name: judge(match_scene(ids, true, existence, min_points=self._min_points))
                for name, ids in labelled.items()
            },
            classes=self._by_class(found, truth, existence, classes or {}),
            boxes=box_fit(tracks, found, truth.cloud),
            kinds=track_kinds(tracks, found, true),
            borders=self._borders,
            identity=self._identity_scores(),
            fit=fit,
            missed=fit.missed(self._min_points),
            objects=len(truth.ids),
        )

    def _identity_scores(self) -> IdentityScores | None:
        try:
            return self._identity.scores()
        except InputError as error:
            print(error, file=sys.stderr)
            return None

    def _by_class(
        self,
        found: Int64[np.ndarray, " points"],
        truth: SceneTruth,
        existence: Mapping[int, float],
        classes: Mapping[int, str],
    ) -> dict[str, Judgement]:
        """Return what becomes of the predictions of each class that a track or an object is of."""
        if not classes:
            return {}
        index = {name: i for i, name in enumerate(sorted({*truth.label_names, *classes.values()}))}
        labels = {track: index[name] for track, name in classes.items()}
        true_labels = {
            name: index[truth.label_names[label]] if label >= 0 else UNLABELLED
            for name, label in zip(truth.ids.tolist(), truth.labels.tolist(), strict=True)
        }
        match = match_scene(found, truth.cloud.ids, existence, labels, true_labels, self._min_points)
        return {name: judge(match.of_label(label)) for name, label in index.items()}


def pooled(results: Sequence[SceneResult]) -> Scores:
    """Return the scores over scenes: all is pooled, but for IDF1, which is the mean over scenes."""
    protocols = {
        name: pooled_precision([result.precision[name] for result in results])
        for name in results[0].precision
    }
    classes = _pooled_classes(results)
    precision = protocols[PUBLISHED]
    alone = [result.ap for result in results]
    kinds = np.concatenate([result.kinds for result in results])
    identities = [result.identity for result in results if result.identity is not None]
    later = sum(identity.later for identity in identities)
    return Scores(
        ap=precision.ap,
        ap50=precision.ap50,
        ap25=precision.ap25,
        ap_to_95=precision.ap_to_95,
        protocols=protocols,
        classes=classes,
        class_mean=mean_average_precision(classes),
        spread=float(np.std([ap for ap in alone if not np.isnan(ap)] or [np.nan])),
        box_iou=_mean([result.boxes.iou for result in results]),
        oriented_iou=_mean([result.boxes.oriented_iou for result in results]),
        long_boxes=_mean([result.boxes.is_too_long for result in results]),
        boundary_f=sum((result.borders for result in results), BoundaryCounts()).f_score,
        idf1=_mean([np.array([i.idf1 for i in identities if not np.isnan(i.idf1)])]),
        hota=sum((identity.hota for identity in identities), HotaCounts.none()).hota,
        id_switches=sum(identity.id_switches for identity in identities),
        fragmentations=sum(identity.fragmentations for identity in identities),
        still_right=sum(i.still_right for i in identities) / later if later else float("nan"),
        recalled=sum(identity.recalled for identity in identities),
        returns=sum(identity.returns for identity in identities),
        objects=sum(result.objects for result in results),
        missed=sum(result.missed for result in results),
        tracks=len(kinds),
        duplicates=int((kinds == TrackKind.DUPLICATE).sum()),
        on_structure=int((kinds == TrackKind.STRUCTURE).sum()),
        ghosts=int((kinds == TrackKind.GHOST).sum()),
    )


def _pooled_classes(results: Sequence[SceneResult]) -> dict[str, AveragePrecision]:
    """Return the precision of every class, of none where no track is of a class that an object has."""
    names = sorted({name for result in results for name in result.classes})
    of_name = {name: [r.classes[name] for r in results if name in r.classes] for name in names}
    found = {name: pooled_precision(of_name[name]) for name in names}
    real = [name for name in names if not np.isnan(found[name].ap)]
    is_told = any(len(judged.score) for name in real for judged in of_name[name])
    return {name: found[name] for name in real} if is_told else {}


def _mean(parts: Sequence[np.ndarray]) -> float:
    values = np.concatenate(parts)
    return float(values.mean()) if len(values) else float("nan")
