"""Selection: thresholds, ranking and suppression, each against its formula."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from autoseg3d_core.models.selection import (
    Candidates,
    SelectionConfig,
    best_candidates,
    select_instances,
    suppress_overlaps,
)
from autoseg3d_core.structures import UNLABELLED, FragmentCloud, Prediction

OPEN = SelectionConfig(top_k=50, score_threshold=0.0, min_points=0, exclusive=False, whole_fragments=False)


def cloud(points: int) -> FragmentCloud:
    generator = torch.Generator().manual_seed(0)
    nothing = torch.zeros(points, dtype=torch.int64)
    xyz = torch.rand(points, 3, generator=generator)
    return FragmentCloud(xyz=xyz, rgb=xyz, fragment=nothing, pixel=nothing, fragment_score=torch.ones(1))


def prediction(queries: int = 12, points: int = 40, classes: int = 3) -> Prediction:
    generator = torch.Generator().manual_seed(1)
    return Prediction(
        class_logits=torch.randn(queries, classes + 1, generator=generator),
        mask_logits=torch.randn(queries, points, generator=generator) * 2,
        scene_boxes=torch.randn(queries, 6, generator=generator),
        queries=torch.randn(queries, 5, generator=generator),
    )


def slow_suppression(candidates: Candidates) -> list[float]:
    masks, labels = candidates.soft_masks.double(), candidates.labels.tolist()

    def iou(i: int, j: int) -> float:
        common = float(masks[i] @ masks[j])
        return common / float(masks[i].sum() + masks[j].sum() - common) if labels[i] == labels[j] else 0.0

    scores = []
    for j, score in enumerate(candidates.scores.tolist()):
        decay = 1.0
        for i in range(j):
            worst = max((iou(k, i) for k in range(i)), default=0.0)
            decay = min(decay, (1 - iou(i, j)) / (1 - worst))
        scores.append(score * decay)
    return sorted(scores, reverse=True)


def test_suppression_is_the_formula_of_matrix_nms():
    candidates = best_candidates(prediction(), 20)
    fast = suppress_overlaps(candidates)
    torch.testing.assert_close(fast.scores.double(), torch.tensor(slow_suppression(candidates)).double())


def test_a_copy_of_a_better_mask_loses_its_score_and_a_disjoint_one_keeps_it():
    masks = torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    same = torch.zeros(3, dtype=torch.int64)
    candidates = Candidates(torch.arange(3), same, torch.tensor([0.9, 0.8, 0.7]), masks)
    out = suppress_overlaps(candidates)
    assert out.query.tolist() == [0, 2, 1]
    torch.testing.assert_close(out.scores, torch.tensor([0.9, 0.7, 0.0]))
    other_labels = suppress_overlaps(dataclasses.replace(candidates, labels=torch.tensor([0, 1, 0])))
    torch.testing.assert_close(other_labels.scores, candidates.scores)


def test_scores_are_class_probability_times_how_sure_the_mask_is():
    given = prediction(queries=1, classes=1)
    [score] = select_instances(given, cloud(40), OPEN).scores.tolist()
    soft = given.mask_logits[0].sigmoid()
    expected = given.class_logits[0].softmax(0)[0] * soft[given.mask_logits[0] > 0].mean()
    assert score == pytest.approx(float(expected), rel=1e-4)


def test_a_query_may_stand_for_several_classes_and_only_the_best_pairs_stay():
    given = prediction()
    probability = given.class_logits.softmax(1)[:, :-1]
    pairs = [(float(probability[q, c]), q, c) for q in range(12) for c in range(3)]
    expected = {(q, c) for _, q, c in sorted(pairs, reverse=True)[:7]}
    out = best_candidates(given, 7)
    assert set(zip(out.query.tolist(), out.labels.tolist(), strict=True)) == expected


def test_instances_are_above_every_threshold():
    config = dataclasses.replace(OPEN, top_k=20, score_threshold=0.15, min_points=15, mask_threshold=0.4)
    out = select_instances(prediction(), cloud(40), config)
    assert 0 < len(out) < 20
    assert (out.scores > 0.15).all()
    assert (out.masks.sum(1) > 15).all()
    assert (out.scores[:-1] >= out.scores[1:]).all()


def said(*masks: list[float]) -> Prediction:
    soft, count = torch.tensor(masks), len(masks)
    return Prediction(
        torch.tensor([[9.0, -9.0]]).repeat(count, 1),
        soft.logit(),
        torch.zeros(count, 6),
        torch.zeros(count, 5),
    )


def test_a_point_on_several_masks_belongs_to_the_one_that_is_surest_of_it():
    both = said([0.9, 0.9, 0.8, 0.6], [0.1, 0.1, 0.7, 0.95])
    loose = dataclasses.replace(OPEN, mask_threshold=0.5, suppress=False)
    assert select_instances(both, cloud(4), loose).masks.sum() == 6
    alone = select_instances(both, cloud(4), dataclasses.replace(loose, exclusive=True))
    assert sorted(alone.masks.int().tolist()) == [[0, 0, 0, 1], [1, 1, 1, 0]]


def test_a_mask_that_keeps_little_of_its_own_is_left_out():
    almost_a_copy = said([0.9, 0.9, 0.9, 0.9], [0.8, 0.8, 0.8, 0.95])
    config = dataclasses.replace(OPEN, mask_threshold=0.5, suppress=False, exclusive=True)
    [left] = select_instances(almost_a_copy, cloud(4), config).masks.tolist()
    assert left == [True, True, True, True], "and what it leaves goes to the other"


def test_a_class_agnostic_model_gives_no_labels():
    assert (select_instances(prediction(classes=1), cloud(40), OPEN).labels == UNLABELLED).all()
    assert (select_instances(prediction(classes=3), cloud(40), OPEN).labels != UNLABELLED).any()


def test_masks_without_a_point_are_no_instances_and_have_no_nan():
    given = dataclasses.replace(prediction(), mask_logits=torch.full((12, 40), -9.0))
    assert len(select_instances(given, cloud(40), OPEN)) == 0


@pytest.mark.parametrize("points", [0, 40])
def test_no_queries_give_no_instances(points):
    out = select_instances(prediction(queries=0, points=points), cloud(points), SelectionConfig())
    assert len(out) == 0
    assert out.masks.shape == (0, points)


def test_as_objects_of_any_class_queries_have_their_best_class_and_the_score_of_being_one():
    given = prediction()
    said = given.class_logits.softmax(1)
    soft = given.mask_logits.sigmoid()
    surety = torch.stack([row[row > 0.5].mean() for row in soft])
    expected = (1 - said[:, -1]) * surety
    out = best_candidates(given, 50, per_class=False)
    assert len(out.query) == 12
    assert (out.scores[:-1] >= out.scores[1:]).all()
    torch.testing.assert_close(out.scores, expected[out.query], rtol=1e-4, atol=1e-5)
    assert torch.equal(out.labels, said[:, :-1].argmax(1)[out.query])
    best_four = best_candidates(given, 4, per_class=False).query.tolist()
    assert set(best_four) == set((1 - said[:, -1]).topk(4).indices.tolist())


def test_what_only_just_reaches_a_limit_stays_below_it():
    half = said([0.5, 0.75, 0.75, 0.0625])
    on_half = dataclasses.replace(OPEN, mask_threshold=0.5)
    assert select_instances(half, cloud(4), on_half).masks.tolist() == [[False, True, True, False]]
    for exclusive in (False, True):
        config = dataclasses.replace(on_half, exclusive=exclusive)
        sizes = [
            len(select_instances(half, cloud(4), dataclasses.replace(config, min_points=n))) for n in (1, 2)
        ]
        assert sizes == [1, 0]
    score = float(select_instances(half, cloud(4), on_half).scores[0])
    assert len(select_instances(half, cloud(4), dataclasses.replace(on_half, score_threshold=score))) == 0


@pytest.mark.parametrize(("points", "left"), [(2, 1), (3, 2)])
def test_a_mask_needs_three_tenths_of_its_points_for_itself(points, left):
    first = [0.9] * (10 - points) + [0.6] * points
    second = [0.7] * 10
    config = dataclasses.replace(OPEN, mask_threshold=0.5, suppress=False, exclusive=True)
    assert len(select_instances(said(first, second), cloud(10), config)) == left
