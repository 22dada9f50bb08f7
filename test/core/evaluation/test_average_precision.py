import numpy as np
import pytest

from autoseg3d_core.evaluation.average_precision import (
    OVERLAPS,
    average_precision,
    class_average_precision,
    mean_average_precision,
)
from autoseg3d_core.evaluation.scene_match import match_masks, match_scene


def labels(*runs):
    """Return ids, each repeated: labels((1, 200), (2, 100))."""
    return np.concatenate([np.full(count, name) for name, count in runs])


def precision(predicted, true, scores=None):
    return average_precision([match_scene(predicted, true, scores or {})])


def test_the_overlaps_are_nine_and_end_at_ninety_percent():
    assert OVERLAPS.tolist() == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9]


def test_a_perfect_labelling_scores_one():
    ids = labels((0, 50), (1, 200), (2, 300))
    result = precision(ids * 7, ids)
    assert (result.ap, result.ap50, result.ap25) == (1.0, 1.0, 1.0)


def test_nothing_found_scores_zero_and_nothing_to_find_is_not_a_number():
    ids = labels((1, 200))
    assert precision(ids * 0, ids).ap == 0.0
    assert np.isnan(precision(ids, ids * 0).ap)
    assert np.isnan(precision(labels((1, 99)), labels((1, 99))).ap)


def test_an_overlap_of_exactly_the_threshold_is_not_enough():
    true, predicted = labels((1, 200)), labels((5, 100), (0, 100))
    assert precision(predicted, true).ap50 == 0.0
    assert precision(labels((5, 101), (0, 99)), true).ap50 == 1.0


def test_one_of_two_objects_found_scores_half():
    true = labels((1, 200), (2, 200))
    assert precision(labels((9, 200), (0, 200)), true).ap50 == pytest.approx(0.5)


def test_one_mask_over_two_objects_finds_one_of_them_at_most():
    true = labels((1, 200), (2, 200))
    assert precision(labels((9, 400)), true).ap25 == pytest.approx(0.5)


def test_a_false_alarm_costs_only_when_it_ranks_above_a_hit():
    true = labels((1, 200), (2, 200), (3, 200))
    predicted = labels((1, 200), (8, 100), (9, 100), (3, 200))  # object 2 is split in halves
    low = precision(predicted, true, {1: 0.9, 3: 0.8, 8: 0.1, 9: 0.1}).ap50
    high = precision(predicted, true, {1: 0.5, 3: 0.4, 8: 0.9, 9: 0.9}).ap50
    assert low == pytest.approx(2 / 3)
    assert high < low


def test_a_prediction_on_nothing_true_is_not_held_against_it():
    true = labels((1, 200), (0, 400))
    on_wall = labels((1, 200), (7, 400))
    assert precision(on_wall, true, {1: 0.5, 7: 0.9}).ap50 == 1.0


def test_a_prediction_of_few_points_is_not_counted():
    true = labels((1, 200), (2, 200))
    predicted = labels((1, 200), (7, 99), (0, 101))
    assert precision(predicted, true, {1: 0.5, 7: 0.9}).ap50 == pytest.approx(0.5)


def test_the_same_mask_twice_is_a_hit_and_a_miss():
    true = labels((1, 200), (2, 200))
    masks = np.array([true == 1, true == 1, true == 2])
    assert average_precision([match_masks(masks, np.array([0.9, 0.1, 0.5]), true)]).ap == pytest.approx(1.0)
    assert average_precision([match_masks(masks, np.array([0.9, 0.8, 0.5]), true)]).ap < 1.0


def test_the_wrong_class_finds_nothing():
    true = labels((1, 200), (2, 200))
    right = match_scene(true, true, {}, {1: 4, 2: 5}, {1: 4, 2: 5})
    wrong = match_scene(true, true, {}, {1: 5, 2: 4}, {1: 4, 2: 5})
    assert mean_average_precision(class_average_precision([right])).ap == 1.0
    assert mean_average_precision(class_average_precision([wrong])).ap == 0.0


def test_a_class_without_a_true_instance_does_not_enter_the_mean():
    true = labels((1, 200), (0, 200))
    classes = class_average_precision([match_scene(labels((1, 200), (2, 200)), true, {}, {2: 3}, {})])
    assert np.isnan(classes[3].ap)
    assert mean_average_precision(classes).ap == 1.0
    assert np.isnan(mean_average_precision({}).ap)


