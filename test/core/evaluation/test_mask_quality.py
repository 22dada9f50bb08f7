import numpy as np
import pytest

from autoseg3d_core.evaluation.mask_quality import MaskEvaluation
from autoseg3d_core.structures import FrameTruth, MaskImage


def truth_of(part, instance=None):
    return FrameTruth(part if instance is None else instance, part, np.eye(4))


def quarters():
    part = np.zeros((40, 40), np.int32)
    part[:20, :20], part[:20, 20:], part[20:, :20] = 1, 2, 3
    return part


def masks_of(index, scores=None):
    count = int(index.max()) + 1
    return MaskImage(index.astype(np.int32), np.ones(count, np.float32) if scores is None else scores)


def scored(masks, truth):
    evaluation = MaskEvaluation()
    evaluation.add(masks, truth)
    return evaluation.scores()


def test_the_truth_itself_scores_one():
    part = quarters()
    scores = scored(masks_of(part - 1), truth_of(part))["parts"]
    assert (scores.ap, scores.ap50, scores.ar, scores.best_iou, scores.masks_per_truth) == (1, 1, 1, 1, 1)


def test_parts_of_one_object_over_segment_it():
    part = quarters()
    scores = scored(masks_of(part - 1), truth_of(part, (part > 0).astype(np.int32)))["objects"]
    assert scores.masks_per_truth == 3
    assert scores.ap50 == 0
    assert scores.best_iou == pytest.approx(1 / 3)


def test_no_masks_find_nothing():
    part = quarters()
    scores = scored(masks_of(np.full((40, 40), -1)), truth_of(part))["parts"]
    assert (scores.ap, scores.ar, scores.best_iou, scores.masks_per_truth) == (0, 0, 0, 0)


def test_half_a_truth_counts_up_to_its_overlap():
    part = np.zeros((40, 40), np.int32)
    part[:, :30] = 1
    index = np.where(np.arange(40) < 20, 0, -1) * np.ones((40, 1), int)
    scores = scored(masks_of(index), truth_of(part))["parts"]
    assert scores.best_iou == pytest.approx(2 / 3)
    assert scores.ar == pytest.approx(4 / 9)  # found at 0.50 to 0.65 of the nine overlaps
    assert scores.ap50 == 1
