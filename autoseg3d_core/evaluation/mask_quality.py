"""How good 2D masks are, against the parts and the whole objects of frames whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int32

from autoseg3d_core.evaluation.average_precision import OVERLAPS, average_precision
from autoseg3d_core.evaluation.scene_match import SceneMatch, match_scene
from autoseg3d_core.structures import FrameTruth, MaskImage

SMALLEST_SHARE = 0.0005
"""Parts and objects that cover less of the image are not looked for."""


@dataclass(frozen=True)
class MaskScores:
    """Class-agnostic scores against one kind of truth.

    `ap` and `ar` are means over the overlaps 0.50 to 0.90; `best_iou` is the mean over truths of the best
    mask's IoU; `masks_per_truth` counts the masks that lie mostly on a truth, so 1 is right and more is
    over-segmentation.
    """

    ap: float
    ap50: float
    ar: float
    best_iou: float
    masks_per_truth: float


@dataclass
class MaskEvaluation:
    """Collects frames, then scores them against parts and against whole objects."""

    _parts: list[SceneMatch] = field(default_factory=list)
    _objects: list[SceneMatch] = field(default_factory=list)

    def add(self, masks: MaskImage, truth: FrameTruth) -> None:
        """Count one frame."""
        self._parts.append(_matched(masks, truth.part))
        self._objects.append(_matched(masks, truth.instance))

    def scores(self) -> dict[str, MaskScores]:
        """Return the scores against `parts` and `objects`."""
        return {"parts": _scores(self._parts), "objects": _scores(self._objects)}


def _matched(masks: MaskImage, truth: Int32[np.ndarray, "height width"]) -> SceneMatch:
    ids = masks.index.ravel().astype(np.int64) + 1
    scores = dict(enumerate(masks.score.tolist(), start=1))
    least = round(SMALLEST_SHARE * truth.size)
    return match_scene(ids, truth.ravel().astype(np.int64), scores, min_points=least)


def _scores(frames: list[SceneMatch]) -> MaskScores:
    precision = average_precision(frames)
    best, mostly, truths = [], 0, 0
    for frame in frames:
        union = frame.predicted[:, None] + frame.true[None] - frame.intersection
        iou = (frame.intersection / np.maximum(union, 1))[:, frame.counted]
        best.append(iou.max(axis=0, initial=0.0))
        mostly += int((frame.intersection[:, frame.counted].sum(axis=1) > 0.5 * frame.predicted).sum())
        truths += int(frame.counted.sum())
    found = np.concatenate(best) if best else np.zeros(0)
    recall = [float((found > overlap).mean()) if len(found) else float("nan") for overlap in OVERLAPS]
    return MaskScores(
        precision.ap,
        precision.ap50,
        float(np.mean(recall)),
        float(found.mean()) if len(found) else float("nan"),
        mostly / max(truths, 1),
    )