def slow_precision(scenes, overlap, label, least=100):
    """The protocol, one mask at a time: predictions (mask, score, label) and truths (mask, label)."""
    outcomes, missed = [], 0
    for predictions, truths in scenes:
        nothing = ~np.any([mask for mask, _ in truths], axis=0)
        own = [(m, s) for m, s, c in predictions if c == label and m.sum() >= least]
        own.sort(key=lambda row: -row[1])
        truths = [mask for mask, c in truths if c == label]
        iou = [[(m & t).sum() / (m | t).sum() for t in truths] for m, _ in own]
        used = set()
        for j, truth in enumerate(truths):
            if truth.sum() < least:
                continue
            found = [i for i in range(len(own)) if iou[i][j] > overlap and i not in used]
            if not found:
                missed += 1
                continue
            used.add(found[0])
            outcomes += [(own[i][1], rank == 0) for rank, i in enumerate(found)]
        for i, (mask, score) in enumerate(own):
            if any(value > overlap for value in iou[i]):
                continue
            ignored = (mask & nothing).sum() + sum((mask & t).sum() for t in truths if t.sum() < least)
            if ignored / mask.sum() <= overlap:
                outcomes.append((score, False))
    hits = sum(hit for _, hit in outcomes)
    if hits + missed == 0:
        return float("nan")
    curve = []
    for cut in sorted({score for score, _ in outcomes}):
        kept = [hit for score, hit in outcomes if score >= cut]
        curve.append((sum(kept) / len(kept), sum(kept) / (hits + missed)))
    curve.append((1.0, 0.0))
    recalls = [curve[0][1], *(recall for _, recall in curve), 0.0]
    return sum(p * (recalls[i] - recalls[i + 2]) / 2 for i, (p, _) in enumerate(curve))


def random_scene(rng, points=3000):
    """Runs of true ids, some tiny, and masks near them, some overlapping, some far off."""
    cuts = np.sort(rng.integers(0, points, 12))
    true = (
        np.searchsorted(cuts, np.arange(points), side="right")
        * (rng.random(13) < 0.8)[np.searchsorted(cuts, np.arange(points), side="right")]
    )
    masks = np.zeros((14, points), bool)
    for mask in masks:
        start = rng.integers(0, points)
        around = cuts[np.argmin(abs(cuts - start))] + rng.integers(-40, 40)
        mask[max(around, 0) : around + rng.integers(50, 700)] = True
    return masks, rng.integers(0, 6, 14) / 5, true, rng.integers(0, 3, 14)


@pytest.mark.parametrize("seed", range(6))
def test_random_scenes_score_as_the_protocol_says_one_mask_at_a_time(seed):
    rng = np.random.default_rng(seed)
    drawn = [random_scene(rng) for _ in range(2)]
    true_labels = {name: name % 3 for name in range(1, 14)}
    fast = class_average_precision([match_masks(m, s, t, c, true_labels) for m, s, t, c in drawn])
    slow = [
        (
            list(zip(masks, scores, classes, strict=True)),
            [(true == name, true_labels[name]) for name in np.unique(true[true > 0]).tolist()],
        )
        for masks, scores, true, classes in drawn
    ]
    for label, result in fast.items():
        strict = [slow_precision(slow, overlap, label) for overlap in OVERLAPS]
        to_95 = np.mean([*strict, slow_precision(slow, 0.95, label)])
        expected = [np.mean(strict), strict[0], slow_precision(slow, 0.25, label), to_95]
        found = [result.ap, result.ap50, result.ap25, result.ap_to_95]
        assert found == pytest.approx(expected, nan_ok=True, abs=1e-6)


def test_a_labelling_and_its_masks_score_alike():
    rng = np.random.default_rng(1)
    true, predicted = np.sort(rng.integers(0, 6, 4000)), np.sort(rng.integers(0, 8, 4000))
    scores = {name: float(rng.random()) for name in range(1, 8)}
    masks = np.array([predicted == name for name in scores])
    both = match_scene(predicted, true, scores), match_masks(masks, np.array([*scores.values()]), true)
    assert average_precision([both[0]]) == average_precision([both[1]])
